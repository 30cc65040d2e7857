"""What one lane needs now and then: the next patient, doses, events, the end of a course.

All of it is scalar code on one lane. While a lane is served, its state stands in
``Layout.point`` and its time in ``Layout.time``, where every formula finds them. At one time
outputs are recorded first, then doses are applied in the order of their rows, then events.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from cxaxis.engine import job, rodas5p
from cxaxis.engine.course import HUGE, Course
from cxaxis.engine.emit import POINTER, REAL, WHOLE, Code, Row, Value
from cxaxis.engine.firings import Firings, any_of
from cxaxis.engine.job import Table
from cxaxis.engine.kernels import Kernels
from cxaxis.engine.protocol import NEGATIVE_AMOUNT_LIMIT

# Size below which a state counts as zero when looking for the one that moves fastest.
IDLE = 1e-9

# The guess of a first step, with the numbers of Hairer and Wanner, Solving Ordinary Differential
# Equations I, section II.4. Sizes and rates are in units of the tolerance.
# An explicit trial step moves the state by this share of its size, ...
TRIAL_SHARE = 0.01
# ... but where size or rate is this small their ratio is chance, and the step is blind.
TELLING = 1e-5
BLIND_STEP = 1e-6
# The first step keeps the error to this share of the tolerance, ...
ERROR_AIM = 0.01
# ... where rates are too flat for an error it is this share of the trial step, ...
FLAT = 1e-15
FLAT_SHARE = 1e-3
# ... and it is never longer than the rates were looked at, by more than this factor.
LONGEST_FIRST = 100.0


class Service:
    """Writes the scalar functions of a unit."""

    def __init__(self, kernels: Kernels, course: Course, observe_one: Any) -> None:
        self.kernels = kernels
        self.unit = kernels.unit
        self.layout = kernels.layout
        self.course = course
        self.observe_one = observe_one
        self.system = kernels.formulas.system
        self.n = kernels.formulas.n
        self.n_event = len(self.system.events)
        self.firings = Firings(kernels, course)
        self.done = kernels.rows.take()
        self.changed = self.firings.happened
        self.culprit = kernels.rows.take()
        self.extreme = kernels.rows.take()
        # Outputs stand after everything else, so that their number is free.
        self.outputs = Row(kernels.rows.size)

    def write(self) -> tuple[Any, Any]:
        """Write ``record(lane, table)`` and ``service(lane, table)``; return both."""
        record = self._write_record()
        begin = self._write_begin(record)
        settle = self._write_settle()
        finish = self._write_finish()
        restart = self._write_restart()
        function, code, (pointer,) = self.unit.function("service", scalar=True, extra=[POINTER])
        course = self.course
        code.store(self.changed, code.whole(0))
        code.store(self.done, code.whole(0))
        with code.repeat_while(lambda: code.load_whole(self.done).equals(0)):
            self._serve_once(code, pointer, begin, settle, finish, restart)
        code.store(course.reason, code.whole(0))
        code.builder.ret_void()
        return record, function

    def _serve_once(
        self, code: Code, pointer: Any, begin: Any, settle: Any, finish: Any, restart: Any
    ) -> None:
        """Serve the patient on the lane; where its course is over, turn to the next."""
        course, unit = self.course, self.unit
        with code.when(code.load_whole(course.reason).equals(-1)):
            code.store(course.reason, code.whole(0))
            unit.call(code, begin, pointer)
        with code.choice(code.load_whole(course.alive).equals(0)) as (idle, busy):
            with idle:
                self._rest(code)
                code.store(self.done, code.whole(1))
            with busy:
                with code.when(code.load_whole(course.reason).equals(0)):
                    unit.call(code, settle, pointer)
                over = code.load_whole(course.reason).differs(0) | self._at_horizon(code, pointer)
                with code.choice(over) as (ended, goes_on):
                    with ended:
                        unit.call(code, finish, pointer)
                        code.store(course.reason, code.whole(-1))
                    with goes_on:
                        unit.call(code, restart, pointer)
                        code.store(self.done, code.whole(1))

    def _rest(self, code: Code) -> None:
        """Leave an idle lane with harmless numbers: it computes along with the others."""
        course = self.course
        code.store(course.time, 0.0)
        code.store(course.stop, 1.0)
        code.store(course.step, 1.0)
        code.store(course.next_output, float("inf"))
        code.store(course.streak, code.whole(0))

    def _horizon(self, code: Code, pointer: Any) -> Value:
        table = Table(pointer)
        last = table.whole(code, "n_time") - 1
        return code.element(self._times(code, table), last)

    def _at_horizon(self, code: Code, pointer: Any) -> Value:
        return code.load(self.layout.time) >= self._horizon(code, pointer)

    def _times(self, code: Code, table: Table) -> Any:
        """Return the pointer to the output times of the patient on the lane."""
        first = code.load_whole(self.course.patient) * table.whole(code, "times_pitch")
        return code.builder.gep(table.array(code, "times"), [first.ir], source_etype=REAL)

    # Outputs

    def _write_record(self) -> Any:
        function, code, (pointer,) = self.unit.function("record", scalar=True, extra=[POINTER])
        table, course = Table(pointer), self.course
        cursor = code.load_whole(course.cursor)
        n_time, n_output = table.whole(code, "n_time"), table.whole(code, "n_output")
        first = (code.load_whole(course.patient) * n_time + cursor) * n_output
        outputs = table.array(code, "outputs")
        with code.each(n_output) as k:
            code.set_element(outputs, first + k, code.load(self.outputs, k))
        following = cursor + 1
        code.store(course.cursor, following)
        with code.choice(following < n_time) as (more, none):
            with more:
                code.store(course.next_output, code.element(self._times(code, table), following))
            with none:
                code.store(course.next_output, float("inf"))
        code.builder.ret_void()
        return function

    # The next patient

    def _write_begin(self, record: Any) -> Any:
        function, code, (pointer,) = self.unit.function("begin", scalar=True, extra=[POINTER])
        table, course, layout = Table(pointer), self.course, self.layout
        counter = table.array(code, "next_patient")
        taken = code.builder.atomic_rmw("add", counter, ir.Constant(WHOLE, 1), "monotonic")
        patient = Value(code, taken)
        code.store(course.alive, code.whole(0))
        with code.when(patient < table.whole(code, "n_patient")):
            code.store(course.alive, code.whole(1))
            code.store(course.patient, patient)
            self._load_held(code, table, patient)
            for row in (
                course.steps,
                course.rejections,
                course.refusals,
                course.cursor,
                course.streak,
            ):
                code.store(row, code.whole(0))
            self.firings.clear(code)
            code.store(course.restart_step, 0.0)
            code.store(course.old_error, 0.0)
            code.store(course.old_step, 1.0)
            code.store(layout.time, 0.0)
            code.store(self.changed, code.whole(1))
            schedule = code.element(table.array(code, "schedule_of"), patient, WHOLE)
            stops = table.array(code, "first_stop")
            code.store(course.stop_cursor, code.element(stops, schedule, WHOLE))
            code.store(course.last_stop, code.element(stops, schedule + 1, WHOLE))
            self.unit.call(code, self.kernels.start_one)
            first = code.element(self._times(code, table), code.whole(0))
            code.store(course.next_output, first)
            with code.when(first <= 0.0):
                self.unit.call(code, self.observe_one)
                self.unit.call(code, record, pointer)
        code.builder.ret_void()
        return function

    def _load_held(self, code: Code, table: Table, patient: Value) -> None:
        defaults, held = table.array(code, "defaults"), self.layout.held
        with code.each(held.size) as i:
            code.store(held, code.element(defaults, i), i)
        n_column = table.whole(code, "n_column")
        columns, values = table.array(code, "columns"), table.array(code, "table")
        first = patient * n_column
        with code.each(n_column) as k:
            value = code.element(values, first + k)
            code.store(held, value, code.element(columns, k, WHOLE))

    # Doses and events at the time reached

    def _write_settle(self) -> Any:
        function, code, (pointer,) = self.unit.function("settle", scalar=True, extra=[POINTER])
        with code.when(~self._at_horizon(code, pointer)):
            self._apply_stops(code, Table(pointer))
        if self.n_event:
            self.firings.fire(code)
        code.builder.ret_void()
        return function

    def _due_stop(self, code: Code, table: Table) -> Value:
        """Return whether a stop of the schedule is due."""
        return self._next_stop(code, table) <= code.load(self.layout.time)

    def _next_stop(self, code: Code, table: Table) -> Value:
        """Return the time of the schedule's next stop, infinite if there is none."""
        course = self.course
        cursor, last = code.load_whole(course.stop_cursor), code.load_whole(course.last_stop)
        answer = self.layout.answer
        code.store(answer, float("inf"))
        with code.when(cursor < last):
            code.store(answer, code.element(table.array(code, "stop_times"), cursor))
        return code.load(answer)

    def _apply_stops(self, code: Code, table: Table) -> None:
        course = self.course
        with code.repeat_while(lambda: self._due_stop(code, table)):
            cursor = code.load_whole(course.stop_cursor)
            changes = table.array(code, "first_change")
            first = code.element(changes, cursor, WHOLE)
            count = code.element(changes, cursor + 1, WHOLE) - first
            with code.each(count) as k:
                index = first + k
                offset = code.element(table.array(code, "change_row"), index, WHOLE)
                amount = code.element(table.array(code, "change_amount"), index)
                sets = code.element(table.array(code, "change_sets"), index, WHOLE).differs(0)
                old = code.load(Row(0), offset)
                code.store(Row(0), code.select(sets, amount, old + amount), offset)
            code.store(self.changed, code.whole(1))
            code.store(course.stop_cursor, cursor + 1)

    # The end of a course

    def _write_finish(self) -> Any:
        function, code, (pointer,) = self.unit.function("finish", scalar=True, extra=[POINTER])
        table, course, layout = Table(pointer), self.course, self.layout
        patient = code.load_whole(course.patient)
        code.store(self.culprit, code.whole(-1))
        with code.when(code.load_whole(course.reason).equals(job.ENDED)):
            code.store(self.culprit, code.load_whole(self.firings.ended_by))
        with code.when(code.load_whole(course.reason).equals(0)):
            self._find_negative(code)
        failed = code.load_whole(course.reason)
        with code.when((failed > job.ENDED) & failed.differs(job.NEGATIVE)):
            self._find_fastest(code)
        code.set_element(table.array(code, "status"), patient, code.load_whole(course.reason))
        code.set_element(table.array(code, "end_time"), patient, code.load(layout.time))
        code.set_element(table.array(code, "culprit"), patient, code.load_whole(self.culprit))
        code.set_element(table.array(code, "steps"), patient, code.load_whole(course.steps))
        code.set_element(
            table.array(code, "rejections"), patient, code.load_whole(course.rejections)
        )
        code.builder.ret_void()
        return function

    def _find_negative(self, code: Code) -> None:
        """Set the reason, and ``culprit`` to the state, if an amount has become negative."""
        amounts = [i for i, state in enumerate(self.system.states) if state.is_amount]
        code.store(self.extreme, NEGATIVE_AMOUNT_LIMIT)
        with code.each(self.n) as i:
            value = code.load(self.layout.point, i)
            below = value < code.load(self.extreme)
            with code.when(below & any_of(code, i, amounts)):
                code.store(self.extreme, value)
                code.store(self.culprit, i)
                code.store(self.course.reason, code.whole(job.NEGATIVE))

    def _find_fastest(self, code: Code) -> None:
        """Set ``culprit`` to the state that moves fastest for its size, or is no number."""
        layout = self.layout
        self._rates_here(code)
        code.store(self.extreme, -1.0)
        with code.each(self.n) as i:
            rate = code.function("absolute", code.load(layout.right, i))
            size = code.function("absolute", code.load(layout.point, i))
            pace = rate / (size + IDLE)
            pace = code.select(pace < HUGE, pace, code.number(float("inf")))
            with code.when(pace > code.load(self.extreme)):
                code.store(self.extreme, pace)
                code.store(self.culprit, i)

    # Going on

    def _rates_here(self, code: Code) -> None:
        with code.each(self.n) as i:
            code.store(self.layout.right, 0.0, i)
        self.unit.call(code, self.kernels.rates_one)

    def _write_restart(self) -> Any:
        function, code, (pointer,) = self.unit.function("restart", scalar=True, extra=[POINTER])
        table, course, layout = Table(pointer), self.course, self.layout
        now = code.load(layout.time)
        code.store(course.time, now)
        code.store(course.stop, self._horizon(code, pointer))
        self._stop_by(code, self._next_stop(code, table))
        if self.n_event:
            with code.each(code.load_whole(self.firings.queue.length)) as slot:
                self._stop_by(code, code.load(self.firings.queue.times, slot))
        if layout.switches.size:
            self._stop_by_switches(code, now)
        with code.when(code.load_whole(self.changed).differs(0)):
            self.unit.call(code, self.kernels.fix_one)
            code.store(course.fresh, code.whole(1))
            code.store(course.streak, code.whole(0))
            with code.choice(code.load(course.restart_step) > 0.0) as (known, unknown):
                with known:
                    code.store(course.step, code.load(course.restart_step))
                with unknown:
                    self._first_step(code, table)
        if layout.truth.size:
            self.unit.call(code, self.kernels.watch_one)
            with code.each(layout.truth.size) as e:
                code.store(course.seen, code.load(layout.truth, e), e)
                code.store(course.start_residual, code.load(layout.residual, e), e)
        with code.each(self.n) as i:
            code.store(course.state, code.load(layout.point, i), i)
        code.builder.ret_void()
        return function

    def _stop_by_switches(self, code: Code, now: Value) -> None:
        """Stop at the next switch; if one is here, the rates may have jumped."""
        self.unit.call(code, self.kernels.switches_one)
        with code.each(self.layout.switches.size) as k:
            time = code.load(self.layout.switches, k)
            with code.when(time > now):
                self._stop_by(code, time)
            with code.when(time.equals(now)):
                code.store(self.changed, code.whole(1))

    def _stop_by(self, code: Code, time: Value) -> None:
        code.store(self.course.stop, code.smaller(time, code.load(self.course.stop)))

    def _norm(self, code: Code, table: Table, row: Row, less: Row | None = None) -> Value:
        """Return the root mean square of rows, less others, in units of the tolerance."""
        _layout, total = self.layout, self.course.sum
        relative, absolute = table.real(code, "relative"), table.real(code, "absolute")
        code.store(total, 0.0)
        with code.each(self.n) as i:
            value = code.load(row, i)
            if less is not None:
                value = value - code.load(less, i)
            size = code.function("absolute", code.load(self.course.state, i))
            ratio = value / (absolute + relative * size)
            code.store(total, code.load(total) + ratio * ratio)
        return code.function("sqrt", code.load(total) * (1.0 / max(self.n, 1)))

    def _first_step(self, code: Code, table: Table) -> None:
        """Guess a first step from the rates here and after a short explicit step."""
        layout, course = self.layout, self.course
        stage = layout.stage(0, self.n)
        with code.each(self.n) as i:
            code.store(course.state, code.load(layout.point, i), i)
        self._rates_here(code)
        with code.each(self.n) as i:
            code.store(stage, code.load(layout.right, i), i)
        size, speed = (
            self._norm(code, table, course.state),
            self._norm(code, table, stage),
        )
        small = (size < TELLING) | (speed < TELLING)
        blind = code.number(BLIND_STEP)
        trial = code.select(small, blind, TRIAL_SHARE * size / speed)
        gap = code.load(course.stop) - code.load(course.time)
        trial = code.smaller(trial, gap)
        with code.each(self.n) as i:
            moved = code.load(course.state, i) + trial * code.load(stage, i)
            code.store(layout.point, moved, i)
        self._rates_here(code)
        with code.each(self.n) as i:
            code.store(layout.point, code.load(course.state, i), i)
        bend = self._norm(code, table, layout.right, stage) / trial
        steepest = code.larger(speed, bend)
        power = code.function("log", ERROR_AIM / steepest) * (1.0 / rodas5p.ERROR_ORDER)
        wise = code.function("exp", power)
        wise = code.select(steepest <= FLAT, code.larger(trial * FLAT_SHARE, blind), wise)
        step = code.smaller(LONGEST_FIRST * trial, wise)
        sound = (step > 0.0) & (step < HUGE)
        code.store(course.step, code.select(sound, step, blind))
