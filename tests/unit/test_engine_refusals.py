"""What is not simulated is refused before anything runs: all findings, each with its element."""

import pickle

import pytest

from conformance.feature_case import MATH, level_2, level_3, to_sbml
from cxaxis.engine.refusals import CURES, REFUSED, UnsupportedModelError
from cxaxis.engine.sbml import read_system

DELAY = (
    f'<math {MATH}><apply><csymbol encoding="text" '
    'definitionURL="http://www.sbml.org/sbml/symbols/delay">delay</csymbol>'
    "<ci>x</ci><cn>1</cn></apply></math>"
)
RATE_OF = """<csymbol encoding="text"
    definitionURL="http://www.sbml.org/sbml/symbols/rateOf">rateOf</csymbol>"""
PARAMETERS = """<listOfParameters><parameter id="x" value="1" constant="false"/>
    <parameter id="y" value="1" constant="false"/></listOfParameters>"""
SPECIES = """<listOfCompartments><compartment id="c" size="1" constant="true"/>
    </listOfCompartments><listOfSpecies><species id="s" compartment="c" initialAmount="1"
    hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"/></listOfSpecies>"""
ALGEBRAIC = f"""<algebraicRule><math {MATH}><apply><minus/><ci>x</ci><ci>y</ci></apply></math>
    </algebraicRule>"""


def reaction(law, attributes=""):
    return f"""<listOfReactions><reaction id="sink" reversible="false" {attributes}>
        <listOfReactants><speciesReference species="s" stoichiometry="1" {{constant}}/>
        </listOfReactants>{law}</reaction></listOfReactions>"""


LAW = f"<kineticLaw><math {MATH}><ci>s</ci></math></kineticLaw>"
CONSTANT = 'constant="true"'
LEVEL_2_SPECIES = """<listOfCompartments><compartment id="c" size="1"/></listOfCompartments>
    <listOfSpecies><species id="s" compartment="c" initialAmount="1"/></listOfSpecies>"""


def antimony(text):
    return to_sbml(f"model main_model()\n{text}\nend")


def refused(sbml, **options):
    with pytest.raises(UnsupportedModelError) as caught:
        read_system(sbml, **options)
    return caught.value.findings


CASES = {
    "algebraic rule": (
        level_3(f"{PARAMETERS}<listOfRules>{ALGEBRAIC}</listOfRules>"),
        "SBML103",
        "algebraic rule",
    ),
    "fast reaction": (
        level_2(LEVEL_2_SPECIES + reaction(LAW, 'fast="true"').format(constant="")),
        "SBML104",
        "'sink'",
    ),
    "delay": (
        level_3(
            f'{PARAMETERS}<listOfRules><rateRule variable="x">{DELAY}</rateRule></listOfRules>'
        ),
        "SBML106",
        "rate rule of 'x'",
    ),
    "no kinetic law": (
        level_3(SPECIES + reaction("").format(constant=CONSTANT)),
        "SBML105",
        "'sink' has no kinetic law",
    ),
    "no value": (antimony("x' = k; x = 1; k has count; unit count = 1 mole"), "SBML105", "'k'"),
    "no start": (antimony("x' = 1; var x"), "SBML105", "'x' has no value"),
    "no size": (antimony("compartment c; species s in c; s = 1; s -> ; s;"), "SBML105", "'c'"),
    "circle of starts": (
        level_3(
            f"""{PARAMETERS}<listOfInitialAssignments><initialAssignment symbol="x">
            <math {MATH}><ci>y</ci></math></initialAssignment><initialAssignment symbol="y">
            <math {MATH}><ci>x</ci></math></initialAssignment></listOfInitialAssignments>"""
        ),
        "SBML101",
        "circular",
    ),
    "circle of rates": (
        level_3(
            f"""{PARAMETERS}<listOfRules><rateRule variable="x"><math {MATH}><apply>{RATE_OF}
            <ci>y</ci></apply></math></rateRule><rateRule variable="y"><math {MATH}><apply>
            {RATE_OF}<ci>x</ci></apply></math></rateRule></listOfRules>"""
        ),
        "SBML101",
        "circular",
    ),
    "circle through a size": (
        level_3(
            f"""{SPECIES}<listOfInitialAssignments><initialAssignment symbol="c">
            <math {MATH}><ci>s</ci></math></initialAssignment></listOfInitialAssignments>"""
        ),
        "SBML109",
        "starting value of 'c'",
    ),
    "unknown package": (
        level_3(PARAMETERS).replace(
            'level="3"',
            'xmlns:new="http://www.sbml.org/sbml/level3/version1/new/version1" '
            'new:required="true" level="3"',
        ),
        "SBML102",
        "new",
    ),
    "flux balance": (
        level_3(PARAMETERS, 'fbc:strict="false"').replace(
            'level="3"',
            'xmlns:fbc="http://www.sbml.org/sbml/level3/version1/fbc/version2" '
            'fbc:required="false" level="3"',
        ),
        "SBML110",
        "fbc",
    ),
    "random draw": (
        level_3(
            f"""{PARAMETERS}<listOfInitialAssignments><initialAssignment symbol="x">
            <math {MATH}><apply><csymbol encoding="text" definitionURL=
            "http://www.sbml.org/sbml/symbols/distrib/normal">normal</csymbol>
            <cn>0</cn><cn>1</cn></apply></math></initialAssignment></listOfInitialAssignments>"""
        ).replace(
            'level="3"',
            'xmlns:distrib="http://www.sbml.org/sbml/level3/version1/distrib/version1" '
            'distrib:required="true" level="3"',
        ),
        "SBML108",
        "initial assignment of 'x'",
    ),
    "a model elsewhere": (
        level_3(
            """<comp:listOfSubmodels><comp:submodel comp:id="part" comp:modelRef="far"/>
            </comp:listOfSubmodels>"""
        )
        .replace(
            'level="3"',
            'xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" '
            'comp:required="true" level="3"',
        )
        .replace(
            "</sbml>",
            """<comp:listOfExternalModelDefinitions><comp:externalModelDefinition
            comp:id="far" comp:source="far_away.xml"/>
            </comp:listOfExternalModelDefinitions></sbml>""",
        ),
        "SBML102",
        "could not be written out",
    ),
    "a concentration after a delay, its compartment growing": (
        antimony("compartment c; c=1; c'=1; species s in c; s=1; E: at 1 after time > 1: s = 2"),
        "SBML111",
        "'s'",
    ),
    "rivals by chance": (
        antimony(
            "r = 0; a = 0; b = 0; A: at time - r > 1, priority=1, persistent=false: r = time, "
            "a = a + 1; B: at time - r > 1, priority=1, persistent=false: r = time, b = b + 1"
        ),
        "SBML112",
        "event 'A' rivals event 'B'",
    ),
    "nested beyond reading": (
        antimony("x = 1; x' = " + "sin(" * 400 + "x" + ")" * 400),
        "SBML113",
        "rate rule of 'x'",
    ),
    "no SBML": ("this is no SBML", "SBML101", "XML"),
    "another XML": ("<html><body/></html>", "SBML101", ""),
    "an undefined function": (
        level_3(
            f"""{PARAMETERS}<listOfRules><rateRule variable="x"><math {MATH}><apply>
            <ci>nowhere</ci><ci>x</ci></apply></math></rateRule></listOfRules>"""
        ),
        "SBML101",
        "nowhere",
    ),
}


