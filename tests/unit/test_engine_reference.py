"""The reference engine: order of things at equal time, independence of patients, failures."""

from functools import partial
from types import SimpleNamespace

import antimony
import numpy as np
import pytest
import roadrunner

from cxaxis.core.errors import ModelValueError, SimulationFailedError, UserInputError
from cxaxis.core.outcomes import Outcome, require_success
from cxaxis.engine import reference
from cxaxis.engine.choice import ENGINES, engine_named
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.reference import (
    ReferenceEngine,
    _load,
    infusion_constant,
    with_infusions,
    with_values,
)
from science_support import TIGHT, bench_model, bolus, in_model_units, infusion, table
from science_support import run as run_with

# A patient in little: it loads in a moment, where the packaged one takes a minute or more.
SMALL = """
model small()
  compartment cisplatin_volume, plerixafor_volume, fluorouracil_volume, tumour_fluid;
  body_weight = 70;
  cisplatin_volume = 0.3*body_weight;
  plerixafor_volume = 0.3*body_weight;
  fluorouracil_volume = 0.2*body_weight;
  tumour_fluid = 0.02;
  substanceOnly species plerixafor_depot in plerixafor_volume;
  species plerixafor_central in plerixafor_volume, plerixafor_tumour in tumour_fluid;
  species cisplatin_central in cisplatin_volume, fluorouracil_central in fluorouracil_volume;
  species tumour_cxcr4 in tumour_fluid, held_cxcr4 in tumour_fluid;
  ka = 30; cl_plerixafor = 80; exchange = 5; kd = 80; koff = 20; turnover = 4;
  cxcr4_per_tumour_cell = 2e4; per_density = 1e-3;
  plerixafor_depot -> plerixafor_central; ka*plerixafor_depot;
  plerixafor_central -> ; cl_plerixafor*plerixafor_central;
  passing := tumour_fluid*exchange*(plerixafor_central - plerixafor_tumour);
  binding := tumour_fluid*koff*(plerixafor_tumour*tumour_cxcr4/kd - held_cxcr4);
  plerixafor_central -> plerixafor_tumour; passing;
  plerixafor_tumour + tumour_cxcr4 -> held_cxcr4; binding;
  -> tumour_cxcr4; tumour_fluid*turnover*cxcr4_per_tumour_cell*per_density;
  tumour_cxcr4 -> ; tumour_fluid*turnover*tumour_cxcr4;
  held_cxcr4 -> plerixafor_tumour; tumour_fluid*turnover*held_cxcr4;
  cisplatin_central -> ; 400*cisplatin_central;
  fluorouracil_central -> ; 3e4*fluorouracil_central/(100 + fluorouracil_central);
  plerixafor_depot = 0; plerixafor_central = 0; plerixafor_tumour = 0;
  cisplatin_central = 0; fluorouracil_central = 0; held_cxcr4 = 0;
  tumour_cxcr4 = cxcr4_per_tumour_cell*per_density;
  tumour_signal := tumour_cxcr4/(tumour_cxcr4 + 10);

  rt = 0; k_delivery = 100; alpha = 0.3; beta = 0.03; per_cisplatin = 1e-3;
  rt' = -k_delivery*rt;
  cells_at_diagnosis = 1e9; cells_at_inception = 1e6;
  birth_rate = 0.1; crowding_exponent = 0.05; loss = 0.9; control_draw = 0.7;
  tumour_log = ln(cells_at_inception/cells_at_diagnosis);
  tumour_present = 1;
  birth := birth_rate*(0.8 + 0.2*tumour_signal)*(1 - loss*exp(crowding_exponent*tumour_log));
  kill := k_delivery*rt*(alpha + beta*rt) + per_cisplatin*cisplatin_central;
  tumour_log' = tumour_present*(birth - kill);
  tumour_cells := tumour_present*cells_at_diagnosis*exp(tumour_log);
  E_control: at (tumour_cells*1e-3 < control_draw): tumour_present = 0;

  hazard = 0; node_draw = 0.02; node_present = 0; node_log = 0;
  hazard' = 1e-3*tumour_present*exp(0.6*tumour_log);
  E_arrival: at (hazard > node_draw): node_present = 1;
  node_log' = node_present*0.05;
  node_burden := node_present*exp(node_log);
  death_hazard = 0;
  death_hazard' = 1e-4 + 1e-3*tumour_cells/(1e9 + tumour_cells);
end
"""


