"""What is known of one id: the page of each kind, and what would turn a verdict."""

import math
from dataclasses import replace

import pytest

from cxaxis.claims.check import all_checks
from cxaxis.claims.judge import outcome
from cxaxis.claims.records import Judgement, Measured, Outcome
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.checks import read_knowledge
from cxaxis.knowledge.expectations import Expectation
from cxaxis.knowledge.widening import relevance_words
from cxaxis.models.build import build
from cxaxis.models.graph import dependencies, is_chain
from cxaxis.report.built import short_unit
from cxaxis.report.explain import explain, kind_of
from cxaxis.report.explain_patient import patient_index, walk_path
from cxaxis.report.outline import Line, Outline, Part, markdown, plain_text, told
from cxaxis.report.turning import check_sentences

KNOWLEDGE = read_knowledge()[0]
WORLDS = 40
SHOWN = (
    *("C127", "C146", "C172", "kd_cxcl12_cxcr4", "phi", "plerixafor", "carboplatin"),
    *("ga68_pentixafor", "DRG016", "gockel_2006", "stroma_now", "cd34_peak_time"),
    *("ackr3_survival", "body_height", "antagonist_volume", "control_draw"),
)


def words(outline):
    """Return the text of a page with every run of space as one: lines are wrapped."""
    return " ".join(plain_text(outline).split())


def bound(low=None, high=None, *, kind="simulation", unit="hour"):
    return Expectation(
        id="toy",
        kind=kind,
        grade="quantitative" if kind == "simulation" else "",
        quantity="toy",
        low=low,
        high=high,
        unit=unit,
        source=("a made-up source",),
        path=(),
        note="",
        where="",
    )


def judged(check, claims, found, *, row, control=None, cost="fast", kind=None):
    return Judgement(
        check=check,
        claims=tuple(claims),
        kind=kind or row.kind,
        grade=row.grade,
        role="fitted",
        cost=cost,
        unit=row.unit,
        outcome=found,
        control=control,
        input_hash="ab" * 32 if cost == "slow" else "",
    )


def worlds(row, inside, *, of=WORLDS, value=7.0, else_value=1.0):
    """Return the outcome of so many worlds, ``inside`` of them at ``value``."""
    measured = [Measured(value, row.unit)] * inside + [Measured(else_value, row.unit)] * (
        of - inside
    )
    return outcome(measured, row)


def sentences(found, row):
    return [
        text.replace("\u00a0", " ")
        for text in check_sentences(judged("toy", [], found, row=row), row)
    ]


@pytest.fixture(scope="module")
def judgements():
    peak = KNOWLEDGE.expectations["cd34_peak_time"]
    found, broken = worlds(peak, WORLDS), worlds(peak, 0)
    audit = KNOWLEDGE.expectations["cited_work_supports_it"]
    read = outcome([Measured(-1.0, "1")], audit)
    other = outcome([Measured(1.0, "1")], audit)
    return {
        "cd34_peak_time": judged("cd34_peak_time", ["C146"], found, row=peak, control=broken),
        "audit_C127": judged("audit_C127", ["C127"], read, row=audit, control=other),
    }


@pytest.fixture(scope="module")
def page(judgements):
    return lambda name: explain(name, knowledge=KNOWLEDGE, judgements=judgements)


@pytest.mark.parametrize("name", SHOWN)
def test_every_kind_of_page_fits_the_terminal(page, name):
    outline = page(name)
    text = plain_text(outline)
    long = [line for line in text.splitlines() if len(line) > 100]
    # A web address is one word, and is not broken.
    assert all(max(map(len, line.split())) > 60 for line in long)
    assert "\u00a0" not in text
    assert markdown(outline).startswith(f"# {outline.id}")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("c127", "claim"),
        ("drg016", "evidence"),
        ("kd_cxcl12_cxcr4", "parameter"),
        ("plerixafor", "drug"),
        ("ga68_pentixafor", "tracer"),
        ("gockel_2006", "reference"),
        ("niche_release", "wiring"),
        ("registry_C172", "check"),
        ("stroma_now", "quantity"),
        ("tumour_kd_cxcl12_cxcr4", "quantity"),
    ],
)
def test_an_id_is_known_by_its_kind(name, kind):
    assert kind_of(name, KNOWLEDGE)[0] == kind


