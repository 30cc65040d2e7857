"""The composer: connected ports, ids declared once, readable complaints."""

import pytest

from cxaxis.models import compose as module
from cxaxis.models.compose import ModelSourceError, compose, parse_submodel

UNITS = "unit nM = 1e-9 mole / litre;\nunit time_unit = TIME;\nunit per_time = 1 / TIME;\n"
DECAY = """model decay(amount)
  rate has per_time;   // how fast
  amount' = -rate * amount;
end
"""


@pytest.fixture
def sources(monkeypatch):
    """A library of Antimony files held in memory."""
    files = {"units.ant": UNITS, "functions.ant": "", "decay.ant": DECAY}
    monkeypatch.setattr(module, "read_source", files.__getitem__)
    return files


def test_a_submodel_used_once_keeps_its_bare_ids(sources):
    sources["top.ant"] = "model top()\n  x has nM;\n  x = 1;\n  one: decay(x);\nend\n"
    found = compose("top", time_unit="day")
    assert found.constants == {"rate": ("rate",)}
    assert "x' = -rate * x;" in found.text
    assert "unit time_unit = (86400 second);" in found.text
    assert "// how fast" not in found.text


def test_a_repeated_submodel_prefixes_its_ids_and_may_bind_either_row(sources):
    sources["top.ant"] = (
        "model top()\n  x has nM;\n  y has nM;\n  x = 1;\n  y = 0;\n"
        "  one: decay(x);\n  two: decay(y);\nend\n"
    )
    found = compose("top", time_unit="second")
    assert found.constants == {"one_rate": ("one_rate", "rate"), "two_rate": ("two_rate", "rate")}
    assert "y' = -two_rate * y;" in found.text


def test_a_constant_with_a_literal_is_an_input_and_an_expression_is_not(sources):
    sources["top.ant"] = (
        "model top()\n  x has nM;\n  x = 1;\n  given has nM;\n  given = 2;\n"
        "  half has nM;\n  half = given / 2;\n  one: decay(x);\nend\n"
    )
    found = compose("top", time_unit="day")
    assert found.inputs == {"given"}
    assert set(found.constants) == {"rate"}


def test_an_unconnected_port_is_named(sources):
    sources["top.ant"] = "model top()\n  x has nM;\n  one: decay();\nend\n"
    with pytest.raises(ModelSourceError, match=r"one: decay has 1 ports, 0 .*unconnected: amount"):
        compose("top", time_unit="day")


def test_an_argument_too_many_is_refused(sources):
    sources["top.ant"] = "model top()\n  x has nM;\n  one: decay(x, x);\nend\n"
    with pytest.raises(ModelSourceError, match="1 ports, 2 connected"):
        compose("top", time_unit="day")


def test_an_undeclared_id_is_named_with_the_nearest(sources):
    sources["top.ant"] = "model top()\n  xylose has nM;\n  one: decay(xylos);\nend\n"
    with pytest.raises(ModelSourceError, match=r"'xylos' in .*Did you mean xylose"):
        compose("top", time_unit="day")


def test_an_id_declared_twice_is_named(sources):
    sources["top.ant"] = "model top()\n  x has nM;\n  x has nM;\n  one: decay(x);\nend\n"
    with pytest.raises(ModelSourceError, match="declared more than once: x"):
        compose("top", time_unit="day")


def test_an_id_of_the_top_and_of_a_submodel_used_once_clash(sources):
    sources["top.ant"] = "model top()\n  x has nM;\n  rate has per_time;\n  one: decay(x);\nend\n"
    with pytest.raises(ModelSourceError, match="declared more than once: rate"):
        compose("top", time_unit="day")


def test_a_compartment_may_also_state_its_unit(sources):
    sources["top.ant"] = (
        "model top()\n  compartment dish;  dish has litre;\n  species x in dish;\n"
        "  J_lose: x => ;  dish * rate * x;\n  rate has per_time;\nend\n"
    )
    found = compose("top", time_unit="day")
    assert set(found.constants) == {"dish", "rate"}
    assert "J_lose: x =>; dish * rate * x;" in found.text


def test_a_file_that_is_no_model_is_refused():
    with pytest.raises(ModelSourceError, match="one 'model name"):
        parse_submodel("x = 1;")