def small_model():
    """The model above, as the tests ask for it."""
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(SMALL) >= 0, antimony.getLastError()
    rates = ("rt", "tumour_log", "hazard", "node_log", "death_hazard")
    species = ("plerixafor_depot", "plerixafor_central", "plerixafor_tumour", "cisplatin_central")
    species += ("fluorouracil_central", "tumour_cxcr4", "held_cxcr4")
    return SimpleNamespace(sbml=antimony.getSBMLString("small"), states=(*species, *rates))


MODEL = small_model()
DECAY = table(body_weight=70.0)
run = partial(run_with, engine=ReferenceEngine())


def simulate(patients, times, outputs, doses=(), **options):
    return ReferenceEngine().simulate(
        MODEL.sbml, patients, DoseTable(tuple(doses)), np.asarray(times), outputs, **options
    )


def test_outputs_are_recorded_before_doses_at_equal_times():
    result = run(
        MODEL,
        DECAY,
        [0.0, 1.0, 1.5, 2.0],
        ["amount(cisplatin_central)"],
        [bolus("cisplatin_central", 1000.0, day) for day in (0.0, 1.0)],
    )
    level = result.values[0, :, 0]
    assert level[0] == 0
    assert level[1] < 1e-3 * 1000
    assert level[2] > 1e-12
    # The second dose is gone from the reading at its own time, and decays from 1000 after it.
    just_after = run(
        MODEL,
        DECAY,
        [1.0 + 1e-7, 2.0],
        ["amount(cisplatin_central)"],
        [bolus("cisplatin_central", 1000.0, 1.0)],
    )
    assert just_after.values[0, 0, 0] == pytest.approx(1000, rel=1e-4)


def test_a_dose_at_the_horizon_is_not_applied():
    def course(*doses):
        return run(MODEL, DECAY, [0.5, 1.0], ["cisplatin_central", "plerixafor_depot"], doses)

    with_late = course(bolus("cisplatin_central", 10.0), bolus("plerixafor_depot", 5.0, 1.0))
    without = course(bolus("cisplatin_central", 10.0))
    assert np.array_equal(with_late.values, without.values)


def test_doses_at_one_time_add_up():
    both = run(
        MODEL,
        DECAY,
        [0.01],
        ["plerixafor_depot"],
        [bolus("plerixafor_depot", 1.0), bolus("plerixafor_depot", 2.0)],
    )
    once = run(MODEL, DECAY, [0.01], ["plerixafor_depot"], [bolus("plerixafor_depot", 3.0)])
    assert both.values == pytest.approx(once.values, rel=1e-12)


def test_an_infusion_is_the_limit_of_many_small_doses():
    n, length, amount = 2000, 0.5, 1e5
    small = [bolus("cisplatin_central", amount / n, (k + 0.5) * length / n) for k in range(n)]
    times = [0.25 + 1e-9, 0.5, 0.7]
    parts = run(MODEL, DECAY, times, ["cisplatin_central"], small, tolerances=Tolerances())
    whole = run(
        MODEL, DECAY, times, ["cisplatin_central"], [infusion("cisplatin_central", amount, length)]
    )
    assert parts.values == pytest.approx(whole.values, rel=2e-3)


