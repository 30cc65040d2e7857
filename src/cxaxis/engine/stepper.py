"""The stepper: Rodas5P for several patients at once, each with its own time and step.

A lane is a patient under way. Every turn of the main loop attempts one step in all lanes;
what a lane needs only now and then (a dose, an event, the next patient) is done in scalar
code for that lane alone (`cxaxis.engine.service`). No lane's numbers depend on another's.
"""

from __future__ import annotations

from typing import Any

from cxaxis.engine import job, rodas5p
from cxaxis.engine.course import HUGE, Course
from cxaxis.engine.dense import Dense
from cxaxis.engine.emit import POINTER, Code, Row, Value
from cxaxis.engine.job import Table
from cxaxis.engine.kernels import Kernels
from cxaxis.engine.locating import Locator

# Step control (predictive, after Gustafsson: the trend of the error over the last two steps
# may only make the step shorter than the error itself would).
SAFETY = 0.9
LARGEST_GROWTH = 8.0
SMALLEST_GROWTH = 0.2
SMALLEST_ERROR = 1e-8
# A rejected step becomes no shorter than this share, and just that if the error is no number.
REJECTED_SHRINK = 0.1
# A stop this much beyond the step proposed is reached in one step all the same.
REACH = 1.01
# A step shorter than this share of the proposal was cut short by a stop.
CUT = 0.99
# Consecutive rejections after which the step counts as too small.
LARGEST_STREAK = 60
# Steps refused for a small pivot after which a patient is left to full pivoting. Shorter
# steps would cure the pivots too, at the price of never being long again.
MOST_REFUSALS = 8
# A remaining piece up to this many steps long is cut in halves, so that no tiny step is left.
HALVING = 2.0


