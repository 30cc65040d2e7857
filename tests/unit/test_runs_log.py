"""The log is one readable JSON object a line, even after a crash."""

from __future__ import annotations

import json

import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.runs.log import append_host, append_log, timed


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_event_is_a_line_with_its_fields_and_the_time(tmp_path):
    path = tmp_path / "log.jsonl"
    append_log(path, "block", name="a-00000", rows=3, place=tmp_path)
    append_host(path, "started")
    first, second = lines(path)
    assert (first["event"], first["name"], first["rows"]) == ("block", "a-00000", 3)
    assert first["place"] == str(tmp_path)
    assert first["time_utc"].endswith("+00:00")
    assert {"host", "system", "python", "processors"} <= set(second)


def test_wall_time_is_logged_also_when_the_work_fails(tmp_path):
    path = tmp_path / "log.jsonl"
    with timed(path, "simulate", patients=2):
        pass
    with pytest.raises(KeyError), timed(path, "simulate", patients=3):
        raise KeyError
    assert [(line["patients"], line["succeeded"]) for line in lines(path)] == [
        (2, True),
        (3, False),
    ]
    assert all(line["wall_s"] >= 0 for line in lines(path))


def test_a_torn_line_does_not_spoil_the_next_one(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"event": "half')
    append_log(path, "resumed")
    torn, whole = path.read_text().splitlines()
    assert torn == '{"event": "half'
    assert json.loads(whole)["event"] == "resumed"


def test_a_field_cannot_pose_as_the_time(tmp_path):
    with pytest.raises(ModelValueError, match="time_utc"):
        append_log(tmp_path / "log.jsonl", "x", time_utc="noon")