@pytest.mark.parametrize(
    ("name", "near"),
    [("C1277", "C127 (claim)"), ("plerixafr", "plerixafor (drug)"), ("stroma_nw", "(quantity)")],
)
def test_an_unknown_id_is_one_error_with_the_nearest_of_every_kind(name, near):
    with pytest.raises(UserInputError) as refused:
        kind_of(name, KNOWLEDGE)
    assert len(refused.value.findings) == 1
    assert near in str(refused.value)
    assert f"nothing has the id {name!r}" in str(refused.value)


def test_an_id_like_no_other_is_told_what_there_is():
    with pytest.raises(UserInputError, match=r"Give a claim \(C127\), a parameter"):
        kind_of("@@@@", KNOWLEDGE)


def test_a_claim_shows_the_correction_beside_the_statement_and_both_sides(page):
    text = words(page("C127"))
    for part in (
        "corrected Kaifi 2005: median survival 20 months",
        "AUD266 work 100 does not say it",
        "must show CXCR4 goes with worse overall survival [ESCC]",
        "the review gives them to Gockel 2006:",
        "they are those of Kaifi 2005:",
        "CAV027 misattributed",
        "What would change the verdict",
    ):
        assert part in text
    assert text.index("corrected") < text.index("section")


def test_a_check_shows_measurement_expectation_control_and_path(page):
    text = words(page("C146"))
    for part in (
        "kind simulation check, fitted, fast, quantitative if reproduced",
        "verdict reproduced, holds in 40 of 40 worlds",
        "measured 7 h, median and 95 % of worlds",
        "expected 6 to 9 h (time of the CD34+ peak",
        "source DRG016 plerixafor: CD34+ time to peak",
        "control Set cxcr4_per_host_cell to zero: contradicted (1 h)",
        "antagonist_depot [nmol] > antagonist_central [nM] > ",
        "cd34_blood [item/L]",
        "result committed; --run measures it afresh",
        "It holds in 40 of 40 worlds and has to in 38: undetermined if it no longer held in 3",
        "the parameters on its path that are known least are",
    ):
        assert part in text


def test_a_check_without_a_committed_result_says_so(page):
    assert "audit_C146: no result is committed. Run make ledger." in words(page("C146"))


def test_what_was_measured_now_stands_before_the_committed_result(judgements):
    row = KNOWLEDGE.expectations["cd34_peak_time"]
    now = replace(judgements["cd34_peak_time"], outcome=worlds(row, 20))
    outline = explain(
        "cd34_peak_time",
        knowledge=KNOWLEDGE,
        judgements=judgements,
        measured={"cd34_peak_time": now},
    )
    assert "undetermined, holds in 20 of 40 worlds" in words(outline)
    assert "result measured now" in words(outline)


def test_a_slow_result_of_other_inputs_is_told(judgements):
    check = next(item for item in all_checks(KNOWLEDGE) if item.cost == "slow")
    row = KNOWLEDGE.expectations[check.expectation]
    found, broken = (
        Outcome(
            verdict=verdict,
            value=1.0,
            low=0.9,
            high=1.1,
            share=share,
            n_world=20,
            margin=0.05,
            mc_error=0.04,
        )
        for verdict, share in (("contradicted", 0.0), ("reproduced", 1.0))
    )
    item = judged(check.id, check.claims, found, row=row, control=broken, cost="slow")
    outline = explain(check.id, knowledge=KNOWLEDGE, judgements={check.id: item})
    told_of = "of inputs sha256 abababababab; other inputs than today's: run make ledger"
    assert told_of in words(outline)


def test_a_gap_names_the_part_it_waits_for():
    claim = next(name for name in KNOWLEDGE.waits if not KNOWLEDGE.claims[name].references)
    wait = KNOWLEDGE.waits[claim]
    text = words(explain(claim, knowledge=KNOWLEDGE, judgements={}))
    assert f"Waits for a part of the model {wait.part}: {wait.needs}" in text
    assert f"not built: {wait.part}, with {wait.needs}" in text