def test_infusions_into_one_target_overlap_and_meet():
    """Two halves one after another are the whole; two at once are the double rate."""
    times = [0.2, 0.5, 0.9, 1.5]
    outputs = ["cisplatin_central"]

    def course(*doses):
        return run(MODEL, DECAY, times, outputs, doses).values[0, :, 0]

    target = "cisplatin_central"
    whole = course(infusion(target, 1000.0, 1.0))
    halves = course(infusion(target, 500.0, 0.5), infusion(target, 500.0, 0.5, 0.5))
    twice = course(infusion(target, 500.0, 1.0), infusion(target, 500.0, 1.0))
    assert halves == pytest.approx(whole, rel=1e-6)
    assert twice == pytest.approx(whole, rel=1e-6)
    # Starts that are sums of fractions miss the ends before them by a rounding.
    tenths = course(*(infusion(target, 100.0, 0.1, 0.1 * k) for k in range(10)))
    assert tenths == pytest.approx(whole, rel=1e-6)


def test_a_dose_of_nothing_changes_not_one_bit():
    outputs, times = ["tumour_log", "death_hazard"], np.linspace(0.0, 5.0, 11)
    doses = [bolus("rt", 1.8, 1.0)]
    nothing = [bolus("plerixafor_depot", 0.0, 0.5), infusion("cisplatin_central", 0.0, 0.3, 2.0)]
    plain = run(MODEL, DECAY, times, outputs, doses)
    padded = run(MODEL, DECAY, times, outputs, doses + nothing)
    assert np.array_equal(padded.values, plain.values)


def test_an_infusion_past_the_horizon_gives_what_fits():
    result = run(
        MODEL,
        table(cl_plerixafor=[0.0], cxcr4_per_tumour_cell=0.0),
        [1.0],
        ["amount(plerixafor_central)", "amount(plerixafor_tumour)"],
        [infusion("plerixafor_central", 400.0, 4.0)],
    )
    assert result.values[0, 0].sum() == pytest.approx(100.0, rel=1e-6)


def test_a_rate_rule_may_be_infused():
    result = run(MODEL, table(k_delivery=[0.0]), [0.5, 2.0], ["rt"], [infusion("rt", 10.0, 1.0)])
    assert result.of("rt")[0] == pytest.approx([5.0, 10.0], rel=1e-6)
    assert infusion_constant("rt") in with_infusions(MODEL.sbml, frozenset({"rt"}))


def test_a_running_infusion_does_not_reach_the_next_patient():
    """The first patient's infusion outlasts the horizon; the second has none."""
    doses = [
        Dose(patient=0, time=0.0, target="cisplatin_central", amount=1e5, duration=10.0),
    ]
    result = run(MODEL, table(body_weight=[70.0, 70.0]), [1.0], ["cisplatin_central"], doses)
    assert result.values[0, 0, 0] > 1
    assert result.values[1, 0, 0] == 0


OUTPUTS = ["tumour_log", "tumour_present", "node_burden", "death_hazard", "plerixafor_central"]
DAYS = np.array([1.0, 30.0, 100.0, 200.0])


def several(rows):
    """The listed ones of six patients, of whom some have lost their tumour by the end."""
    six = table(
        body_weight=np.linspace(50, 100, 6),
        alpha=[0.15, 0.5, 0.3, 0.6, 0.2, 0.4],
        node_draw=[0.01, 0.02, 0.5, 1.0, 0.005, 0.1],
        tumour_log=np.linspace(-2.0, 0.5, 6),
    )
    return six.rows(list(rows))


def treated(rows):
    """They are given radiation, cisplatin and plerixafor."""
    doses = [bolus("rt", 1.8, day) for day in range(38) if day % 7 < 5]
    doses += [bolus("plerixafor_depot", 2e4, day) for day in range(20)]
    doses += [infusion("cisplatin_central", 1e5, 0.1, day) for day in (0.0, 28.0)]
    return simulate(several(rows), DAYS, OUTPUTS, doses)


def test_a_patient_does_not_depend_on_the_others_of_the_batch():
    """Events of earlier patients switched flags off; nobody later may notice."""
    together = treated(range(6)).values
    assert (together[:, :, 1] == 0).any()
    assert np.array_equal(treated([5, 3, 1, 0, 2, 4]).values, together[[5, 3, 1, 0, 2, 4]])
    for k in range(6):
        assert np.array_equal(treated([k]).values[0], together[k]), k


