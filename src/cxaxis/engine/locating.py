"""Where within a step a watched comparison turns first.

Comparisons are looked at at the ends of a step, half-way, and where a parabola through the
three comes closest to turning; what turns is then located on the dense output.
"""

from __future__ import annotations

from cxaxis.engine.course import Course
from cxaxis.engine.dense import Dense
from cxaxis.engine.emit import Code, Value
from cxaxis.engine.kernels import Kernels

# Width, relative to the time or the step, to which an event is located.
EVENT_WIDTH = 1e-13
LOCATION_TURNS = 120
# A residual that comes this close to zero between the ends of a step, as a share of its size
# there, is looked at where it does.
NEAR = 0.1


class Locator:
    """Writes the search for the first turn of a watched comparison."""

    def __init__(self, kernels: Kernels, course: Course, dense: Dense) -> None:
        self.kernels = kernels
        self.unit = kernels.unit
        self.layout = kernels.layout
        self.course = course
        self.dense = dense
        self.n = kernels.formulas.n
        self.n_watched = len(kernels.formulas.watched)

    def changes(self, code: Code, time: Value, step: Value, arrival: Value, fine: Value) -> Value:
        """Return whether some watched comparison turns in the step.

        `Course.high` is then where one has turned: the end of the step, or a turning point
        within it for a comparison that turns and turns back.
        """
        if not self.n_watched:
            return code.truth(False)
        layout, course = self.layout, self.course
        with code.each(self.n) as i:
            code.store(layout.point, code.load(course.arrived, i), i)
        code.store(layout.time, arrival)
        self.unit.call(code, self.kernels.watch)
        at_end = self._changed(code) & fine
        self._keep_end(code, code.truth(True))
        code.store(course.high, 1.0)
        code.store(course.located, code.to_real(at_end))
        with code.when(fine):
            self.dense.write(code)
            self.dense.move_to(code, time, step, code.number(0.5))
            self.unit.call(code, self.kernels.watch)
            self._find_vertex(code)
            vertex = code.load(course.low)
            bent = fine & (vertex < 1.0)
            with code.when(bent):
                self.dense.move_to(code, time, step, vertex)
                self.unit.call(code, self.kernels.watch)
                turned = self._changed(code) & bent
                self._keep_end(code, turned)
                code.store(course.high, vertex, where=turned)
                code.store(course.located, 1.0, where=turned)
        return code.load(course.located).differs(0.0)

    def _keep_end(self, code: Code, where: Value) -> None:
        """Keep what was just watched as the end of the bracket."""
        layout, course = self.layout, self.course
        with code.each(self.n_watched) as e:
            code.store(course.end_residual, code.load(layout.residual, e), e, where=where)
            code.store(course.end_truth, code.load(layout.truth, e), e, where=where)

    def _find_vertex(self, code: Code) -> None:
        """Set `Course.low` to where a residual comes closest to zero between ends of one sign.

        The vertex of the parabola through both ends and the middle, or 2 if none is near zero.
        """
        layout, course = self.layout, self.course
        none = code.number(2.0)
        code.store(course.low, none)
        with code.each(self.n_watched) as e:
            first, last = code.load(course.start_residual, e), code.load(course.end_residual, e)
            middle = code.load(layout.residual, e)
            bend = 2.0 * (first - 2.0 * middle + last)
            slope = 4.0 * middle - 3.0 * first - last
            vertex = slope / (-2.0 * bend)
            extreme = first + vertex * (slope + bend * vertex)
            size = code.larger(code.function("absolute", first), code.function("absolute", last))
            inside = (vertex > 0.0) & (vertex < 1.0) & (first * last > 0.0)
            near = code.select(first > 0.0, extreme, -extreme) < NEAR * size
            vertex = code.select(inside & near, vertex, none)
            code.store(course.low, code.smaller(vertex, code.load(course.low)))

    def reached(
        self,
        code: Code,
        time: Value,
        step: Value,
        arrival: Value,
        accepted: Value,
        changed: Value,
    ) -> tuple[Value, Value]:
        """Return the time reached, and whether a trigger changed.

        The time is that of the first change of a trigger, or the step's end, for which the
        triggers have just been evaluated.
        """
        if not self.n_watched:
            return arrival, code.truth(False)
        course = self.course
        changed = changed & accepted
        code.store(course.located, code.to_real(changed))
        # Where none changed, this step's end is the next one's start. What was watched last may
        # belong to another moment, if any lane has looked inside its step.
        quiet = accepted & ~changed
        with code.when(quiet), code.each(self.n_watched) as e:
            here = code.load(course.end_residual, e)
            code.store(course.start_residual, here, e, where=quiet)
        with code.when(changed):
            code.store(course.low, 0.0)
            self._locate(code, time, step, changed)
        located = code.load(course.located).differs(0.0)
        high = code.load(course.high)
        return code.select(located & (high < 1.0), time + high * step, arrival), located

    def _changed(self, code: Code) -> Value:
        """Return whether some trigger at `point` differs from what it was."""
        layout, course = self.layout, self.course
        code.store(course.sum, 0.0)
        with code.each(self.n_watched) as e:
            difference = code.load(layout.truth, e) - code.load(course.seen, e)
            code.store(course.sum, code.load(course.sum) + difference * difference)
        return code.load(course.sum) > 0.0

    def _locate(self, code: Code, time: Value, step: Value, changed: Value) -> None:
        """Narrow the bracket around the first change of a trigger.

        Secant steps aimed a hair to either side of the root, so that both ends close in,
        with a halving in every fourth turn for triggers that are not smooth. The result is
        `Course.high`, where the trigger has changed.
        """
        layout, course = self.layout, self.course
        widest = code.larger(code.function("absolute", time), step)
        width = widest * EVENT_WIDTH / step
        turns = course.turns
        code.store(turns, code.whole(0))

        def open_lanes() -> Value:
            gap = code.load(course.high) - code.load(course.low)
            return changed & (gap > 4.0 * width) & (code.load_whole(turns) < LOCATION_TURNS)

        with code.repeat_while(open_lanes):
            turn = code.load_whole(turns)
            low, high = code.load(course.low), code.load(course.high)
            code.store(course.sum, high)
            with code.each(self.n_watched) as e:
                first = code.load(course.start_residual, e)
                last = code.load(course.end_residual, e)
                crosses = code.load(course.end_truth, e).differs(code.load(course.seen, e))
                share = first / (first - last)
                share = code.select((share > 0.0) & (share < 1.0), share, code.number(0.5))
                guess = low + (high - low) * share
                nearest = code.smaller(guess, code.load(course.sum))
                code.store(course.sum, nearest, where=crosses)
            phase = Value(code, code.builder.and_(turn.ir, code.whole(3).ir))
            guess = code.load(course.sum)
            guess = code.select(phase.equals(3), (low + high) * 0.5, guess)
            guess = code.select(phase.equals(1), guess - width, guess + width)
            inner = (high - low) * 0.01
            guess = code.larger(
                code.smaller(guess, high - code.smaller(inner, width)),
                low + code.smaller(inner, width),
            )
            self.dense.move_to(code, time, step, guess)
            self.unit.call(code, self.kernels.watch)
            moved = self._changed(code)
            upper, lower = changed & moved, changed & ~moved
            going = open_lanes()
            upper, lower = upper & going, lower & going
            with code.each(self.n_watched) as e:
                here, truth = code.load(layout.residual, e), code.load(layout.truth, e)
                code.store(course.end_residual, here, e, where=upper)
                code.store(course.end_truth, truth, e, where=upper)
                code.store(course.start_residual, here, e, where=lower)
            code.store(course.high, guess, where=upper)
            code.store(course.low, guess, where=lower)
            code.store(turns, turn + 1)
