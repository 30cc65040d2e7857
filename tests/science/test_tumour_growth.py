"""Untreated growth against its exact solution, and control of the last clonogen."""

import numpy as np
import pytest

from cxaxis.core.streams import rng_for
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import Tolerances
from cxaxis.patient.course import days_to_diagnosis, settled, to_diagnosis
from science_support import (
    bolus,
    eligible,
    in_model_units,
    parameters_with,
    patient_model,
    run,
    table,
)

MODEL = patient_model()
ENGINE = PopulationEngine()
BIRTH = in_model_units(MODEL, "birth_rate")
LOSS = in_model_units(MODEL, "loss_factor_at_diagnosis")
THETA = in_model_units(MODEL, "crowding_exponent")


def untreated(**changes):
    """A settled patient, its growth drive, and its days from inception to diagnosis."""
    values = {
        name: in_model_units(MODEL, name)
        for name in (
            "birth_rate",
            "crowding_exponent",
            "loss_factor_at_diagnosis",
            "cells_at_inception",
            "cells_at_diagnosis",
        )
    }
    patients, rest = settled(MODEL, table(**values, **changes, phi=1.0), ENGINE, Tolerances())
    drive = rest.of("growth_drive")[:, -1]
    days = days_to_diagnosis(
        birth_rate_per_day=patients.column("birth_rate"),
        growth_drive=drive,
        crowding_exponent=patients.column("crowding_exponent"),
        loss_factor=patients.column("loss_factor_at_diagnosis"),
        log_cells_at_inception=np.log(
            patients.column("cells_at_inception") / patients.column("cells_at_diagnosis")
        ),
    )
    return patients, drive, days


@pytest.mark.parametrize("per_cell", [0.0, 20_000.0, 80_000.0])
def test_the_simulated_course_reaches_diagnosis_on_the_computed_day(per_cell):
    patients, _, days = untreated(cxcr4_per_tumour_cell=per_cell)
    assert 100 < days[0] < 5000
    result = run(MODEL, patients, [0.5 * days[0], days[0]], ["tumour_log", "tumour_cells"])
    assert result.of("tumour_log")[0] == pytest.approx([result.of("tumour_log")[0, 0], 0], abs=1e-4)
    assert result.of("tumour_log")[0, 0] < -0.1
    cells = in_model_units(MODEL, "cells_at_diagnosis")
    assert result.of("tumour_cells")[0, 1] == pytest.approx(cells, rel=1e-4)


def test_more_cxcr4_signal_means_an_earlier_diagnosis():
    days = [untreated(cxcr4_per_tumour_cell=k)[2][0] for k in (0.0, 20_000.0, 80_000.0)]
    assert days[0] > days[1] > days[2]


def test_every_patient_of_a_cohort_is_at_its_diagnosed_size():
    cohort = eligible(8, 3)
    cells = run(MODEL, cohort.table, [0.0, 1e-6], ["tumour_cells"]).of("tumour_cells")[:, 0]
    assert cells == pytest.approx(cohort.table.column("cells_at_diagnosis"), rel=1e-9)
    assert (cohort.covariates["days_from_inception"] > 0).all()


def test_volume_doubles_at_diagnosis_as_birth_and_loss_say():
    """Potential doubling 5 d and a loss factor of 0.95 make a volume doubling of 100 d."""
    patients, drive, _ = untreated()
    at_diagnosis = patients.with_columns(tumour_log=0.0)
    step = 0.01
    grown = run(MODEL, at_diagnosis, [0.0, step], ["tumour_log"]).of("tumour_log")[0]
    doubling = np.log(2) / ((grown[1] - grown[0]) / step)
    assert doubling == pytest.approx(np.log(2) / (BIRTH * drive[0] * (1 - LOSS)), rel=1e-3)
    assert 80 < doubling < 120


def test_growth_never_passes_the_size_where_loss_balances_birth():
    """Crowding is complete where f exp(theta L) = 1."""
    result = run(
        MODEL,
        table(tumour_log=[0.0], control_draw=0.0),
        [20_000.0, 60_000.0],
        ["tumour_log"],
        tolerances=Tolerances(),
    ).of("tumour_log")[0]
    assert result == pytest.approx(np.full(2, -np.log(LOSS) / THETA), rel=1e-3)


def test_small_tumours_grow_at_almost_the_birth_rate_less_crowding():
    patients, drive, _ = untreated()
    start = -15.0
    result = run(
        MODEL,
        patients.with_columns(tumour_log=start, control_draw=0.0),
        [0.0, 0.01],
        ["tumour_log"],
    ).of("tumour_log")[0]
    expected = BIRTH * drive[0] * (1 - LOSS * np.exp(THETA * start))
    assert (result[1] - result[0]) / 0.01 == pytest.approx(expected, rel=1e-3)


def test_the_share_controlled_is_poisson_in_the_surviving_clonogens():
    """Control at N surviving clonogens has probability exp(-N); the draw alone varies."""
    n = 1500
    draws = rng_for(12, "control_test").standard_exponential(n)
    # Growth off: the smallest expected number of clonogens is known exactly.
    smallest = 0.7
    cells = in_model_units(MODEL, "cells_at_diagnosis")
    fraction = in_model_units(MODEL, "clonogenic_fraction")
    kill = -np.log(smallest / (cells * fraction))
    alpha = in_model_units(MODEL, "alpha_tumour")
    patients = table(
        control_draw=draws,
        birth_rate=0.0,
        tumour_log=0.0,
        alpha_beta_ratio=1e12,
    )
    present = run(
        MODEL,
        patients,
        [1.0],
        ["tumour_present"],
        [bolus("rt", kill / alpha)],
        tolerances=Tolerances(),
    ).of("tumour_present")[:, 0]
    controlled = 1 - present.mean()
    chance = np.exp(-smallest)
    assert controlled == pytest.approx(chance, abs=3 * np.sqrt(chance * (1 - chance) / n))
    # Not only the share: each patient is controlled exactly if its draw was reached.
    clear = np.abs(draws / smallest - 1) > 1e-3
    assert np.array_equal((present < 0.5)[clear], (draws > smallest)[clear])


def test_a_controlled_tumour_stays_gone():
    result = run(
        MODEL,
        table(tumour_log=[0.0], control_draw=1.0),
        [1.0, 400.0],
        ["tumour_cells", "tumour_present"],
        [bolus("rt", 200.0)],
    )
    assert result.of("tumour_present")[0].tolist() == [0, 0]
    assert result.of("tumour_cells")[0].tolist() == [0, 0]


def test_phi_does_not_change_the_untreated_course():
    rows = parameters_with()
    base = table(
        **{name: rows[row].value * MODEL.factors[name] for name, row in MODEL.bindings.items()}
    )
    low, high = (to_diagnosis(MODEL, base.with_columns(phi=phi), ENGINE) for phi in (0.0, 1.0))
    assert low.patients.column("phi").tolist() == [0.0]
    assert low.days_from_inception.tolist() == high.days_from_inception.tolist()
    for slot, cells in low.cells.items():
        assert np.array_equal(cells, high.cells[slot])