def test_a_used_model_gives_what_a_fresh_one_gives():
    first = treated([2, 4]).values
    # Leave flags, volumes, constants and infusions of another kind behind.
    run(
        MODEL,
        table(tumour_log=[0.0], tumour_fluid=0.5, body_weight=120.0, fluorouracil_volume=5.0),
        [50.0],
        ["tumour_present"],
        [bolus("rt", 30.0), infusion("fluorouracil_central", 1e6, 4.0)],
    )
    simulate(several([0]).with_columns(tumour_fluid=0.9), DAYS, OUTPUTS, [bolus("rt", 2.0)])
    again = treated([2, 4]).values
    _load.cache_clear()
    fresh = treated([2, 4]).values
    assert np.array_equal(again, first)
    assert np.array_equal(fresh, first)


def test_a_volume_of_one_patient_does_not_reach_the_next_batch():
    def level(patients):
        return run(MODEL, patients, [0.0], ["tumour_fluid", "tumour_cxcr4"]).values[0, 0]

    before = level(table(alpha=0.3))
    changed = level(table(tumour_fluid=0.08))
    after = level(table(alpha=0.3))
    assert before.tolist() == after.tolist()
    assert changed[0] == 0.08
    # A receptor density is a concentration: it does not depend on the volume.
    assert changed[1] == pytest.approx(before[1], rel=1e-12)


def test_starting_values_that_are_expressions_follow_each_patient():
    result = run(
        MODEL,
        table(cells_at_diagnosis=[1e9, 4e9], cxcr4_per_tumour_cell=[1e4, 3e4]),
        [0.0],
        ["tumour_log", "tumour_cxcr4"],
    )
    assert result.of("tumour_log")[:, 0] == pytest.approx(np.log(1e6 / np.array([1e9, 4e9])))
    assert result.of("tumour_cxcr4")[1, 0] == pytest.approx(3 * result.of("tumour_cxcr4")[0, 0])


def test_patients_may_have_their_own_times():
    times = np.array([[0.1, 0.2], [0.2, 0.4]])
    doses = [bolus("plerixafor_depot", 10.0)]
    patients = table(body_weight=[70.0, 70.0])
    own = run(MODEL, patients, times, ["plerixafor_central"], doses)
    shared = run(MODEL, patients, [0.1, 0.2, 0.4], ["plerixafor_central"], doses)
    assert own.values[0, :, 0] == pytest.approx(shared.values[0, :2, 0], rel=1e-7)
    assert own.values[1, :, 0] == pytest.approx(shared.values[1, 1:, 0], rel=1e-7)
    assert own.times.shape == (2, 2)


def test_species_read_as_concentrations_and_as_amounts():
    result = run(
        MODEL,
        DECAY,
        [0.02],
        ["plerixafor_central", "amount(plerixafor_central)", "plerixafor_volume"],
        [bolus("plerixafor_central", 100.0)],
    )
    level, amount, volume = result.values[0, 0]
    assert amount == pytest.approx(level * volume, rel=1e-12)
    assert volume == pytest.approx(21.0)


