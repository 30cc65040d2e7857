"""Equations read from a model, blocks, and their rest worked out as algebra."""

import antimony
import numpy as np
import pytest

from cxaxis.cell.reduction_algebra import Program, eliminate, split
from cxaxis.cell.reduction_blocks import blocks_for
from cxaxis.cell.reduction_network import ReductionError, Values, read_network, symbolic

# A receptor that is held at the surface, meets ligand and turns a kinase on.
TEXT = """
model toy()
  compartment box;  box = 1;
  species r in box, lr in box, kinase in box, kinase_on in box, empty in box;
  ligand = 2;  kon = 0.5;  koff = 1;  k_turn = 0.1;  total = 4;
  k_act = 0.3;  k_off = 0.2;
  J_bind: r -> lr;  box * (kon * ligand * r - koff * lr);
  J_make: => r;  box * k_turn * surface;
  J_lose_r: r => ;  box * k_turn * r;
  J_lose_lr: lr => ;  box * k_turn * lr;
  J_on: kinase => kinase_on;  box * k_act * lr * kinase;
  J_off: kinase_on => kinase;  box * k_off * kinase_on;
  J_gone: empty => ;  box * k_off * empty;
  surface := r + lr;
  r = total;  lr = 0;  kinase = 10;  kinase_on = 0;  empty = 0;
end
"""


def sbml_of(text):
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return antimony.getSBMLString("toy")


@pytest.fixture(scope="module")
def network():
    return read_network(sbml_of(TEXT), {"ligand": "ligand_nM", "total": "surface_nM"})


def test_a_sum_that_nothing_changes_becomes_a_constant(network):
    assert str(network.rules["surface"]) == "surface_nM"


def test_a_state_that_starts_empty_and_that_nothing_fills_is_gone(network):
    assert "empty" not in network.rates
    assert network.rules["empty"] == 0


def test_blocks_come_after_those_they_depend_on(network):
    blocks = blocks_for(network, ["kinase_on"])
    assert [set(block.states) for block in blocks] == [{"r", "lr"}, {"kinase", "kinase_on"}]


def test_what_the_outputs_do_not_need_is_left_out(network):
    assert [set(block.states) for block in blocks_for(network, ["lr"])] == [{"r", "lr"}]


def test_elimination_gives_the_rest_in_closed_form(network):
    block = blocks_for(network, ["lr"])[0]
    program = Program(network)
    found = eliminate(program, split(block), {})
    points = {**network.constants, "ligand_nM": np.array([0.1, 2.0]), "surface_nM": 4.0}
    values = Values({**network.rules, **program.rules()}, points)
    kd = (1 + 0.1) / 0.5
    expected = 4.0 * points["ligand_nM"] / (kd + points["ligand_nM"])
    assert values.of(found["lr"]) == pytest.approx(expected, rel=1e-12)


def test_an_input_that_changes_with_time_is_refused():
    with pytest.raises(ReductionError, match="kinase_on changes with time"):
        read_network(sbml_of(TEXT), {"kinase_on": "fixed_nM"})


def test_a_block_that_no_single_state_makes_linear_is_refused():
    # Three products that share no state.
    text = """
    model toy()
      compartment box;  box = 1;  k = 1;
      species a in box, b in box, c in box, d in box;
      J_1: => a;  box * k * (b * c + 1);
      J_2: => b;  box * k * (c * d + 1);
      J_3: => c;  box * k * (d * a + 1);
      J_4: => d;  box * k * (a * b + 1);
      J_5: a => ;  box * k * a;
      J_6: b => ;  box * k * b;
      J_7: c => ;  box * k * c;
      J_8: d => ;  box * k * d;
      a = 1;  b = 1;  c = 1;  d = 1;
    end
    """
    block = blocks_for(read_network(sbml_of(text)), ["a"])[0]
    with pytest.raises(ReductionError, match="no one of them makes the rest linear"):
        split(block)


def test_events_are_refused():
    text = TEXT.replace("surface := r + lr;", "surface := r + lr; E: at time > 5: r = 0;")
    with pytest.raises(ReductionError, match="events"):
        read_network(sbml_of(text))


def test_symbols_are_there_to_make_the_functions():
    assert symbolic().Symbol("x").name == "x"
