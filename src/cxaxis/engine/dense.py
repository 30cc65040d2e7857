"""The dense output: the state at any moment within the step just made."""

from __future__ import annotations

from cxaxis.engine import rodas5p
from cxaxis.engine.course import Course
from cxaxis.engine.emit import Code, Row, Value
from cxaxis.engine.kernels import Kernels


class Dense:
    """Writes the evaluation of the dense output; moments are shares of the step."""

    def __init__(self, kernels: Kernels, course: Course) -> None:
        self.layout = kernels.layout
        self.course = course
        self.n = kernels.formulas.n

    def write(self, code: Code) -> None:
        """Write the coefficients, from the stages of the step."""
        layout, course, n = self.layout, self.course, self.n
        with code.each(n) as i:
            stages = [code.load(layout.stage(j, n), i) for j in range(rodas5p.N_STAGE)]
            for d, weights in enumerate(rodas5p.DENSE):
                value = stages[0] * weights[0]
                for weight, stage in zip(weights[1:], stages[1:], strict=True):
                    value = value + stage * weight
                code.store(Row(course.dense.start + d * n), value, i)

    def at(self, code: Code, share: Value, i: Value) -> Value:
        """Return a state within the step, ``share`` of it after its start."""
        course, n = self.course, self.n
        old, new = code.load(course.state, i), code.load(course.arrived, i)
        d1, d2, d3 = (code.load(Row(course.dense.start + d * n), i) for d in range(3))
        rest = 1.0 - share
        return rest * old + share * (new + rest * (d1 + share * (d2 + share * d3)))

    def move_to(self, code: Code, time: Value, step: Value, share: Value) -> None:
        """Move to a moment within the step: formulas are then evaluated there."""
        with code.each(self.n) as i:
            code.store(self.layout.point, self.at(code, share, i), i)
        code.store(self.layout.time, time + share * step)
