"""Progress with time left: a bar on a terminal after two seconds, else a line in the log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from cxaxis.core.errors import ModelValueError

if TYPE_CHECKING:
    import rich.progress

SHOW_AFTER_S = 2.0
LOG_EVERY_S = 15.0

logger = logging.getLogger(__name__)


class Progress(Protocol):
    """What long work reports to: a context manager that counts."""

    def __enter__(self) -> Self:
        """Start the clock."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, whatever happened."""
        ...

    def advance(self, n: int = 1) -> None:
        """Count ``n`` more items as done."""
        ...


class NullProgress:
    """Counts nothing and shows nothing."""

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing."""

    def advance(self, n: int = 1) -> None:
        """Do nothing."""


class ProgressBar:
    """Description, count, elapsed time and time left of work that takes a while.

    On a terminal a bar appears once ``show_after_s`` have passed and is wiped at the end;
    elsewhere a line goes to the log (INFO) at most every ``log_every_s``. Nothing is printed
    to standard output.

    Parameters
    ----------
    description
        What is being done, such as ``"Simulating patients"``.
    total
        Number of items, at least 0.
    done
        Items that were there before, such as those of a resumed run; they do not enter the
        estimate of the time left.
    stream
        Where the bar goes; None is standard error.
    show_after_s, log_every_s
        Delays, s.
    """

    def __init__(
        self,
        description: str,
        *,
        total: int,
        done: int = 0,
        stream: TextIO | None = None,
        show_after_s: float = SHOW_AFTER_S,
        log_every_s: float = LOG_EVERY_S,
    ) -> None:
        if not 0 <= done <= total:
            msg = f"done must lie in [0, total], got done={done!r}, total={total!r}."
            raise ModelValueError(msg)
        self._description = description
        self._total = total
        self._done_before = done
        self._done = done
        self._stream = stream
        self._show_after_s = show_after_s
        self._log_every_s = log_every_s
        self._guard = threading.Lock()
        self._start_s = self._advanced_s = self._logged_s = 0.0
        self._timer: threading.Timer | None = None
        self._bar: rich.progress.Progress | None = None
        self._closed = False

    def __enter__(self) -> Self:
        """Start the clock; the bar comes later, from a timer, even if nothing advances."""
        self._start_s = self._advanced_s = self._logged_s = time.monotonic()
        stream = sys.stderr if self._stream is None else self._stream
        if stream.isatty():
            self._timer = threading.Timer(self._show_after_s, self._show, args=[stream])
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wipe the bar and give the terminal back."""
        if self._timer is not None:
            self._timer.cancel()
        with self._guard:
            self._closed = True
            if self._bar is not None:
                self._bar.stop()

    def advance(self, n: int = 1) -> None:
        """Count ``n`` more items as done."""
        with self._guard:
            self._done += n
            self._advanced_s = time.monotonic()
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=self._done)
        if self._timer is None:
            self._log()

    def left_s(self) -> float | None:
        """Return the estimated time left, s; None until something has been done."""
        return time_left_s(
            done=self._done - self._done_before,
            total=self._total - self._done_before,
            advanced_s=self._advanced_s - self._start_s,
            elapsed_s=time.monotonic() - self._start_s,
        )

    def _log(self) -> None:
        now_s = time.monotonic()
        if now_s - self._logged_s < self._log_every_s:
            return
        self._logged_s = now_s
        logger.info(
            "%s: %d of %d, %s elapsed, %s left",
            self._description,
            self._done,
            self._total,
            clock(now_s - self._start_s),
            clock(self.left_s()),
        )

    def _show(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
        from rich.text import Text

        bar = self

        class Times(ProgressColumn):
            """Elapsed and left, from the clock of the bar."""

            def render(self, task: Task) -> Text:
                elapsed = clock(time.monotonic() - bar._start_s)
                return Text(f"{elapsed} elapsed, {clock(bar.left_s())} left")

        console = Console(file=stream)
        if console.is_dumb_terminal:
            return
        display = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f}"),
            Times(),
            console=console,
            transient=True,
            # Standard output may be a pipe that another program reads: leave it alone.
            redirect_stdout=False,
        )
        with self._guard:
            if self._closed:
                return
            display.add_task(self._description, total=self._total, completed=self._done)
            display.start()
            self._bar = display


def time_left_s(*, done: int, total: int, advanced_s: float, elapsed_s: float) -> float | None:
    """Return the time left at the mean rate so far, s.

    Parameters
    ----------
    done, total
        Items of this session.
    advanced_s
        Time of the last advance since the start, s: the rate is known only there.
    elapsed_s
        Time since the start, s, at least ``advanced_s``.

    Returns
    -------
    A number that falls with the clock between two advances and never below 0, or None while
    ``done`` is 0.
    """
    if done <= 0:
        return None
    at_advance_s = advanced_s / done * (total - done)
    return max(0.0, at_advance_s - (elapsed_s - advanced_s))


def clock(seconds: float | None) -> str:
    """Return ``m:ss`` or ``h:mm:ss``, and ``-:--`` for None."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
