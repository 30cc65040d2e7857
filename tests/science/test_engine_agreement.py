"""The population engine against libroadrunner (CVODE), which shares no code with it.

Every state of packaged and self-written models, doses as the trials give them, within 1e-6 of
its own peak at tight tolerance.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cxaxis.cell.course import dish
from cxaxis.core.outcomes import Outcome
from cxaxis.engine import job, population
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.reference import ReferenceEngine
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.models.wiring import Wiring
from cxaxis.patient.regimen import Body, dose_rows
from science_support import (
    NO_HARM,
    bench_model,
    bolus,
    daily_plerixafor,
    infusion,
    patient_model,
    plan_of,
    some_patients,
)

SHARE_OF_PEAK = 1e-6
# What a solver leaves of a state that is all but gone, in units of the absolute tolerance.
REMAINDER = 100.0


def columns(**given):
    arrays = np.broadcast_arrays(*(np.atleast_1d(c).astype(float) for c in given.values()))
    return ParameterTable(tuple(given), np.column_stack(arrays))


def assert_agree(sbml, table, doses, times, outputs, tolerances):
    """Compare every output of every patient; return both results."""
    times = np.asarray(times, dtype=float)
    asked = (sbml, table, DoseTable(tuple(doses)), times, outputs)
    reference = ReferenceEngine().simulate(*asked, tolerances=tolerances)
    ours = PopulationEngine().simulate(*asked, tolerances=tolerances)
    for result in (reference, ours):
        assert all(o.outcome is Outcome.COMPLETED for o in result.outcomes), result.outcomes
    peak = np.abs(reference.values).max(axis=1, keepdims=True)
    allowed = SHARE_OF_PEAK * peak + REMAINDER * tolerances.absolute
    share = np.abs(ours.values - reference.values) / allowed
    patient, row, column = np.unravel_index(np.argmax(share), share.shape)
    assert share.max() <= 1.0, (
        f"{outputs[column]} of patient {patient} at {times[row]:g}: "
        f"{ours.values[patient, row, column]!r} against {reference.values[patient, row, column]!r}"
    )
    return reference, ours


def states_of(model):
    """Every state, species as amounts."""
    species = set(model.species)
    return [f"amount({name})" if name in species else name for name in model.states]


# The packaged cell

WIRINGS = {
    "as packaged": Wiring(),
    "heterodimer drives arrestin, free uptake": Wiring(
        heterodimer="drives_arrestin", ackr3_uptake="free", stat3_through_src="on"
    ),
    "heterodimer blunts Gi, nuclear loop": Wiring(
        heterodimer="blunts_gi",
        nuclear_cxcr4_loop="on",
        tgf_beta="stromal_cxcl12_down",
        message_stabilised="on",
        chloroquine_stat3="on",
    ),
}
CELL = Tolerances(relative=1e-9, absolute=1e-22)


@cache
def cell():
    return dish(cell_context("double"))


def rested(values):
    """Return every state of cells after six days of rest."""
    model = cell().model
    outputs = states_of(model)
    result = PopulationEngine().simulate(
        model.sbml, values, DoseTable(), np.array([6 * 86400.0]), outputs, tolerances=CELL
    )
    return dict(zip(model.states, result.values[:, 0].T, strict=True))


def test_cells_of_three_wirings_after_ligand():
    """Rest is simulated, the medium gets its ligand, and the cell answers for ninety minutes."""
    base, model = cell(), cell().model
    switches = [w.switches() for w in WIRINGS.values()]
    changed = {k: np.array([s[k] for s in switches]) for k in switches[0] if k in model.units}
    values = columns(**{**base.values, **changed})
    states = rested(values)
    states["cxcl12"] = states["cxcl12"] + 30.0 * base.value_of("medium")
    times = np.linspace(0.0, 5400.0, 19)
    asked = values.with_columns(**states)
    result = assert_agree(model.sbml, asked, (), times, states_of(model), CELL)[1]
    # The wirings are different cells, so that three models were compared.
    assert np.abs(result.values[0] - result.values[1]).max() > 0
    assert np.abs(result.values[0] - result.values[2]).max() > 0


def test_a_cell_on_its_way_to_rest():
    base, model = cell(), cell().model
    times = 86400.0 * np.array([0.01, 0.1, 0.5, 2.0, 6.0])
    assert_agree(model.sbml, columns(**base.values), (), times, states_of(model), CELL)


def test_the_receptor_bench_takes_ligand_and_antagonist():
    model = bench_model()
    doses = [
        Dose(patient=ALL_PATIENTS, time=0.0, target=model.species[0], amount=1.0),
        Dose(patient=ALL_PATIENTS, time=40.0, target=model.species[1], amount=0.3),
    ]
    tolerances = Tolerances(relative=1e-10, absolute=1e-16)
    times = np.linspace(0.0, 200.0, 41)
    assert_agree(
        model.sbml, ParameterTable((), np.empty((1, 0))), doses, times, states_of(model), tolerances
    )


# The packaged patient

PATIENT = Tolerances(relative=1e-9, absolute=1e-12)
DAYS = np.array([0.0, 0.25, 1.0, 1.5, 3.0, 5.0])
EVERYTHING_AT_ONCE = [
    *(bolus("rt", 1.8, day) for day in (0.0, 1.0)),
    infusion("cisplatin_pump", 3e5, 0.1),
    infusion("fluorouracil_pump", 5e6, 1.0, 0.5),
    bolus("paclitaxel_pump", 9e4, 1.0),
    bolus("antagonist_depot", 3e4, 0.5),
    bolus("neutraliser_central", 3e3, 2.0),
    bolus("checkpoint_central", 1.3e3, 2.0),
    bolus("filgrastim_depot", 30.0, 2.0),
    # The reference misses an event that a dose triggers at once, not one that it leads to.
    infusion("resection", 4.0, 0.1, 4.0),
]


def test_a_patient_given_every_kind_of_drug_radiation_and_an_operation():
    """A drawn patient in whom every harm is at work: all states, within 1e-6 of their peaks."""
    model = patient_model()
    patient = some_patients().patients.rows([1])
    patient = patient.with_columns(**dict.fromkeys(NO_HARM, 1.0), phi=0.7)
    doses = EVERYTHING_AT_ONCE
    assert_agree(model.sbml, patient, doses, DAYS, states_of(model), PATIENT)


def prescribed(drugs, patient):
    """Doses of chemoradiotherapy and more for one patient of ordinary size."""
    body = Body(weight_kg=62.0, height_cm=168.0, creatinine_clearance_mL_min=81.0)
    plan = plan_of("arm", *drugs)
    rows = (dose_rows(drug, regimen, body, patient=patient) for drug, regimen in plan.regimens)
    return [dose for row in rows for dose in row]


def test_packaged_patients_need_no_pivoting(monkeypatch):
    """The dense fallback is many times slower; what patients usually go through avoids it."""
    tried_again = []
    retry = population._retry_pivoted

    def seen(system, nodes, batch, result):
        tried_again.extend(np.flatnonzero(result.status == job.SMALL_PIVOT))
        retry(system, nodes, batch, result)

    monkeypatch.setattr(population, "_retry_pivoted", seen)
    patients = some_patients().patients
    doses = [d for k in range(2) for d in prescribed([daily_plerixafor(240.0)], k)]
    PopulationEngine().simulate(
        patient_model().sbml, patients, DoseTable(tuple(doses)), np.array([15.0]), ["tumour_log"]
    )
    assert tried_again == []


# Self-written models

TIGHT = Tolerances(relative=1e-10, absolute=1e-13)
MODELS = {
    "two compartments, infusions and boluses": (
        """
        model m
          compartment blood, tissue; blood = 3.2; tissue = 11.5;
          species D in blood, T in tissue, R in tissue, DR in tissue;
          D = 0; T = 0; R = 2; DR = 0;
          cl = 0.9; q = 1.4; kon = 5; koff = 0.2; kin = 0.6; kdeg = 0.3; kint = 0.9;
          D -> ; cl*D;
          D -> T; q*(D - T);
          T + R -> DR; tissue*(kon*T*R - koff*DR);
          -> R; tissue*kin;
          R -> ; tissue*kdeg*R;
          DR -> ; tissue*kint*DR;
        end""",
        ("amount(D)", "amount(T)", "R", "DR"),
        {"kon": [5.0, 500.0, 0.1], "blood": [3.2, 1.0, 8.0]},
        [
            (0.0, "D", 20.0, 0.0),
            (0.0, "D", 5.0, 0.0),
            (3.0, "D", 60.0, 4.0),
            (5.0, "D", 10.0, 6.0),
            (12.0, "T", 3.0, 0.0),
        ],
    ),
    "events with delay, priority and reset": (
        """
        model m
          x = 1; y = 0; load = 0; level = 1; stage = 0;
          k = 0.4;
          x' = k*x*(1 - x/10) - 0.3*level*x*y;
          y' = 0.2*x - 0.15*y;
          load' = x;
          E1: at (load > 12), t0 = false, priority = 2: level = 0.3, stage = stage + 1;
          E2: at (load > 12), priority = 1: y = y*0.5 + stage;
          E3: at 3 after (x > 4): level = level + 0.5;
          E4: at (time >= 19.3): x = x/2;
        end""",
        ("x", "y", "load", "level", "stage"),
        {"k": [0.4, 0.9, 0.2]},
        # The reference forgets what waits for its delay, and what a dose triggers, at a dose.
        [],
    ),
    "piecewise rates, functions and assignment rules": (
        """
        function hill(s, v, k, n)
          v*s^n/(k^n + s^n)
        end
        model m
          a = 0.1; b = 2; c = 0; n = 2.6; lo = 0.7;
          drive := piecewise(1.5, sin(time/3) > 0.2, 0.3);
          gain := hill(a, 2, 0.8, n) + exp(-b)*ln(1 + b);
          a' = drive - a*(1 + c);
          b' = piecewise(gain - b, a > lo, 0.2*(gain - b));
          c' = max(a - b, 0)*0.5 - 0.3*c^1.5;
        end""",
        ("a", "b", "c", "gain", "drive"),
        {"n": [2.6, 1.3, 7.7], "lo": [0.7, 0.2, 1.1]},
        [(4.0, "a", 0.5, 0.0)],
    ),
    "stiff receptor cascade": (
        """
        model m
          compartment c; c = 2;
          species L in c, R in c, LR in c, G in c, Ga in c, P in c;
          L = 0; R = 1; LR = 0; G = 10; Ga = 0; P = 0;
          kf = 2000; kr = 40; ka = 800; kh = 300; kp = 0.02;
          L + R -> LR; c*(kf*L*R - kr*LR);
          G -> Ga; c*(ka*LR*G/(1 + G));
          Ga -> G; c*kh*Ga;
          -> P; c*kp*Ga^1.7/(0.01 + Ga^1.7);
          P -> ; c*0.05*P;
          LR -> R; c*0.01*LR;
        end""",
        ("L", "R", "LR", "G", "Ga", "P"),
        {"kf": [2e3, 2e5, 20.0], "kh": [300.0, 3.0, 3e4]},
        [(1.0, "L", 4.0, 0.0), (10.0, "L", 1.0, 5.0)],
    ),
    "a tumour under many doses, hazard and initial assignments": (
        """
        model m
          v = 1.2; size = 1; kg = 0.05; kk = 0.3;
          drug = 0; tumour = size; target0 = 3; target = target0*v; death = 0;
          drug' = -0.9*drug - 0.4*drug*target/(1 + target);
          target' = 0.5*target0*v - 0.5*target - 0.4*drug*target;
          tumour' = kg*tumour*ln(50/tumour) - kk*drug/(0.5 + drug)*tumour;
          death' = 0.001*tumour^0.67;
          frozen = 0;
          at (tumour < 0.2): frozen = 1, kk = 0.1;
        end""",
        ("drug", "target", "tumour", "death", "frozen"),
        {"v": [1.2, 0.7, 3.0], "kk": [0.3, 1.5, 0.6]},
        [(1.0 + 1.5 * k, "drug", 2.0, 0.0 if k % 3 else 0.5) for k in range(12)],
    ),
}


def sbml_of(text):
    import antimony

    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return antimony.getSBMLString(antimony.getMainModuleName())


@pytest.mark.parametrize("name", MODELS)
def test_self_written_models(name):
    text, outputs, values, rows = MODELS[name]
    doses = [
        Dose(patient=ALL_PATIENTS, time=t, target=target, amount=amount, duration=duration)
        for t, target, amount, duration in rows
    ]
    if rows:
        doses.append(Dose(patient=1, time=6.25, target=rows[0][1], amount=0.75))
    times = np.union1d(np.linspace(0.0, 25.0, 41), [12.0, 20.0])
    assert_agree(sbml_of(text), columns(**values), doses, times, list(outputs), TIGHT)


def test_a_drug_given_for_a_short_while_by_a_piecewise_rate_is_not_missed():
    """Nothing moves before it: the exact course is known, and both engines may miss it."""
    text = """
    model m
      start = 40; lasts = 0.5; x = 0; n = 0;
      x' = piecewise(1, (time >= start) && (time < start + lasts), 0);
      at (time >= start) && (time < start + lasts): n = n + 1;
    end"""
    table = columns(start=[40.0, 7.0, 900.0])
    result = PopulationEngine().simulate(
        sbml_of(text), table, DoseTable(), np.array([1000.0]), ["x", "n"]
    )
    np.testing.assert_allclose(result.values[:, 0], [[0.5, 1.0]] * 3, rtol=1e-6)