def test_a_parameter_shows_how_each_source_counts_and_how_it_is_drawn(page):
    row = KNOWLEDGE.parameters["kd_cxcl12_cxcr4"]
    text = words(page(row.id))
    for name in row.evidence:
        reading = KNOWLEDGE.evidence[name]
        assert f"relevance {relevance_words(reading, KNOWLEDGE.relevance_rules)}" in text
        assert KNOWLEDGE.references[reading.reference].citation in text
    low, high = (row.value * math.exp(sign * 1.96 * row.widened_spread) for sign in (-1, 1))
    assert f"95 % of draws from {low:.3g} to {high:.3g} nM" in text
    assert "sqrt(spread^2 + (tau x (1 - relevance))^2)" in text
    assert "patient: tumour_kd_cxcl12_cxcr4 [nM] acts on" in text
    assert "signal_needs_cxcr4" in text


def test_a_fixed_parameter_and_a_share_are_drawn_as_they_are(page):
    assert "fixed at" in words(page("stroma_signal_reference"))
    assert "uniform on 0 to 1" in words(page("phi"))


def test_a_parameter_of_sampling_alone_says_so(page):
    assert "no constant of a model: used where patients" in words(page("body_height"))


def test_only_checks_whose_steps_a_parameter_enters_are_listed(page):
    text = words(page("koff_antagonist_cxcr4"))
    assert "cd34_peak_time" in text
    assert "signal_needs_cxcr4" not in text


def test_a_quantity_shows_equations_neighbours_and_parameters(page):
    text = words(page("stroma_now"))
    for part in (
        "assigned quantity of the patient model, dimensionless",
        "stroma_now = saturation(tumour_cxcl12_cxcr4, half_signal_cxcr4)",
        "depends on half_signal_cxcr4 [nM], tumour_cxcl12_cxcr4 [nM]",
        "acts on stroma_signal [1]",
        "half_signal_cxcr4: 0.3 nM, assumed",
    ):
        assert part in text


def test_coefficients_of_response_functions_are_counted_and_not_listed(page):
    text = words(page("positive_cell_response_birth_rate"))
    assert "coefficients of the cell's response functions" in text
    directly = text[text.index("Directly (patient)") :]
    assert "response_" not in directly[: directly.index("acts on")].replace("cell_response_", "")


def test_a_dosed_species_names_its_drugs(page):
    text = words(page("antagonist_depot"))
    doses = text[text.index("doses receives those of") : text.index("Equations")]
    assert "plerixafor" in doses
    assert "cisplatin" not in doses


def test_a_designation_is_never_shown_as_an_approval(page):
    for drug in KNOWLEDGE.drugs.values():
        if all(item.status != "approved" for item in drug.regulatory):
            part = next(p for p in page(drug.id).parts if p.title.startswith("Standing"))
            assert not any(line.text.startswith("approved") for line in part.lines)
    text = words(page("olaptesed"))
    assert "orphan designation, which is not an approval" in text


def test_claims_that_name_a_drug_by_a_synonym_are_found(page):
    text = words(page("plerixafor"))
    assert (
        "C146 AMD3100 mobilises CD34+ stem cells to blood checks cd34_peak_time reproduced" in text
    )
    assert "C152 " not in text


def test_what_is_held_out_of_a_tracer_stands_apart(page):
    parts = {part.title: part for part in page("ga68_pentixafor").parts}
    held_out = next(part for title, part in parts.items() if title.startswith("Held out"))
    resting = parts["Evidence"]
    for name in KNOWLEDGE.tracers["ga68_pentixafor"].held_out:
        assert any(line.text.startswith(name) for line in held_out.lines)
        assert not any(line.text.startswith(name) for line in resting.lines)


def test_an_evidence_row_names_what_rests_on_it(page):
    text = words(page("MOL002"))
    assert "parameters kd_cxcl12_cxcr4" in text
    assert "checks cd34_peak_time" in words(page("DRG016"))


