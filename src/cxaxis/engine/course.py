"""What the memory of a lane says of the patient on it."""

from __future__ import annotations

from dataclasses import dataclass

from cxaxis.engine.emit import Row, Rows

# Errors, paces and steps beyond are taken for no number.
HUGE = 1e300


@dataclass(frozen=True)
class Course:
    """Rows that describe a patient under way.

    Attributes
    ----------
    state, arrived, dense
        State at ``time``, at the end of the step, and the dense output's coefficients.
    time, step, stop, next_output
        Time reached, step proposed, next time the solver must stop at, next output time.
    alive, patient
        Whether the lane works, and on which patient.
    cursor, stop_cursor, last_stop
        Next output; next stop of the schedule, and the end of the schedule.
    old_error, old_step
        Logarithm of the error and length of the last accepted step, for the step control.
    streak, trouble
        Rejections since the last accepted step; why the last one was rejected.
    fresh, restart_step
        Whether the next step is the first after a change; the step that worked then.
    was
        Per event: whether its trigger held when last looked at.
    seen, start_residual, end_residual, end_truth
        Per watched comparison: truth last seen, residual at the start and at the end of the
        bracket, truth at its end.
    low, high
        Bracket of an event within the step, as shares of it.
    steps, rejections, refusals
        Attempts so far, those rejected, and those among them for a small pivot.
    reason
        Why the lane needs service: 0 a stop, an event or the end; -1 the first patient;
        else an outcome.
    turns, located, inside, sum
        Turns of the location; whether a trigger changed in this step; the error with that of
        the dense output; a sum in the making.
    """

    state: Row
    arrived: Row
    dense: Row
    time: Row
    step: Row
    stop: Row
    next_output: Row
    alive: Row
    patient: Row
    cursor: Row
    stop_cursor: Row
    last_stop: Row
    old_error: Row
    old_step: Row
    streak: Row
    trouble: Row
    fresh: Row
    restart_step: Row
    was: Row
    seen: Row
    start_residual: Row
    end_residual: Row
    end_truth: Row
    low: Row
    high: Row
    steps: Row
    rejections: Row
    refusals: Row
    reason: Row
    turns: Row
    located: Row
    inside: Row
    sum: Row

    @classmethod
    def take(cls, rows: Rows, n: int, n_event: int, n_watched: int) -> Course:
        """Return a course with rows of its own."""
        sizes = {
            "state": n,
            "arrived": n,
            "dense": 3 * n,
            "was": n_event,
            "seen": n_watched,
            "start_residual": n_watched,
            "end_residual": n_watched,
            "end_truth": n_watched,
        }
        return cls(**{name: rows.take(sizes.get(name, 1)) for name in cls.__dataclass_fields__})
