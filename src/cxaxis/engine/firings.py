"""Events on one lane: noticing triggers, waiting out delays, choosing, assigning.

Scalar code. What is due at one moment happens one by one, the largest priority first and, at
equal priority, in the order of triggering; each may trigger others or take support from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxaxis.engine import job
from cxaxis.engine.course import Course
from cxaxis.engine.emit import Code, Row, Rows, Value
from cxaxis.engine.kernels import Kernels

# Firings at one moment after which events are taken to set each other off for ever.
MOST_FIRINGS = 10_000
# Firings that may wait for their delay at the same time; more is taken for a mistake in the
# model, since memory for them is set aside in every lane.
LONGEST_QUEUE = 64


@dataclass(frozen=True)
class Queue:
    """Rows of the firings that wait: when, which event, and the values it will assign."""

    length: Row
    times: Row
    events: Row
    values: Row
    size: int
    width: int

    @classmethod
    def take(cls, rows: Rows, n_event: int, width: int, *, delayed: bool) -> Queue:
        """Return a queue with rows of its own."""
        size = max(LONGEST_QUEUE, 2 * n_event) if delayed else 2 * n_event + 8
        size = size if n_event else 0
        return cls(
            rows.take(), rows.take(size), rows.take(size), rows.take(size * width), size, width
        )


class Firings:
    """Writes what events do, and keeps the rows that it needs.

    Attributes
    ----------
    queue
        Firings that wait.
    happened
        Row that is set to 1 when an event changes something.
    ended_by
        Row of the event that ended the course.
    """

    def __init__(self, kernels: Kernels, course: Course) -> None:
        self.kernels = kernels
        self.unit = kernels.unit
        self.layout = kernels.layout
        self.course = course
        self.events = kernels.formulas.system.events
        rows = kernels.rows
        self.queue = Queue.take(
            rows,
            len(self.events),
            self.layout.assigned.size,
            delayed=any(event.delay is not None for event in self.events),
        )
        self.happened = rows.take()
        self.ended_by = rows.take()
        self._count = rows.take()
        self._kept = rows.take()
        self._best = rows.take()
        self._best_priority = rows.take()

    def clear(self, code: Code) -> None:
        """Begin a course: nothing waits, triggers count as they do before time 0."""
        code.store(self.queue.length, code.whole(0))
        for k, event in enumerate(self.events):
            code.store(self.course.was[k], float(event.starts_true))

    def fire(self, code: Code) -> None:
        """Let all events that are due happen, in the order that their priorities give."""
        course = self.course
        code.store(self._count, code.whole(0))
        code.store(self._best, code.whole(0))

        def going() -> Value:
            return (code.load_whole(self._best) >= 0) & code.load_whole(course.reason).equals(0)

        with code.repeat_while(going):
            self._look(code)
            self._choose(code)
            with code.when(code.load_whole(self._best) >= 0):
                self._execute(code)
                count = code.load_whole(self._count) + 1
                code.store(self._count, count)
                with code.when(count > MOST_FIRINGS):
                    code.store(course.reason, code.whole(job.STEP_LIMIT))

    def _look(self, code: Code) -> None:
        """Queue what was triggered, and forget what its trigger no longer supports."""
        self.unit.call(code, self.kernels.watch_one)
        for k, event in enumerate(self.events):
            was = code.load(self.course.was[k]).differs(0.0)
            now = code.load(self.layout.triggered[k]).differs(0.0)
            with code.when(now & ~was):
                self._push(code, k, event.values_at_trigger)
            if not event.persistent:
                with code.when(was & ~now):
                    self._forget(code, k)
            code.store(self.course.was[k], code.to_real(now))

    def _push(self, code: Code, event: int, values_now: bool) -> None:
        queue, unit, kernels = self.queue, self.unit, self.kernels
        number = code.whole(event)
        length = code.load_whole(queue.length)
        with code.choice(length >= queue.size) as (full, room):
            with full:
                code.store(self.course.reason, code.whole(job.QUEUE_FULL))
            with room:
                unit.call(code, kernels.delay_of_event, number.ir)
                delay = code.load(self.layout.answer)
                with code.when(delay.differs(delay)):
                    code.store(self.course.reason, code.whole(job.NON_FINITE))
                code.store(queue.times, code.load(self.layout.time) + delay, length)
                code.store(queue.events, number, length)
                if values_now:
                    unit.call(code, kernels.values_of_event, number.ir)
                    with code.each(queue.width) as j:
                        value = code.load(self.layout.assigned, j)
                        code.store(queue.values, value, length * queue.width + j)
                code.store(queue.length, length + 1)

    def _forget(self, code: Code, event: int) -> None:
        """Take the firings of an event out of the queue."""
        queue = self.queue
        with code.each(code.load_whole(queue.length)) as slot:
            its_own = code.load_whole(queue.events, slot).equals(event)
            kept = code.load_whole(queue.events, slot)
            code.store(queue.events, code.select(its_own, code.whole(-1), kept), slot)
        self._close_ranks(code)

    def _close_ranks(self, code: Code) -> None:
        """Drop the slots of no event (-1) from the queue; the order of the others stays."""
        queue, kept = self.queue, self._kept
        code.store(kept, code.whole(0))
        with code.each(code.load_whole(queue.length)) as slot:
            event = code.load_whole(queue.events, slot)
            with code.when(event >= 0):
                home = code.load_whole(kept)
                code.store(queue.events, event, home)
                code.store(queue.times, code.load(queue.times, slot), home)
                with code.each(queue.width) as j:
                    value = code.load(queue.values, slot * queue.width + j)
                    code.store(queue.values, value, home * queue.width + j)
                code.store(kept, home + 1)
        code.store(queue.length, code.load_whole(kept))

    def _choose(self, code: Code) -> None:
        """Set ``best`` to the slot of the firing that goes first, or to -1."""
        queue, layout = self.queue, self.layout
        code.store(self._best, code.whole(-1))
        code.store(self._best_priority, float("-inf"))
        now = code.load(layout.time)
        with code.each(code.load_whole(queue.length)) as slot:
            event = code.load_whole(queue.events, slot)
            due = code.load(queue.times, slot) <= now
            with code.when(due):
                self.unit.call(code, self.kernels.priority_of_event, event.ir)
                priority = code.load(layout.answer)
                first = code.load_whole(self._best) < 0
                with code.when(first | (priority > code.load(self._best_priority))):
                    code.store(self._best, slot)
                    code.store(self._best_priority, priority)

    def _execute(self, code: Code) -> None:
        queue, unit, kernels, layout = self.queue, self.unit, self.kernels, self.layout
        slot = code.load_whole(self._best)
        event = code.load_whole(queue.events, slot)
        with code.choice(any_of(code, event, self._flagged("values_at_trigger"))) as (kept, fresh):
            with kept, code.each(queue.width) as j:
                value = code.load(queue.values, slot * queue.width + j)
                code.store(layout.assigned, value, j)
            with fresh:
                unit.call(code, kernels.values_of_event, event.ir)
        unit.call(code, kernels.assign_event, event.ir)
        code.store(self.happened, code.whole(1))
        code.store(queue.events, code.whole(-1), slot)
        self._close_ranks(code)
        with code.when(any_of(code, event, self._flagged("ends"))):
            code.store(self.course.reason, code.whole(job.ENDED))
            code.store(self.ended_by, event)

    def _flagged(self, flag: str) -> list[int]:
        return [k for k, event in enumerate(self.events) if getattr(event, flag)]


def any_of(code: Code, index: Value, members: Sequence[int]) -> Value:
    """Return whether a whole number is among ``members``, one bit each of a constant table."""
    found = code.truth(False)
    for first in range(0, (max(members) + 1) if members else 0, 64):
        bits = sum(1 << (m - first) for m in members if first <= m < first + 64)
        if not bits:
            continue
        signed = bits - (1 << 64) if bits >> 63 else bits
        shift = index - first
        inside = (shift >= 0) & (shift < 64)
        safe = code.select(inside, shift, code.whole(0))
        bit = code.builder.and_(code.builder.lshr(code.whole(signed).ir, safe.ir), code.whole(1).ir)
        found = found | (inside & Value(code, bit).equals(1))
    return found
