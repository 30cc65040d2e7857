"""A run directory is refused, resumed or started; what is there is never overwritten."""

from __future__ import annotations

import json
import os

import pytest
from tests.runs_support import ITEMS, KEY_PARTS, SEED, compute, compute_task, schemas

from cxaxis.core.errors import UserInputError
from cxaxis.runs.blocks import blocks_of
from cxaxis.runs.directory import RunState, first_difference, inspect_run, open_run
from cxaxis.runs.executor import run_blocks
from cxaxis.runs.manifest import check_tables, read_manifest, run_key
from cxaxis.runs.tables import write_table

BLOCKS = (*blocks_of("control", ITEMS), *blocks_of("treated", ITEMS))


@pytest.fixture(autouse=True)
def _workers_find_the_tests(monkeypatch, pytestconfig):
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath))


class PowerCutError(Exception):
    """Stands for the power cut."""


def perform(path, *, stop_after=None, workers=1):
    """Run every missing block and finish; return the names of the blocks computed."""
    computed = []
    with open_run(path, KEY_PARTS) as run:
        store = run.block_store(schemas())
        if workers > 1:
            tasks = [(store, block) for block in store.missing(BLOCKS)]
            computed = sorted(
                done.name for done in run_blocks(tasks, compute_task, workers=workers)
            )
        else:
            for block in store.missing(BLOCKS):
                if len(computed) == stop_after:
                    raise PowerCutError
                compute(store, block)
                computed.append(block.name)
        frames = store.load_blocks(BLOCKS)
        for schema in schemas():
            write_table(frames[schema.name], run.path / schema.file_name, schema)
        run.finish(
            kind="test", title="A test", seed=SEED, counts={"done": ITEMS}, tables=list(frames)
        )
    return computed


def content(path):
    """Bytes of every file of a finished run but its log."""
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "log.jsonl"}


def snapshot(path):
    return {
        str(file.relative_to(path)): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in path.rglob("*")
        if file.is_file()
    } | {".": path.stat().st_mtime_ns}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    perform(path)
    return path


def test_a_finished_run_holds_its_tables_and_manifest_and_nothing_else(finished):
    names = {file.name for file in finished.iterdir()}
    assert names == {"manifest.json", "sizes.parquet", "flags.parquet", "log.jsonl"}
    manifest = read_manifest(finished)
    assert manifest.key_parts == KEY_PARTS
    assert manifest.run_key == run_key(KEY_PARTS)
    assert manifest.tables["sizes"].rows == 2 * ITEMS
    assert check_tables(finished, manifest) == []
    assert inspect_run(finished).state is RunState.COMPLETE


def test_an_interrupted_run_resumes_with_the_missing_blocks_and_ends_in_the_same_bytes(
    tmp_path, finished
):
    path = tmp_path / "cut"
    with pytest.raises(PowerCutError):
        perform(path, stop_after=4)
    assert inspect_run(path).state is RunState.INCOMPLETE
    assert perform(path) == ["treated-00001", "treated-00002"]
    assert content(path) == content(finished)


def test_a_run_cut_before_its_first_block_or_twice_still_ends_in_the_same_bytes(tmp_path, finished):
    path = tmp_path / "cut"
    for stop in (0, 1, 2):
        with pytest.raises(PowerCutError):
            perform(path, stop_after=stop)
    assert len(perform(path)) == len(BLOCKS) - 3
    assert content(path) == content(finished)


def test_a_corrupted_block_is_computed_again(tmp_path, finished):
    path = tmp_path / "cut"
    with pytest.raises(PowerCutError):
        perform(path, stop_after=5)
    victim = path / "blocks" / "control-00001.sizes.parquet"
    victim.write_bytes(victim.read_bytes()[:-40])
    assert perform(path) == ["control-00001", "treated-00002"]
    assert content(path) == content(finished)


def test_two_workers_give_the_bytes_of_one(tmp_path, finished):
    path = tmp_path / "pair"
    assert perform(path, workers=2) == sorted(block.name for block in BLOCKS)
    assert content(path) == content(finished)