@pytest.mark.parametrize(
    ("patients", "outputs", "doses", "message"),
    [
        (table(body_wieght=[70.0]), ["rt"], [], r"parameter 'body_wieght'.*Did you mean body_weig"),
        (DECAY, ["tumour_sells"], [], r"output 'tumour_sells'.*Did you mean.*tumour_cells"),
        (DECAY, ["amount(body_weight)"], [], r"species 'body_weight' is not in the model"),
        (
            DECAY,
            ["rt"],
            [bolus("plerixafor_dept", 1.0)],
            r"target 'plerixafor_dept'.*plerixafor_depot",
        ),
        (DECAY, ["rt"], [infusion("plerixafor_dept", 1.0, 1.0)], r"plerixafor_depot"),
        (DECAY, ["rt"], [bolus("tumour_cells", 1.0)], r"dose target 'tumour_cells'"),
        (table(tumour_signal=[1.0]), ["rt"], [], r"parameter 'tumour_signal'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(patients, outputs, doses, message):
    with pytest.raises(ModelValueError, match=message):
        simulate(patients, [1.0], outputs, doses)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([], "shape"),
        ([2.0, 1.0], "increasing"),
        ([1.0, 1.0], "increasing"),
        ([-1.0, 1.0], "non-negative"),
        (np.ones((3, 2)), "shape"),
    ],
)
def test_times_that_do_not_increase_are_refused(times, message):
    with pytest.raises(ModelValueError, match=message):
        simulate(DECAY, times, ["rt"])


def failing():
    """Three patients; the second one's tumour overflows."""
    return simulate(
        table(birth_rate=[0.1, 1e300, 0.1], control_draw=0.0, crowding_exponent=[0.05, -1.0, 0.05]),
        [0.0, 1.0, 5.0],
        ["tumour_cells"],
    )


def test_failure_is_an_outcome_of_its_patient_alone():
    result = failing()
    assert [item.outcome.is_failure for item in result.outcomes] == [False, True, False]
    broken = result.outcomes[1]
    assert broken.outcome in {Outcome.STEP_TOO_SMALL, Outcome.NON_FINITE, Outcome.STEP_LIMIT}
    assert broken.advice
    assert broken.time < 5.0
    assert broken.state in MODEL.states
    assert np.isnan(result.values[1, -1]).all()
    assert np.isfinite(result.values[[0, 2]]).all()
    assert np.array_equal(result.values[0], result.values[2])


def test_require_success_names_the_patient_and_what_to_try():
    result = failing()
    with pytest.raises(SimulationFailedError) as caught:
        require_success(["VP00001", "VP00002", "VP00003"], result.outcomes)
    text = str(caught.value)
    assert "1 of 3 virtual patients failed" in text
    assert "VP00002" in text
    assert "VP00001" not in text
    assert result.outcomes[1].advice in text
    require_success(["a", "b", "c"], result.outcomes, max_failed=1)


def test_tighter_tolerances_change_little_and_are_reported():
    doses = [bolus("plerixafor_depot", 1e4), bolus("rt", 2.0, 1.0)]
    outputs = ["plerixafor_central", "tumour_log", "tumour_signal"]
    loose = simulate(DECAY, [0.5, 5.0], outputs, doses)
    tight = simulate(DECAY, [0.5, 5.0], outputs, doses, tolerances=TIGHT)
    assert loose.tolerances == Tolerances()
    assert tight.tolerances == TIGHT
    assert loose.values == pytest.approx(tight.values, rel=1e-4, abs=1e-6)


def test_an_output_that_was_not_asked_for_is_refused():
    result = run(MODEL, DECAY, [1.0], ["rt"])
    with pytest.raises(ModelValueError, match="not among the outputs"):
        result.of("rtt")


def test_a_parameter_table_refuses_a_shape_that_does_not_fit():
    with pytest.raises(ModelValueError, match="shape"):
        ParameterTable(("a", "b"), np.zeros((3, 1)))
    with pytest.raises(ModelValueError, match="twice"):
        ParameterTable(("a", "a"), np.zeros((3, 2)))
    base = table(a=[1.0, 2.0], b=3.0)
    changed = base.with_columns(b=[5.0, 6.0], c=7.0)
    assert changed.names == ("a", "b", "c")
    assert changed.rows([1]).values.tolist() == [[2.0, 6.0, 7.0]]
    assert base.column("b").tolist() == [3.0, 3.0]
    with pytest.raises(ModelValueError, match="no column 'd'"):
        base.column("d")


def test_the_bench_runs_in_seconds():
    koff = in_model_units(bench_model(), "koff_cxcl12_cxcr4")
    result = run(
        bench_model(),
        table(cxcl12_cxcr4=[1.0], cxcr4_density=0.0, ackr3_density=0.0, kd_cxcl12_cxcr4=1e12),
        [60.0],
        ["cxcl12_cxcr4"],
    )
    lost = in_model_units(bench_model(), "k_loss_cxcl12_cxcr4")
    assert result.values[0, 0, 0] == pytest.approx(np.exp(-(koff + lost) * 60), rel=1e-6)


def test_doses_for_everybody_reach_everybody():
    assert bolus("rt", 1.0).patient == ALL_PATIENTS
    result = run(
        MODEL,
        table(k_delivery=[0.0, 0.0]),
        [1.0],
        ["rt"],
        [bolus("rt", 1.0), bolus("rt", 2.0, patient=1)],
    )
    assert result.of("rt")[:, 0].tolist() == [1.0, 3.0]


def test_a_choice_of_no_patients_is_an_empty_table():
    none = table(body_weight=[60.0, 70.0]).rows([])
    assert none.values.shape == (0, 1)
    assert none.names == ("body_weight",)


def test_without_libroadrunner_the_cure_is_named(monkeypatch):
    monkeypatch.setattr(reference, "find_spec", lambda _name: None)
    with pytest.raises(UserInputError, match=r"pip install 'cxaxis\[test\]'"):
        engine_named("reference")


def test_a_model_of_many_rules_is_optimised_only_when_asked(monkeypatch):
    """The packaged patient then loads in a minute; libroadrunner's own settings are put back."""
    config = roadrunner.Config
    settings = (config.LLVM_BACKEND, config.LLJIT_OPTIMIZATION_LEVEL)
    before = [config.getValue(key) for key in settings]
    used = []

    def loaded(sbml, load=roadrunner.RoadRunner):
        used.append([config.getValue(key) for key in settings])
        return load(sbml)

    def level(*, optimises=False):
        _load.cache_clear()
        asked = (MODEL.sbml, DECAY, DoseTable(), np.array([5.0]), ["tumour_log", "tumour_cxcr4"])
        return ReferenceEngine(optimises=optimises).simulate(*asked).values

    monkeypatch.setattr(roadrunner, "RoadRunner", loaded)
    few = level()
    monkeypatch.setattr(reference, "MANY_RULES", 0)
    plain, optimised = level(), level(optimises=True)
    assert used == [before, [config.LLJIT, 0], [config.LLJIT, 2]]
    assert [config.getValue(key) for key in settings] == before
    assert plain == pytest.approx(few, rel=1e-9)
    assert optimised == pytest.approx(few, rel=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_column_of_no_number_is_named(engine):
    """It fails its own patient alone, and only where something reads it."""
    none = np.nan
    patients = table(node_draw=[0.02, 0.02, none], turnover=[4, none, none])
    asked = (MODEL.sbml, patients, DoseTable(), np.array([1.0]), ["tumour_cxcr4"])
    result = engine_named(engine).simulate(*asked)
    assert [item.outcome.is_failure for item in result.outcomes] == [False, True, True]
    with pytest.raises(SimulationFailedError) as caught:
        require_success(["VP1", "VP2", "VP3"], result.outcomes)
    assert "VP2: non_finite at 0 (no number in column turnover)" in str(caught.value)
    assert "VP3: non_finite at 0 (no number in column node_draw, turnover)" in str(caught.value)


def test_a_model_can_be_written_out_for_one_patient():
    """Values in the text are values of the table: constants, sizes and states alike."""
    values = {"body_weight": 90.0, "tumour_fluid": 0.05, "tumour_cxcr4": 3.0, "tumour_log": -2.0}
    outputs = ["amount(tumour_cxcr4)", "tumour_log", "tumour_fluid", "cisplatin_volume"]
    asked = (DoseTable(), np.array([0.0, 2.0]), outputs)
    written = with_values(MODEL.sbml, values)
    alone = ReferenceEngine().simulate(written, ParameterTable((), np.empty((1, 0))), *asked)
    given = ReferenceEngine().simulate(MODEL.sbml, table(**values), *asked)
    assert alone.values == pytest.approx(given.values, rel=1e-6)
    assert alone.values[0, 0].tolist() == [3.0, -2.0, 0.05, 27.0]
