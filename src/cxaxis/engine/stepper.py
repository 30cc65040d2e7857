"""The stepper: Rodas5P for several patients at once, each with its own time and step.

A lane is a patient under way. Every turn of the main loop attempts one step in all lanes;
what a lane needs only now and then (a dose, an event, the next patient) is done in scalar
code for that lane alone (`cxaxis.engine.service`). No lane's numbers depend on another's.
"""

from __future__ import annotations

from typing import Any

from cxaxis.engine import job, rodas5p
from cxaxis.engine.course import Course
from cxaxis.engine.emit import POINTER, Code, Row, Value
from cxaxis.engine.job import Table
from cxaxis.engine.kernels import Kernels

# Step control (proportional-integral, after Gustafsson; exponents per order of the error).
SAFETY = 0.9
PROPORTIONAL = 0.7 / rodas5p.ERROR_ORDER
INTEGRAL = 0.4 / rodas5p.ERROR_ORDER
LARGEST_GROWTH = 8.0
SMALLEST_GROWTH = 0.2
SMALLEST_ERROR = 1e-8
# A rejected step shrinks at most this much, and this much when the result is no number.
REJECTED_SHRINK = 0.1
# Consecutive rejections after which the step counts as too small.
LARGEST_STREAK = 60
# Steps refused for a small pivot after which a patient is left to full pivoting. Shorter
# steps would cure the pivots too, at the price of never being long again.
MOST_REFUSALS = 8
# Width, relative to the time or the step, to which an event is located.
EVENT_WIDTH = 1e-13
LOCATION_TURNS = 120
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
        lands = proposed * 1.01 >= remaining
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
        changed = self._changes(code, arrival, fine)
        error = self._error_inside(code, time, step, arrival, error, fine, changed, tolerance)
        sound = (error < 1e300) & pivots_hold
        accepted = fine & sound & (error <= 1.0)
        rejected = alive & ~accepted
        self._control(code, time, step, error, sound, accepted, rejected, lands)
        steps = code.load_whole(course.steps) + 1
        code.store(course.steps, steps)
        reached, located = self._events(code, time, step, arrival, accepted, changed)
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
            self._write_dense(code)
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
            code.store(layout.point, self._at(code, half, i), i)
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
        steered = code.function("exp", log_old * INTEGRAL - log_error * PROPORTIONAL) * SAFETY
        growth = code.select(fresh, plain, steered)
        growth = code.larger(growth, code.number(SMALLEST_GROWTH))
        growth = code.smaller(growth, code.number(LARGEST_GROWTH))
        streak = code.load_whole(course.streak)
        growth = code.select(streak > 0, code.smaller(growth, code.number(1.0)), growth)
        shrink = code.larger(code.smaller(plain, code.number(SAFETY)), code.number(REJECTED_SHRINK))
        shrink = code.select(sound, shrink, code.number(REJECTED_SHRINK))
        grown = step * growth
        # A step cut short by a stop says little about the next one.
        proposed = code.load(course.step)
        cut = step < proposed * 0.99
        grown = code.select(cut, code.larger(grown, proposed), grown)
        code.store(course.step, grown, where=accepted)
        code.store(course.step, step * shrink, where=rejected)
        code.store(course.old_error, log_error, where=accepted)
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
            finite = error < 1e300
            cause = code.select(finite, code.whole(job.STEP_TOO_SMALL), code.whole(job.NON_FINITE))
            cause = code.select(pivot, code.whole(job.SMALL_PIVOT), cause)
            stuck = (
                (streak > LARGEST_STREAK)
                | (refusals > MOST_REFUSALS)
                | (time + step * shrink).equals(time)
            )
            code.store(course.reason, cause, where=rejected & stuck)

    # Dense output

    def _write_dense(self, code: Code) -> None:
        layout, course, n = self.layout, self.course, self.n
        with code.each(n) as i:
            stages = [code.load(layout.stage(j, n), i) for j in range(rodas5p.N_STAGE)]
            for d, weights in enumerate(rodas5p.DENSE):
                value = stages[0] * weights[0]
                for weight, stage in zip(weights[1:], stages[1:], strict=True):
                    value = value + stage * weight
                code.store(Row(course.dense.start + d * n), value, i)

    def _at(self, code: Code, share: Value, i: Value) -> Value:
        """Return a state within the step, ``share`` of it after its start."""
        course, n = self.course, self.n
        old, new = code.load(course.state, i), code.load(course.arrived, i)
        d1, d2, d3 = (code.load(Row(course.dense.start + d * n), i) for d in range(3))
        rest = 1.0 - share
        return rest * old + share * (new + rest * (d1 + share * (d2 + share * d3)))

    def _move_to(self, code: Code, time: Value, step: Value, share: Value) -> None:
        with code.each(self.n) as i:
            code.store(self.layout.point, self._at(code, share, i), i)
        code.store(self.layout.time, time + share * step)

    # Events

    def _changes(self, code: Code, arrival: Value, fine: Value) -> Value:
        """Return whether some watched comparison turns in the step."""
        if not self.n_watched:
            return code.truth(False)
        layout = self.layout
        with code.each(self.n) as i:
            code.store(layout.point, code.load(self.course.arrived, i), i)
        code.store(layout.time, arrival)
        self.unit.call(code, self.kernels.watch)
        return self._changed(code) & fine

    def _events(
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
        layout, course = self.layout, self.course
        changed = changed & accepted
        code.store(course.located, code.to_real(changed))
        code.store(course.high, 1.0)
        # Where none changed, this step's end is the next one's start. Before any lane looks
        # elsewhere, that is: residuals are then those of other moments.
        quiet = accepted & ~changed
        with code.when(quiet), code.each(self.n_watched) as e:
            here = code.load(layout.residual, e)
            code.store(course.start_residual, here, e, where=quiet)
        with code.when(changed):
            code.store(course.low, 0.0)
            with code.each(self.n_watched) as e:
                code.store(course.end_residual, code.load(layout.residual, e), e)
                code.store(course.end_truth, code.load(layout.truth, e), e)
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
            self._move_to(code, time, step, guess)
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
            self._move_to(code, time, step, share)
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
                    code.store(course.arrived, self._at(code, high, i), i, where=located)
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