def test_a_complete_directory_is_refused_and_untouched(finished):
    before = snapshot(finished)
    with pytest.raises(UserInputError, match="complete run") as caught:
        open_run(finished, KEY_PARTS)
    assert str(finished) in str(caught.value)
    assert "-o" in str(caught.value)
    assert snapshot(finished) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 12}, "another seed: 11 there, 12 now"),
        (
            {"wiring": {"egress": "split", "rebound": True}, "seed": 12},
            'another wiring.egress: "shared" there, "split" now',
        ),
        (
            {"tolerances": {"rtol": 1e-6, "atol": 1e-9, "max_steps": 5}},
            "another tolerances.max_steps: nothing there, 5 now",
        ),
        ({"wiring": None}, 'another wiring: {"egress":"shared","rebound":true} there, null now'),
    ],
)
def test_another_key_is_refused_naming_the_first_field_that_differs(tmp_path, change, words):
    path = tmp_path / "cut"
    with pytest.raises(PowerCutError):
        perform(path, stop_after=1)
    before = snapshot(path)
    with pytest.raises(UserInputError) as caught:
        open_run(path, {**KEY_PARTS, **change})
    assert words in str(caught.value)
    assert snapshot(path) == before


def test_a_field_that_only_the_directory_has_differs_too():
    assert first_difference({"a": 1, "b": [1, 2]}, {"a": 1}) == ("b", "[1,2]", "nothing")
    assert first_difference({"a": {"b": 1}}, {"a": {"b": 1}}) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("thesis.tex", "mine"),
        ("manifest.json", '{"name": "a web page"}'),
        ("run.json", "not JSON"),
        ("run.json", '{"run_key": "0", "key_parts": {}}'),
        (".notes.txt.12.tmp", "mine"),
    ],
)
def test_a_directory_that_is_no_run_is_refused_and_untouched(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    before = snapshot(tmp_path)
    with pytest.raises(UserInputError, match="Nothing of yours is overwritten"):
        open_run(tmp_path, KEY_PARTS)
    assert snapshot(tmp_path) == before


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(UserInputError, match="a file, not a directory"):
        open_run(path, KEY_PARTS)
    with pytest.raises(UserInputError, match="cannot be written"):
        open_run(path / "run", KEY_PARTS)
    assert path.read_text() == "mine"


def test_an_empty_directory_and_missing_parents_are_taken(tmp_path):
    for path in (tmp_path, tmp_path / "new" / "deep"):
        with open_run(path, KEY_PARTS) as run:
            assert not run.resumed
        assert json.loads((path / "run.json").read_text())["key_parts"] == KEY_PARTS


def test_a_process_killed_in_its_first_write_leaves_a_directory_that_starts_afresh(tmp_path):
    leftover = tmp_path / f".run.json.{os.getpid() + 1}.tmp"
    leftover.write_text('{"schema_ver')
    with open_run(tmp_path, KEY_PARTS) as run:
        assert not run.resumed
    assert not leftover.exists()


def test_leftovers_of_a_killed_block_are_swept_on_resuming(tmp_path):
    with open_run(tmp_path, KEY_PARTS) as run:
        directory = run.block_store(schemas()).directory
    leftover = directory / ".a-00000.sizes.parquet.99.tmp"
    leftover.write_text("half")
    with open_run(tmp_path, KEY_PARTS) as run:
        assert run.resumed
    assert not leftover.exists()


def test_a_run_in_use_is_refused_until_it_is_closed(tmp_path):
    with open_run(tmp_path, KEY_PARTS), pytest.raises(UserInputError, match="another process"):
        open_run(tmp_path, KEY_PARTS)
    with open_run(tmp_path, KEY_PARTS) as run:
        assert run.resumed


def test_a_missing_table_keeps_the_run_incomplete(tmp_path):
    with open_run(tmp_path, KEY_PARTS) as run, pytest.raises(UserInputError, match="not exist"):
        run.finish(kind="test", title="t", seed=1, counts={}, tables=["sizes"])
    assert inspect_run(tmp_path).state is RunState.INCOMPLETE


def test_a_number_that_json_lacks_leaves_no_directory(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        open_run(tmp_path / "new", {"seed": float("nan")})
    assert not (tmp_path / "new").exists()


def test_side_files_are_written_whole_or_not_at_all(tmp_path):
    with open_run(tmp_path, KEY_PARTS) as run:
        path = run.write_json("summary.json", {"z": 1, "a": "tumour µ"})
        with pytest.raises(ValueError, match="JSON"):
            run.write_json("summary.json", {"z": float("nan")})
        assert run.write_text("report.html", "<p>\n").read_bytes() == b"<p>\n"
    assert list(json.loads(path.read_text(encoding="utf-8"))) == ["z", "a"]
    assert not [file for file in tmp_path.iterdir() if file.suffix == ".tmp"]


def test_the_log_tells_start_and_resumption_with_the_host(tmp_path):
    for _ in range(2):
        open_run(tmp_path, KEY_PARTS).close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["started", "resumed"]
    assert all(line["host"] == os.uname().nodename for line in lines)