def test_a_reference_names_claims_evidence_and_disputes(page):
    text = words(page("gockel_2006"))
    assert "claims C127, C134" in text
    assert "CLI021" in text
    assert "CON021" in text


@pytest.mark.parametrize(
    ("inside", "told_of"),
    [
        (
            40,
            "holds in 40 of 40 worlds and has to in 38: undetermined if it no longer held in 3 of",
        ),
        (38, "undetermined if it no longer held in 1 of them"),
        (37, "It holds in 37 of 40 worlds: 1 more world would have to agree for reproduced; 38"),
        (10, "28 more worlds would have to agree for reproduced. It fails in 30: 8 more worlds"),
        (0, "It fails in 40 of 40 worlds: undetermined if it no longer failed in 3 of them; repro"),
    ],
)
def test_worlds_that_would_turn_the_verdict_are_counted(inside, told_of):
    row = bound(6.0, 9.0)
    assert told_of in sentences(worlds(row, inside), row)[0]


def test_turning_so_many_worlds_turns_the_verdict_and_one_fewer_does_not():
    row = bound(6.0, 9.0)
    assert worlds(row, WORLDS - 2).verdict == "reproduced"
    assert worlds(row, WORLDS - 3).verdict == "undetermined"


@pytest.mark.parametrize(
    ("value", "told_of"),
    [
        (6.5, "The median 6.5 h lies inside the range; the nearest bound is 6 h, and the median "
         "would have to fall by 0.5 (8 %) to leave it."),
        (12.0, "The median 12 h lies outside the range; the nearest bound is 9 h, and the median "
         "would have to fall by 3 (25 %) to come into it."),
        (4.0, "would have to rise by 2 (50 %) to come into it."),
    ],
)  # fmt: skip
def test_the_way_of_the_median_to_the_nearest_bound_is_told(value, told_of):
    row = bound(6.0, 9.0)
    assert told_of in sentences(worlds(row, WORLDS, value=value), row)[1]


@pytest.mark.parametrize(
    ("measured", "told_of"),
    [
        ((7.0, 7.0, 7.0), "The measurement, 7 %, lies outside the range; it would have to rise by "
         "1 (14 %) to reach the bound 8 %."),
        ((9.0, 8.5, 9.5), "The interval 8.5 to 9.5 % lies inside the range; its nearer end would "
         "have to fall by 0.5 (6 %) to reach the bound 8 %"),
        ((8.5, 7.0, 9.0), "The interval 7 to 9 % straddles the bound 8 %: for reproduced its lower "
         "end would have to rise by 1 (14 %), for contradicted its upper end would have to fall "
         "below the bound, by 1."),
        ((11.0, 9.0, 13.0), "straddles the bound 12 %: for reproduced its upper end would have to "
         "fall by 1 (8 %), for contradicted its lower end would have to rise above the bound, "
         "by 3."),
        ((8.0, 8.0, 8.0), "lies on the bound: any step beyond it turns the verdict."),
    ],
)  # fmt: skip
def test_the_way_of_one_measurement_to_a_bound_is_told(measured, told_of):
    row = bound(8.0, 12.0, kind="data", unit="%")
    value, low, high = measured
    found = outcome([Measured(value, "%", low, high)], row)
    assert told_of in sentences(found, row)[0]


def test_worlds_on_both_sides_of_a_bound_are_told_how_far_they_reach():
    row = bound(6.0, 9.0)
    told_of = sentences(worlds(row, 30, value=7.0, else_value=4.0), row)[1]
    assert told_of.startswith("The middle 95 % of the worlds, 4 to 7, straddles the bound 6 h: for")
    assert "its lower end would have to rise by 2 (50 %)" in told_of


def test_a_margin_within_the_error_is_told():
    row = bound(6.0, 9.0)
    clear = "more worlds alone may turn it"
    assert any(clear in text for text in sentences(worlds(row, 38), row))
    assert not any(clear in text for text in sentences(worlds(row, 20), row))


