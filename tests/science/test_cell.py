"""The whole cell: expression, ligand, receptors and signalling joined, and what taking a part
out does to the rest."""

from functools import cache

import numpy as np
import pytest

from cxaxis.engine.doses import ALL_PATIENTS, Dose
from cxaxis.engine.protocol import Tolerances
from cxaxis.models.build import build
from science_support import in_model_units, parameters_with, run, table

MINUTE, DAY = 60.0, 86400.0
PER_CELL = Tolerances(relative=1e-7, absolute=1e-18)
REST = 6 * DAY
MODEL = build("cell", parameters_with())
WELL = in_model_units(MODEL, "medium")
PER_CELL_NM = 6.02214076e14 * 8.4e-12
MINUTES = np.arange(0.0, 91.0, 0.25)
# A line rich in CXCR4 in fresh medium: 1e5 receptors, no ligand or ACKR3 of its own.
RICH = {"cxcr4_gene": 5.0, "cxcl12_gene": 0.0, "ackr3_gene": 0.0, "k_loss_cxcl12": 0.0}


@cache
def course(ligand=100.0, *, of, **changes):
    """One output at every quarter of a minute after CXCL12 (nM) reaches a cell at rest."""
    dose = Dose(patient=ALL_PATIENTS, time=REST, target="cxcl12", amount=ligand * WELL)
    result = run(
        MODEL,
        table(**{"isoform_alpha": 1.0, **changes}),
        REST + MINUTES * MINUTE,
        [of],
        [dose] if ligand else [],
        tolerances=PER_CELL,
    )
    return result.of(of)[0]


def rise(of, **changes):
    values = course(of=of, **changes)
    return values - values[0]


def test_a_cell_rests_at_the_receptor_numbers_of_the_table():
    rows = parameters_with()
    for total, row in (
        ("cxcr4_total", "cxcr4_per_tumour_cell"),
        ("ackr3_total", "ackr3_per_tumour_cell"),
    ):
        found = course(0.0, of=total)[0] * PER_CELL_NM
        assert found == pytest.approx(rows[row].value, rel=0.05)


def test_calcium_is_a_short_spike_that_pertussis_toxin_silences():
    spike = rise("calcium_free", **RICH)
    assert 10.0 <= 60 * MINUTES[spike.argmax()] <= 60.0
    assert spike.max() > 50.0
    assert spike[MINUTES == 2.0] < 0.15 * spike.max()
    silent = rise("calcium_free", pertussis_toxin=1.0, **RICH)
    assert np.abs(silent).max() < 1e-3 * spike.max()


def test_kinases_answer_in_minutes_and_stat3_without_g_protein():
    assert 2.0 <= MINUTES[rise("erk_share", **RICH).argmax()] <= 10.0
    assert 2.0 <= MINUTES[rise("akt_share", **RICH).argmax()] <= 15.0
    stat3 = rise("stat3_share", **RICH).max()
    assert rise("stat3_share", pertussis_toxin=1.0, **RICH).max() == pytest.approx(stat3, rel=0.05)
    assert rise("stat3_share", jak_inhibition=1.0, **RICH).max() < 0.1 * stat3


def test_without_cxcr4_only_ackr3_holds_arrestin():
    """Calcium and cAMP within 2 % of rest in a cell with ACKR3 alone."""
    ackr3_only = {**RICH, "cxcr4_gene": 0.0, "ackr3_gene": 300.0, "cxcr4_per_tumour_cell": 1e-9}
    arrestin = course(of="arrestin_ackr3", **ackr3_only)
    assert arrestin.max() > 2 * arrestin[0]
    for name in ("calcium_free", "camp"):
        values = course(of=name, **ackr3_only)
        assert values == pytest.approx(np.full(values.size, values[0]), rel=0.02), name


def test_low_oxygen_raises_cxcr4_through_its_response_element():
    air = course(0.0, of="cxcr4_total")[0]
    low = course(0.0, of="cxcr4_total", oxygen=9300.0)[0]
    assert 1.5 < low / air < 8.0
    mutant = {"hre_mutation_cxcr4": 1.0}
    change = (
        course(0.0, of="cxcr4_total", oxygen=9300.0, **mutant)[0]
        / (course(0.0, of="cxcr4_total", **mutant)[0])
    )
    assert change == pytest.approx(1.0, rel=0.02)


def test_the_ligand_of_the_cell_itself_reaches_the_medium_and_stops_with_its_gene():
    assert course(0.0, of="cxcl12")[0] > 1e-4
    assert abs(course(0.0, of="cxcl12", cxcl12_gene=0.0)[0]) < 1e-9


def test_arrestin_is_conserved_in_the_whole_cell():
    total = sum(course(of=n) for n in ("arrestin_free", "arrestin_cxcr4", "arrestin_ackr3"))
    expected = parameters_with()["arrestin_per_cell"].value / PER_CELL_NM
    assert total == pytest.approx(np.full(MINUTES.size, expected), rel=1e-8)