class Stepper:
    """Writes the main loop of a unit."""

    def __init__(
        self, kernels: Kernels, course: Course, service: Any, observe: Any, record: Any
    ) -> None:
        self.kernels = kernels
        self.unit = kernels.unit
        self.layout = kernels.layout
        self.course = course
        self.n = kernels.formulas.n
        self.n_watched = len(kernels.formulas.watched)
        self.dense = Dense(kernels, course)
        self.locator = Locator(kernels, course, self.dense)
        self.service = service
        self.observe = observe
        self.record = record

    def write(self) -> Any:
        """Write ``run(memory, table)``: work until no patient is left."""
        function, code, (pointer,) = self.unit.function("run", extra=[POINTER])
        table = Table(pointer)
        scalar = Code(code.builder, 1, code.memory, code.pitch)
        relative = _spread(code, table.real(scalar, "relative"))
        absolute = _spread(code, table.real(scalar, "absolute"))
        most = _spread(code, table.whole(scalar, "max_steps"))
        code.store(self.layout.relative, relative)
        code.store(self.layout.absolute, absolute)
        with code.each_lane(code.truth(True)) as lane:
            lane.store(self.course.alive, lane.whole(0))
            lane.store(self.course.reason, lane.whole(-1))
            self.unit.call(lane, self.service, pointer)
        with code.repeat_while(lambda: code.load_whole(self.course.alive).differs(0)):
            self._turn(code, pointer, relative, absolute, most)
        code.builder.ret_void()
        return function

    def _turn(
        self, code: Code, pointer: Any, relative: Value, absolute: Value, most: Value
    ) -> None:
        course, layout = self.course, self.layout
        alive = code.load_whole(course.alive).differs(0)
        time, proposed, stop = (code.load(r) for r in (course.time, course.step, course.stop))
        remaining = stop - time
        lands = proposed * REACH >= remaining
        half = proposed * HALVING > remaining
        step = code.select(lands, remaining, code.select(half, remaining * 0.5, proposed))
        step = code.select(alive, step, code.number(1.0))
        arrival = code.select(lands, stop, time + step)
        self._stages(code, time, step, arrival)
        self._arrive(code)
        tolerance = (relative, absolute)
        error = self._norm(code, layout.stage(rodas5p.N_STAGE - 1, self.n), tolerance)
        pivots_hold = code.load(layout.small_pivot).equals(0.0)
        fine = alive & pivots_hold & (error <= 1.0)
        changed = self.locator.changes(code, time, step, arrival, fine)
        error = self._error_inside(code, time, step, arrival, error, fine, changed, tolerance)
        sound = (error < HUGE) & pivots_hold
        accepted = fine & sound & (error <= 1.0)
        rejected = alive & ~accepted
        self._control(code, time, step, error, sound, accepted, rejected, lands)
        steps = code.load_whole(course.steps) + 1
        code.store(course.steps, steps)
        reached, located = self.locator.reached(code, time, step, arrival, accepted, changed)
        self._outputs(code, pointer, time, step, reached, accepted)
        self._advance(code, time, step, reached, accepted, located)
        too_many = alive & (steps > most)
        code.store(course.reason, code.whole(job.STEP_LIMIT), where=too_many)
        reason = code.load_whole(course.reason)
        needs = alive & (located | (accepted & lands) | (reason > 0))
        with code.when(needs):
            with code.each(self.n) as i:
                code.store(layout.point, code.load(course.state, i), i)
            code.store(layout.time, code.load(course.time))
            with code.each_lane(needs) as lane:
                self.unit.call(lane, self.service, pointer)

    def _within(self, code: Code, time: Value, arrival: Value, moment: Value) -> Value:
        """Return a moment kept off both ends of the step, where rates may switch.

        A rate that jumps at a time known in advance is continuous within the steps, which
        end there; only their very ends belong to one side or the other.
        """
        if not self.kernels.formulas.switches:
            return moment
        first, last = code.neighbour(time, 1), code.neighbour(arrival, -1)
        return code.smaller(code.larger(moment, first), last)

    def _stages(self, code: Code, time: Value, step: Value, arrival: Value) -> None:
        """Attempt a step in every lane: stage vectors, and the last but one value in `point`."""
        unit, layout, kernels, n = self.unit, self.layout, self.kernels, self.n
        state = self.course.state
        inverse = 1.0 / step
        code.store(layout.inverse_step, inverse * (1.0 / rodas5p.GAMMA))
        code.store(layout.time, self._within(code, time, arrival, time))
        with code.each(n) as i:
            code.store(layout.point, code.load(state, i), i)
        unit.call(code, kernels.factor)
        sloped = layout.slope.size > 0
        for s in range(rodas5p.N_STAGE):
            before = [layout.stage(j, n) for j in range(s)]
            moment = time + step * rodas5p.TIMES[s]
            code.store(layout.time, self._within(code, time, arrival, moment))
            with code.each(n) as i:
                stages = [code.load(row, i) for row in before]
                if s > 0:
                    if s < len(rodas5p.A):
                        point = code.load(state, i)
                        for weight, stage in zip(rodas5p.A[s], stages, strict=True):
                            point = point + stage * weight
                    else:
                        point = code.load(layout.point, i) + stages[-1]
                    code.store(layout.point, point, i)
                right = code.number(0.0)
                for weight, stage in zip(rodas5p.C[s], stages, strict=True):
                    right = right + stage * weight
                right = right * inverse
                if sloped and rodas5p.TIME_WEIGHTS[s]:
                    slope = code.load(layout.slope, i)
                    right = right + slope * (step * rodas5p.TIME_WEIGHTS[s])
                code.store(layout.right, right, i)
            unit.call(code, kernels.rates)
            unit.call(code, kernels.solve, code.address(layout.stage(s, n)))
            if s == 0 and kernels.check is not None:
                unit.call(code, kernels.check)

    def _arrive(self, code: Code) -> None:
        """Finish the step: the value that the last stage corrects."""
        last = self.layout.stage(rodas5p.N_STAGE - 1, self.n)
        with code.each(self.n) as i:
            new = code.load(self.layout.point, i) + code.load(last, i)
            code.store(self.course.arrived, new, i)

    def _norm(self, code: Code, row: Row, tolerance: tuple[Value, Value]) -> Value:
        """Return the root mean square of rows in units of the tolerance of each state."""
        course = self.course
        relative, absolute = tolerance
        code.store(course.sum, 0.0)
        with code.each(self.n) as i:
            old, new = code.load(course.state, i), code.load(course.arrived, i)
            size = code.larger(code.function("absolute", old), code.function("absolute", new))
            ratio = code.load(row, i) / (absolute + relative * size)
            code.store(course.sum, code.load(course.sum) + ratio * ratio)
        return code.function("sqrt", code.load(course.sum) * (1.0 / self.n))

    def _error_inside(
        self,
        code: Code,
        time: Value,
        step: Value,
        arrival: Value,
        error: Value,
        fine: Value,
        changed: Value,
        tolerance: tuple[Value, Value],
    ) -> Value:
        """Return the error with that of the dense output, in lanes that will use it.

        States that follow others at once are exact at the ends of steps of any length, not
        in between. What the dense output lacks of fulfilling the equations half-way, carried
        through the step's own linear system, is its error there.
        """
        layout, course, n = self.layout, self.course, self.n
        output = code.load(course.next_output)
        needed = fine & (changed | (output <= arrival))
        code.store(course.inside, error)
        with code.when(needed):
            if not self.n_watched:
                self.dense.write(code)
            within = needed & (changed | (output < arrival))
            with code.when(within):
                self._misfit(code, time, step, arrival)
                inner = self._norm(code, layout.stage(0, n), tolerance)
                code.store(course.inside, code.larger(inner, error), where=within)
        return code.load(course.inside)

    def _misfit(self, code: Code, time: Value, step: Value, arrival: Value) -> None:
        """Write the error of the dense output half-way into the first stage's rows."""
        layout, course, n = self.layout, self.course, self.n
        inverse = 1.0 / step
        half = code.number(0.5)
        with code.each(n) as i:
            d2, d3 = (code.load(Row(course.dense.start + d * n), i) for d in (1, 2))
            rise = code.load(course.arrived, i) - code.load(course.state, i)
            code.store(layout.point, self.dense.at(code, half, i), i)
            code.store(layout.right, -((rise + (d2 + d3) * 0.25) * inverse), i)
        code.store(layout.time, self._within(code, time, arrival, time + step * 0.5))
        self.unit.call(code, self.kernels.rates)
        self.unit.call(code, self.kernels.solve, code.address(layout.stage(0, n)))

    def _control(
        self,
        code: Code,
        time: Value,
        step: Value,
        error: Value,
        sound: Value,
        accepted: Value,
        rejected: Value,
        lands: Value,
    ) -> None:
        """Propose the next step, and note why a lane cannot go on."""
        course = self.course
        bounded = code.larger(error, code.number(SMALLEST_ERROR))
        log_error = code.function("log", bounded)
        log_old = code.load(course.old_error)
        fresh = code.load_whole(course.fresh).differs(0)
        # Without a step before there is nothing to steer by but the error itself.
        plain = code.function("exp", log_error * (-1.0 / rodas5p.ERROR_ORDER)) * SAFETY
        trend = code.function("exp", (log_old - log_error) * (1.0 / rodas5p.ERROR_ORDER))
        steered = plain * trend * (step / code.load(course.old_step))
        growth = code.select(fresh, plain, code.smaller(plain, steered))
        growth = code.larger(growth, code.number(SMALLEST_GROWTH))
        growth = code.smaller(growth, code.number(LARGEST_GROWTH))
        streak = code.load_whole(course.streak)
        growth = code.select(streak > 0, code.smaller(growth, code.number(1.0)), growth)
        shrink = code.larger(code.smaller(plain, code.number(SAFETY)), code.number(REJECTED_SHRINK))
        shrink = code.select(sound, shrink, code.number(REJECTED_SHRINK))
        grown = step * growth
        # A step cut short by a stop says little about the next one.
        proposed = code.load(course.step)
        cut = step < proposed * CUT
        grown = code.select(cut, code.larger(grown, proposed), grown)
        code.store(course.step, grown, where=accepted)
        code.store(course.step, step * shrink, where=rejected)
        code.store(course.old_error, log_error, where=accepted)
        code.store(course.old_step, step, where=accepted)
        code.store(course.restart_step, step * growth, where=accepted & fresh & ~lands)
        code.store(course.fresh, code.whole(0), where=accepted)
        code.store(course.streak, code.select(rejected, streak + 1, code.whole(0)))
        rejections = code.load_whole(course.rejections)
        code.store(course.rejections, code.select(rejected, rejections + 1, rejections))
        with code.when(rejected):
            pivot = code.load(self.layout.small_pivot).differs(0.0)
            refusals = code.load_whole(course.refusals)
            refusals = code.select(rejected & pivot, refusals + 1, refusals)
            code.store(course.refusals, refusals)
            finite = error < HUGE
            cause = code.select(finite, code.whole(job.STEP_TOO_SMALL), code.whole(job.NON_FINITE))
            cause = code.select(pivot, code.whole(job.SMALL_PIVOT), cause)
            stuck = (
                (streak > LARGEST_STREAK)
                | (refusals > MOST_REFUSALS)
                | (time + step * shrink).equals(time)
            )
            code.store(course.reason, cause, where=rejected & stuck)

    # Outputs

    def _outputs(
        self, code: Code, pointer: Any, time: Value, step: Value, reached: Value, accepted: Value
    ) -> None:
        course = self.course

        def due() -> Value:
            return accepted & (code.load(course.next_output) <= reached)

        with code.repeat_while(due):
            at = due()
            when = code.load(course.next_output)
            share = code.smaller((when - time) / step, code.number(1.0))
            self.dense.move_to(code, time, step, share)
            code.store(self.layout.time, when)
            self.unit.call(code, self.observe)
            with code.each_lane(at) as lane:
                self.unit.call(lane, self.record, pointer)

    def _advance(
        self,
        code: Code,
        time: Value,
        step: Value,
        reached: Value,
        accepted: Value,
        located: Value,
    ) -> None:
        course = self.course
        if self.n_watched:
            with code.when(located):
                high = code.load(course.high)
                with code.each(self.n) as i:
                    code.store(course.arrived, self.dense.at(code, high, i), i, where=located)
        with code.each(self.n) as i:
            code.store(course.state, code.load(course.arrived, i), i, where=accepted)
        code.store(course.time, reached, where=accepted)


def _spread(code: Code, value: Value) -> Value:
    """Return a plain number as a value of every lane."""
    from llvmlite import ir

    if code.width == 1:
        return Value(code, value.ir)
    kind = code.kind(value.ir.type)
    whole = ir.IntType(32)
    single = code.builder.insert_element(
        ir.Constant(kind, ir.Undefined), value.ir, ir.Constant(whole, 0)
    )
    mask = ir.Constant(ir.VectorType(whole, code.width), [0] * code.width)
    return Value(code, code.builder.shuffle_vector(single, single, mask))
