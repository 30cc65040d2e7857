"""Progress shows on a terminal only, after a delay only, and its time left is honest."""

from __future__ import annotations

import io
import logging
import time

import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.runs.progress import NullProgress, ProgressBar, clock, time_left_s


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def test_quick_work_shows_nothing(caplog, capsys):
    stream = Terminal()
    with caplog.at_level(logging.INFO), ProgressBar("Quick", total=3, stream=stream) as bar:
        bar.advance(3)
    assert stream.getvalue() == ""
    assert caplog.text == ""
    assert capsys.readouterr() == ("", "")


def test_long_work_shows_description_count_and_time_left_even_before_the_first_advance(capsys):
    stream = Terminal()
    with ProgressBar("Patients [all]", total=400, stream=stream, show_after_s=0) as bar:
        wait_for(stream, "0 of 400")
        assert "-:-- left" in stream.getvalue()
        bar.advance(100)
        wait_for(stream, "100 of 400")
        print("a result")
    assert "Patients [all]" in stream.getvalue()
    assert "elapsed, 0:0" in stream.getvalue()
    # Standard output belongs to results.
    assert capsys.readouterr().out == "a result\n"


def wait_for(stream, text):
    deadline = time.monotonic() + 30
    while text not in stream.getvalue():
        assert time.monotonic() < deadline, stream.getvalue()
        time.sleep(0.02)


def test_without_a_terminal_the_log_tells_and_nothing_is_printed(caplog, capsys):
    with (
        caplog.at_level(logging.INFO),
        ProgressBar("Patients", total=4, done=1, stream=io.StringIO(), log_every_s=0) as bar,
    ):
        bar.advance()
    assert "Patients: 2 of 4, 0:00 elapsed, 0:00 left" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_the_log_is_told_now_and_then_only(caplog):
    with caplog.at_level(logging.INFO), ProgressBar("P", total=9, stream=io.StringIO()) as bar:
        for _ in range(9):
            bar.advance()
    assert caplog.text == ""


def test_the_bar_goes_away_when_the_work_fails():
    stream = Terminal()

    def work():
        with ProgressBar("P", total=2, stream=stream, show_after_s=0):
            wait_for(stream, "0 of 2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    # The cursor is shown again.
    assert stream.getvalue().rstrip().endswith("\x1b[2K") or "\x1b[?25h" in stream.getvalue()


def test_time_left_extrapolates_the_mean_rate_and_falls_with_the_clock():
    assert time_left_s(done=0, total=10, advanced_s=0, elapsed_s=30) is None
    assert time_left_s(done=5, total=10, advanced_s=20, elapsed_s=20) == pytest.approx(20)
    assert time_left_s(done=5, total=10, advanced_s=20, elapsed_s=26) == pytest.approx(14)
    assert time_left_s(done=5, total=10, advanced_s=20, elapsed_s=99) == 0
    assert time_left_s(done=10, total=10, advanced_s=20, elapsed_s=20) == 0


def test_items_of_an_earlier_session_do_not_make_the_estimate_rosy():
    bar = ProgressBar("P", total=100, done=90, stream=io.StringIO())
    assert bar.left_s() is None


def test_clock_reads_like_a_clock():
    assert [clock(seconds) for seconds in (None, 0, 59.6, 3599, 3661)] == [
        "-:--",
        "0:00",
        "1:00",
        "59:59",
        "1:01:01",
    ]


def test_more_done_than_there_is_is_refused():
    with pytest.raises(ModelValueError, match="done"):
        ProgressBar("P", total=1, done=2)


def test_null_progress_does_nothing(capsys):
    with NullProgress() as progress:
        progress.advance(5)
    assert capsys.readouterr() == ("", "")