def test_a_statement_without_semicolon_is_shown():
    with pytest.raises(ModelSourceError, match="without semicolon: 'y = 2'"):
        parse_submodel("model a()\n  x = 1;\n  y = 2\nend\n")


def test_a_reaction_and_its_rate_stay_one_statement():
    model = parse_submodel("model a(p, q)\n  J_a: p -> q;\n    k * p;\n  k has per_time;\nend\n")
    assert model.statements == ("J_a: p -> q; k * p", "k has per_time")
    assert model.ports == ("p", "q")


ABOVE = """function above(x, low)
  piecewise(low, x < low, x)
end
function twice(x)
  2 * above(x, 1)
end
function idle(x)
  x
end
"""


def test_functions_before_a_submodel_come_with_it_where_they_are_used(sources):
    sources["decay.ant"] = ABOVE + DECAY.replace("-rate *", "-twice(rate) *")
    sources["top.ant"] = (
        "model top()\n  x has nM;\n  y has nM;\n  x = 1;\n  y = 0;\n"
        "  one: decay(x);\n  two: decay(y);\nend\n"
    )
    text = compose("top", time_unit="day").text
    assert text.count("function twice(x)") == text.count("function above(x, low)") == 1
    assert "idle" not in text
    assert "y' = -twice(two_rate) * y;" in text


def test_two_functions_of_one_name_are_refused(sources):
    sources["decay.ant"] = ABOVE + DECAY
    sources["rise.ant"] = "function above(x)\n  x\nend\nmodel rise(y)\n  y' = above(y);\nend\n"
    sources["top.ant"] = (
        "model top()\n  x has nM;\n  x = 1;\n  one: decay(x);\n  two: rise(x);\nend\n"
    )
    with pytest.raises(ModelSourceError, match=r"rise\.ant.*'above'"):
        compose("top", time_unit="day")


def test_only_functions_may_stand_before_a_model():
    with pytest.raises(ModelSourceError, match="only functions"):
        parse_submodel("x = 1;\nmodel top()\nend\n")


def test_a_rule_may_choose_by_comparing(sources):
    sources["top.ant"] = (
        "model top()\n  x has nM;\n  x = 1;\n  y has nM;\n"
        "  y := piecewise(x, x >= 1 nM && x <= 2 nM, 0 nM);\n  one: decay(x);\nend\n"
    )
    found = compose("top", time_unit="day")
    assert "y := piecewise(x, x >= 1 nM && x <= 2 nM, 0 nM);" in found.text


def test_units_that_nothing_uses_are_left_out(sources):
    sources["top.ant"] = "model top()\n  x has per_time;\nend\n"
    text = compose("top", time_unit="day").text
    assert "unit per_time" in text
    assert "unit time_unit" in text
    assert "unit nM" not in text


RESPONSE = """model cell_response(a)
  response_inside := a * response_scale;  response_inside has nM;
  response_growth := response_inside * response_growth_level;  response_growth has nM;
  response_speed := response_inside * response_speed_level;  response_speed has nM;
end
"""
COEFFICIENTS = """model cell_response_coefficients()
  response_scale has dimensionless;
  response_growth_level has dimensionless;
  response_speed_level has dimensionless;
end
"""


def test_of_the_response_functions_a_model_takes_what_it_uses(sources):
    sources["cell_response.ant"] = RESPONSE
    sources["cell_response_coefficients.ant"] = COEFFICIENTS
    sources["top.ant"] = (
        "model top()\n  x has nM;\n  x = 1;\n  coefficients: cell_response_coefficients();\n"
        "  node: cell_response(x);\n  lung: cell_response(x);\n"
        "  growth := node_response_growth + lung_response_growth;  growth has nM;\nend\n"
    )
    found = compose("top", time_unit="day")
    assert found.coefficients == {"response_scale", "response_growth_level"}
    assert found.constants == {}
    assert found.inputs == {"x"}
    assert "lung_response_growth := lung_response_inside * response_growth_level;" in found.text
    assert "speed" not in found.text


def test_a_file_that_does_not_exist_is_named_with_its_like():
    with pytest.raises(ModelSourceError, match=r"cell_responce\.ant.*cell_response\.ant"):
        module.read_source("cell_responce.ant")