def test_a_failed_model_and_an_unmeasured_thing_have_no_near_bound():
    row = bound(6.0, 9.0)
    failed = outcome([None] * WORLDS, row)
    assert "four of five" in sentences(failed, row)[0]
    data = bound(6.0, 9.0, kind="data")
    unread = outcome([Measured(math.nan, "hour")], data)
    assert "has to be found first" in sentences(unread, data)[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dimensionless**1", "1"),
        ("(1e-09 mole)**1 * litre**-1", "nM"),
        ("(1e-09 mole)**1 * litre**-1 * (86400.0 second)**-1", "nM/day"),
        ("litre**1 * (1e-09 mole)**-1 * (86400.0 second)**-1", "1/(nM day)"),
        ("item**1 * litre**-1", "item/L"),
        ("gray**-2", "1/Gy^2"),
        ("(60.0 second)**1", "(60 second)"),
    ],
)
def test_a_unit_of_a_model_is_shown_as_it_is_written(text, shown):
    assert short_unit(text) == shown


def test_every_unit_of_the_patient_model_is_shown_without_a_raw_scale():
    shown = {short_unit(text) for text in build("patient").units.values()}
    assert not any("second" in unit or "mole" in unit for unit in shown)


def test_markdown_nests_what_belongs_together_and_keeps_signs():
    outline = Outline(
        id="x",
        heading="a < b",
        parts=(Part(title="T", lines=(Line(text="p * q"), told("why", "so", depth=1))),),
    )
    assert markdown(outline) == "# x\n\na \\< b\n\n## T\n\n- p \\* q\n  - **why**: so"


def test_an_empty_statement_is_not_shown():
    outline = Outline(id="x", heading="y", parts=(Part(lines=(told("note", ""),)),))
    assert plain_text(outline) == "x  y"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("AMD3100", "plerixafor"),
        ("nox-a12", "olaptesed"),
        ("C1", "C001"),
        ("NCT0135965", "REG012"),
        ("64Cu-AMD3100", "cu64_amd3100"),
        ("cav052", "CAV052"),
        ("HRT026", "HRT026"),
    ],
)
def test_other_names_and_rows_without_a_page_of_their_own_are_known(name, found):
    assert explain(name).id == found


def test_a_row_shows_its_cells_and_the_claims_it_bears_on():
    page = plain_text(explain("REG012"))
    assert "NCT01359657" in page
    assert "C172" in page


def test_a_wiring_of_the_cell_says_that_patients_do_not_have_it():
    page = plain_text(explain("heterodimer"))
    assert "switch_heterodimer_blunts_gi" in page
    assert "the patient model does not have this mechanism yet" in page


@pytest.mark.parametrize(
    ("name", "index"), [("VP00001", 0), ("VP00017", 16), ("vp17", 16), ("VP00000", None)]
)
def test_a_patient_is_known_by_its_label(name, index):
    assert patient_index(name) == index
    assert patient_index("C017") is None


def test_a_label_is_of_kind_patient():
    assert kind_of("VP00017", KNOWLEDGE)[0] == "patient"


def test_a_walk_leads_from_methylation_to_death_by_direct_arrows():
    model = build("patient")
    path = walk_path(model)
    assert (path[0], path[-1]) == ("methylation_cxcr4", "death_hazard")
    for link in ("open_cxcr4", "cxcr4_made", "positive_cxcr4", "tumour_log"):
        assert link in path
    assert len(set(path)) == len(path)
    assert is_chain(dependencies(model), path)


def test_a_walk_may_end_elsewhere_and_not_where_methylation_does_not_reach():
    model = build("patient")
    assert walk_path(model, "positive_cxcr4")[-1] == "positive_cxcr4"
    to_liver = walk_path(model, "liver_hazard")
    assert to_liver[-1] == "liver_hazard"
    assert is_chain(dependencies(model), to_liver)
    for name, told_of in (("deth_hazard", "Did you mean"), ("body_weight", "does not act on")):
        with pytest.raises(UserInputError, match=told_of):
            walk_path(model, name)