@pytest.mark.parametrize(("sbml", "code", "words"), CASES.values(), ids=list(CASES))
def test_each_is_refused_with_its_element(sbml, code, words):
    findings = refused(sbml)
    named = [finding for finding in findings if finding.code == code]
    assert named, [str(finding) for finding in findings]
    assert any(words.lower() in finding.message.lower() for finding in named)


def test_all_findings_come_at_once_and_each_once():
    body = f"""{SPECIES}{PARAMETERS}<listOfRules><rateRule variable="x">{DELAY}</rateRule>
        <rateRule variable="y">{DELAY}</rateRule></listOfRules>"""
    findings = refused(level_3(body + reaction("").format(constant=CONSTANT)))
    assert [finding.code for finding in findings].count("SBML106") == 2
    assert "SBML105" in {finding.code for finding in findings}
    assert len(set(findings)) == len(findings)


def test_a_finding_says_where():
    (finding,) = refused(CASES["algebraic rule"][0])
    assert finding.where.startswith("SBML line ")


def test_what_has_no_value_may_be_given():
    text = antimony("x' = k; x = 1; k has count; unit count = 1 mole")
    system = read_system(text, given=frozenset({"k"}))
    assert "k" in system.settable


def test_what_is_not_needed_may_have_no_value():
    text = antimony("x' = 1; x = 1; k has count; unit count = 1 mole")
    assert [state.name for state in read_system(text).states] == ["x"]


def test_priorities_that_differ_settle_rivals():
    text = CASES["rivals by chance"][0]
    apart = antimony(
        "r = 0; a = 0; b = 0; A: at time - r > 1, priority=2, persistent=false: r = time, "
        "a = a + 1; B: at time - r > 1, priority=1, persistent=false: r = time, b = b + 1"
    )
    assert text != apart
    assert [event.name for event in read_system(apart).events] == ["A", "B"]


def test_a_unit_that_is_not_defined_is_no_obstacle():
    text = level_3(
        '<listOfParameters><parameter id="x" value="1" units="furlong" constant="true"/>'
        "</listOfParameters>"
    )
    assert read_system(text).held[0].value == 1


def test_every_code_is_explained():
    assert set(CURES) <= set(REFUSED)


def test_the_refusal_crosses_a_process_boundary():
    findings = refused(CASES["algebraic rule"][0])
    again = pickle.loads(pickle.dumps(UnsupportedModelError(findings)))
    assert again.findings == tuple(findings)
