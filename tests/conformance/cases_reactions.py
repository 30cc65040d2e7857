"""Feature cases: reactions, species, compartments, stoichiometries, conversion factors."""

from __future__ import annotations

import numpy as np

from conformance.feature_case import MATH, FeatureCase, level_1, level_2, level_3

exp = np.exp


CASES = [
    FeatureCase(
        name="first-order decay",
        antimony="compartment c=1; species s in c; s=3; k=0.7; s -> ; k*s;",
        exact={"s": lambda t: 3 * exp(-0.7 * t)},
    ),
    FeatureCase(
        name="a rate law is an amount per time, whatever the size",
        antimony="compartment c=4; species s in c; s=3; k=0.5; s -> ; k*s;",
        # The concentration 3 is an amount of 12; the law takes k * concentration of it.
        exact={"amount(s)": lambda t: 12 * exp(-0.125 * t), "s": lambda t: 3 * exp(-0.125 * t)},
    ),
    FeatureCase(
        name="reversible reaction",
        antimony="species a, b; a=1; b=0; a -> b; 2*a - 1*b;",
        exact={
            "a": lambda t: 1 / 3 + 2 / 3 * exp(-3 * t),
            "b": lambda t: 2 / 3 - 2 / 3 * exp(-3 * t),
        },
    ),
    FeatureCase(
        name="second order with two of one species",
        antimony="species a, b; a=2; b=0; k=0.3; 2 a -> b; k*a^2;",
        exact={"a": lambda t: 2 / (1 + 1.2 * t), "b": lambda t: 1 - 1 / (1 + 1.2 * t)},
    ),
    FeatureCase(
        name="constant rate",
        antimony="species s; s=1; -> s; 0.25;",
        exact={"s": lambda t: 1 + 0.25 * t},
    ),
    FeatureCase(
        name="chain of three",
        antimony="species a, b, d; a=1; b=0; d=0; a -> b; 2*a; b -> d; b;",
        exact={
            "a": lambda t: exp(-2 * t),
            "b": lambda t: 2 * (exp(-t) - exp(-2 * t)),
            "d": lambda t: 1 - 2 * exp(-t) + exp(-2 * t),
        },
    ),
    FeatureCase(
        name="a species on both sides",
        antimony="species a, b; a=0.9; b=0.1; a + b -> 2 b; a*b;",
        exact={"b": lambda t: 1 / (1 + 9 * exp(-t)), "a": lambda t: 1 - 1 / (1 + 9 * exp(-t))},
    ),
    FeatureCase(
        name="fractional stoichiometry",
        antimony="species a, b; a=1; b=0; 1 a -> 0.25 b; a;",
        exact={"b": lambda t: 0.25 * (1 - exp(-t))},
    ),
    FeatureCase(
        name="a boundary species drives and stays",
        antimony="species $s, p; s=2; p=0; s -> p; 0.5*s;",
        exact={"s": lambda t: 2.0, "p": lambda t: t},
    ),
    FeatureCase(
        name="transport between compartments of different size",
        antimony="""compartment u=1, w=3; species a in u, b in w; a=4; b=0; q=0.6;
            a -> b; q*(a - b);""",
        # Both come to rest at the same concentration, 4 units in 4 litres.
        exact={
            "a": lambda t: 1 + 3 * exp(-0.8 * t),
            "b": lambda t: 1 - exp(-0.8 * t),
            "amount(b)": lambda t: 3 - 3 * exp(-0.8 * t),
        },
    ),
    FeatureCase(
        name="amounts in formulas",
        antimony="""compartment c=5; substanceOnly species s in c; s=10; k=0.4; s -> ; k*s;""",
        exact={"amount(s)": lambda t: 10 * exp(-0.4 * t), "s": lambda t: 2 * exp(-0.4 * t)},
    ),
    FeatureCase(
        name="local parameter over a global one of its name",
        sbml=level_3(
            f"""<listOfCompartments><compartment id="c" size="1" constant="true"/>
            </listOfCompartments><listOfSpecies>
            <species id="s" compartment="c" initialAmount="1" hasOnlySubstanceUnits="false"
              boundaryCondition="false" constant="false"/></listOfSpecies>
            <listOfParameters><parameter id="k" value="100" constant="true"/></listOfParameters>
            <listOfReactions><reaction id="r" reversible="false"><listOfReactants>
            <speciesReference species="s" stoichiometry="1" constant="true"/></listOfReactants>
            <kineticLaw><math {MATH}><apply><times/><ci>k</ci><ci>s</ci></apply></math>
            <listOfLocalParameters><localParameter id="k" value="0.5"/></listOfLocalParameters>
            </kineticLaw></reaction></listOfReactions>"""
        ),
        exact={"s": lambda t: exp(-0.5 * t), "k": lambda t: 100.0},
    ),
    FeatureCase(
        name="the rate of a reaction in a formula",
        antimony="species s; s=2; J: s -> ; 0.5*s; total' = J; total = 0; twice := 2*J;",
        exact={
            "total": lambda t: 2 - 2 * exp(-0.5 * t),
            "twice": lambda t: 2 * exp(-0.5 * t),
            "J": lambda t: exp(-0.5 * t),
        },
    ),
    FeatureCase(
        name="stoichiometry by an assignment rule",
        antimony="species s; s=0; n s -> ; 1; n := -2*time;",
        exact={"s": lambda t: t**2, "n": lambda t: -2 * t},
    ),
    FeatureCase(
        name="stoichiometry by an initial assignment",
        antimony="species s; s=0; p=1.5; -> n s; 1; n = 2*p;",
        exact={"s": lambda t: 3 * t},
    ),
    FeatureCase(
        name="stoichiometry by a rate rule",
        antimony="species s; s=0; -> n s; 1; n = 1; n' = 2;",
        exact={"s": lambda t: t + t**2, "n": lambda t: 1 + 2 * t},
    ),
    FeatureCase(
        name="stoichiometry as a formula of Level 2",
        sbml=level_2(
            f"""<listOfCompartments><compartment id="c" size="1"/></listOfCompartments>
            <listOfSpecies><species id="s" compartment="c" initialAmount="0"/></listOfSpecies>
            <listOfParameters><parameter id="p" value="2"/></listOfParameters>
            <listOfReactions><reaction id="r" reversible="false"><listOfProducts>
            <speciesReference species="s"><stoichiometryMath><math {MATH}><apply><times/>
            <ci>p</ci><cn>3</cn></apply></math></stoichiometryMath></speciesReference>
            </listOfProducts><kineticLaw><math {MATH}><cn>0.5</cn></math></kineticLaw></reaction>
            </listOfReactions>"""
        ),
        exact={"s": lambda t: 3 * t},
    ),
    FeatureCase(
        name="Level 1, formulas as text",
        sbml=level_1(
            """<listOfCompartments><compartment name="c" volume="2"/></listOfCompartments>
            <listOfSpecies><species name="s" compartment="c" initialAmount="6"/></listOfSpecies>
            <listOfParameters><parameter name="k" value="0.5"/></listOfParameters>
            <listOfReactions><reaction name="r" reversible="false"><listOfReactants>
            <speciesReference species="s" stoichiometry="1" denominator="2"/></listOfReactants>
            <kineticLaw formula="k * s"/></reaction></listOfReactions>"""
        ),
        # Half a molecule a turn, and the concentration is half the amount.
        exact={"amount(s)": lambda t: 6 * exp(-0.125 * t), "s": lambda t: 3 * exp(-0.125 * t)},
    ),
    FeatureCase(
        name="conversion factors of the model and of a species",
        sbml=level_3(
            f"""<listOfCompartments><compartment id="c" size="1" constant="true"/>
            </listOfCompartments><listOfSpecies>
            <species id="a" compartment="c" initialAmount="0" hasOnlySubstanceUnits="false"
              boundaryCondition="false" constant="false"/>
            <species id="b" compartment="c" initialAmount="0" hasOnlySubstanceUnits="false"
              boundaryCondition="false" constant="false" conversionFactor="g"/></listOfSpecies>
            <listOfParameters><parameter id="f" value="10" constant="true"/>
            <parameter id="g" value="0.1" constant="true"/></listOfParameters>
            <listOfReactions><reaction id="r" reversible="false"><listOfProducts>
            <speciesReference species="a" stoichiometry="1" constant="true"/>
            <speciesReference species="b" stoichiometry="2" constant="true"/></listOfProducts>
            <kineticLaw><math {MATH}><cn>0.5</cn></math></kineticLaw></reaction>
            </listOfReactions>""",
            'conversionFactor="f"',
        ),
        exact={"a": lambda t: 5 * t, "b": lambda t: 0.1 * t},
    ),
    FeatureCase(
        name="a growing compartment dilutes and keeps the amount",
        antimony="""compartment c; c=1; c' = 0.5; species s in c; s=2;""",
        exact={
            "c": lambda t: 1 + 0.5 * t,
            "s": lambda t: 2 / (1 + 0.5 * t),
            "amount(s)": lambda t: 2.0,
        },
    ),
    FeatureCase(
        name="a compartment sized by a formula of time",
        antimony="compartment c; c := 2 + time; species s in c; s=3; s -> ; 0.5*s*c;",
        exact={
            "amount(s)": lambda t: 6 * exp(-0.5 * t),
            "s": lambda t: 6 * exp(-0.5 * t) / (2 + t),
        },
    ),
    FeatureCase(
        name="a rate rule of a concentration in a growing compartment",
        antimony="compartment c; c=2; c' = 1; species $s in c; s=3; s' = 0.5;",
        exact={
            "s": lambda t: 3 + 0.5 * t,
            "amount(s)": lambda t: (3 + 0.5 * t) * (2 + t),
        },
    ),
    FeatureCase(
        name="a rate rule of an amount in a growing compartment",
        antimony="compartment c; c=2; c' = 1; substanceOnly species $s in c; s=6; s' = 0.5;",
        exact={"amount(s)": lambda t: 6 + 0.5 * t, "s": lambda t: (6 + 0.5 * t) / (2 + t)},
    ),
    FeatureCase(
        name="a species by an assignment rule, in a compartment of size 4",
        antimony="compartment c=4; species $s in c, p in c; s := 1 + time; p=0; -> p; s;",
        exact={
            "s": lambda t: 1 + t,
            "amount(s)": lambda t: 4 + 4 * t,
            "amount(p)": lambda t: t + t**2 / 2,
        },
    ),
    FeatureCase(
        name="a constant species in a growing compartment",
        antimony="compartment c; c=1; c'=1; const species $s in c; s=2; x'=s; x=0;",
        exact={"amount(s)": lambda t: 2.0, "x": lambda t: 2 * np.log1p(t)},
    ),
    FeatureCase(
        name="submodels that share a species",
        before="""model decay(s, k)
              species s; s -> ; k*s;
            end""",
        antimony="""species s; s=2; A: decay(s, ka); B: decay(s, kb); ka=0.2; kb=0.3;""",
        submodels=True,
        exact={"s": lambda t: 2 * exp(-0.5 * t)},
    ),
    FeatureCase(
        name="submodels side by side",
        before="""model decay(s)
              species s; half = 2; k = ln(2)/half; s -> ; k*s; J := k*s;
            end""",
        antimony="species a, b; a=3; b=1; A: decay(a); B: decay(b);",
        submodels=True,
        exact={"a": lambda t: 3 * 2 ** (-t / 2), "B__J": lambda t: np.log(2) / 2 * 2 ** (-t / 2)},
    ),
]
