"""Killed at any moment a run ends in the same bytes; a damaged file is named and made again."""

from __future__ import annotations

import json
import logging
import multiprocessing
import signal
import sys
import time

import numpy as np
import pytest
from tests.runs_support import KEY_PARTS, perform, perform_trial, schemas

from cli_support import PROTOCOL
from cxaxis.core.errors import UserInputError
from cxaxis.runs.blocks import blocks_of
from cxaxis.runs.directory import RunState, inspect_run, open_run
from cxaxis.runs.manifest import check_tables, read_manifest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

KILLS = 10
#: run.json, six blocks of two tables and a list of hashes, two tables, summary and manifest.
WRITES = 1 + 6 * 3 + 2 + 1 + 1


@pytest.fixture(scope="module")
def started(pytestconfig):
    """Start a function in a process that has the libraries loaded, so that kills strike work."""
    context = multiprocessing.get_context("forkserver")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(pytestconfig.rootpath))
        context.set_forkserver_preload(["tests.runs_support", "cxaxis.runs.blocks", "pandas"])

        def start(work, *args):
            process = context.Process(target=work, args=args, daemon=True)
            process.start()
            return process

        yield start


def content(path):
    """Bytes of every file below a run but its log."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file.name != "log.jsonl"
    }


def damaged(path):
    lines = [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "damaged"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    perform(path)
    return content(path)


def resume(path, work=perform):
    """Give the same command again; a run killed after its last write says that it is complete."""
    if inspect_run(path).state is not RunState.COMPLETE:
        work(path)
        return
    with pytest.raises(UserInputError, match="RUN002"):
        work(path)


def test_a_run_killed_at_ten_random_moments_ends_in_the_same_bytes(tmp_path, started, whole):
    assert set(whole) == {"manifest.json", "summary.json", "sizes.parquet", "flags.parquet"}
    # The first start loads the libraries; the second is as long as those that are killed.
    for name in ("warm", "clock"):
        start_s = time.perf_counter()
        started(perform, tmp_path / name).join()
        duration_s = time.perf_counter() - start_s
    assert content(tmp_path / "clock") == whole
    rng, killed = np.random.default_rng(5), 0
    for number in range(10 * KILLS):
        path = tmp_path / str(number)
        process = started(perform, path)
        time.sleep(rng.uniform(0.0, duration_s))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        resume(path)
        assert content(path) == whole
        assert damaged(path) == []
        if killed == KILLS:
            break
    assert killed == KILLS


def test_a_run_killed_ten_times_over_ends_in_the_same_bytes(tmp_path, started, whole):
    # In turn with a block just finished, and within the next one.
    for after in [5, 3] * (KILLS // 2):
        process = started(perform, tmp_path / "run", after)
        process.join()
        assert process.exitcode == -signal.SIGKILL
    resume(tmp_path / "run")
    assert content(tmp_path / "run") == whole


@pytest.mark.parametrize("after", range(2 * WRITES))
def test_a_run_killed_at_any_write_ends_in_the_same_bytes(tmp_path, started, whole, after):
    path = tmp_path / "run"
    process = started(perform, path, after)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    resume(path)
    assert content(path) == whole
    assert damaged(path) == []


def half(content):
    return content[: len(content) // 2]


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def emptied(_):
    return b""


HARMS = [half, flipped, emptied]


@pytest.fixture
def cut(tmp_path, started):
    """A run killed when every block was done, and one table written."""
    path = tmp_path / "run"
    started(perform, path, 2 * (1 + 6 * 3 + 1)).join()
    assert len(list((path / "blocks").glob("*.sha256"))) == 6
    return path


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("kind", ["sizes.parquet", "flags.parquet", "sha256"])
def test_a_damaged_file_of_a_block_is_named_and_the_block_computed_again(
    cut, whole, caplog, kind, harm
):
    victim = cut / "blocks" / f"treated-00001.{kind}"
    victim.write_bytes(harm(victim.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert perform(cut) == ["treated-00001"]
    assert content(cut) == whole
    names = {line["file"] for line in damaged(cut)}
    # A flipped bit in the list may leave a list of another hash: then the table differs from it.
    assert names
    assert all(name.startswith("blocks/treated-00001.") for name in names)
    if kind != "sha256":
        assert names == {f"blocks/{victim.name}"}
    assert "treated-00001" in caplog.text
    assert "computed again" in caplog.text


def test_a_lost_file_of_a_finished_block_is_named_too(cut, whole):
    (cut / "blocks" / "control-00000.flags.parquet").unlink()
    listed = cut / "blocks" / "control-00001.sha256"
    listed.write_text(listed.read_text().splitlines(keepends=True)[0])
    assert perform(cut) == ["control-00000", "control-00001"]
    assert content(cut) == whole
    assert [(line["file"], line["what"]) for line in damaged(cut)] == [
        ("blocks/control-00000.flags.parquet", "the file is missing"),
        ("blocks/control-00001.sha256", "the list of hashes lacks control-00001.flags.parquet"),
    ]


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_key_is_named_and_written_again_from_the_log(cut, whole, harm):
    (cut / "run.json").write_bytes(harm((cut / "run.json").read_bytes()))
    with pytest.raises(UserInputError, match="another seed"):
        open_run(cut, {**KEY_PARTS, "seed": 12})
    assert perform(cut) == []
    assert content(cut) == whole
    assert [line["file"] for line in damaged(cut)] == ["run.json"]


def test_a_run_whose_key_is_lost_twice_over_is_refused_by_name(cut):
    (cut / "run.json").write_bytes(b"{")
    (cut / "log.jsonl").write_bytes(b"")
    before = content(cut)
    with pytest.raises(UserInputError, match=r"its run.json cannot be read.*damaged"):
        perform(cut)
    assert content(cut) == before


@pytest.mark.parametrize("harm", [half, flipped])
def test_a_damaged_log_harms_nothing(cut, whole, harm):
    log = cut / "log.jsonl"
    log.write_bytes(harm(log.read_bytes()))
    assert perform(cut) == []
    assert content(cut) == whole


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("name", ["sizes.parquet", "summary.json"])
def test_a_damaged_table_of_an_unfinished_run_is_written_again(
    tmp_path, started, whole, name, harm
):
    path = tmp_path / "run"
    started(perform, path, 2 * (WRITES - 1)).join()
    assert inspect_run(path).state is RunState.INCOMPLETE
    (path / name).write_bytes(harm((path / name).read_bytes()))
    assert perform(path) == []
    assert content(path) == whole


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_table_of_a_complete_run_is_named_and_not_read(tmp_path, harm):
    perform(tmp_path / "run")
    table = tmp_path / "run" / "flags.parquet"
    table.write_bytes(harm(table.read_bytes()))
    with pytest.raises(UserInputError) as caught:
        open_run(tmp_path / "run", KEY_PARTS)
    assert [finding.code for finding in caught.value.findings] == ["RUN002", "RUN009"]
    assert "flags.parquet" in str(caught.value)
    assert check_tables(tmp_path / "run", read_manifest(tmp_path / "run"))


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_manifest_is_named_and_no_run_is_read(tmp_path, harm):
    perform(tmp_path / "run")
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_bytes(harm(manifest.read_bytes()))
    with pytest.raises(UserInputError, match=r"manifest\.json"):
        open_run(tmp_path / "run", KEY_PARTS)
    with pytest.raises(UserInputError, match=r"manifest\.json"):
        read_manifest(tmp_path / "run")


def test_a_block_that_was_never_finished_is_no_damage(tmp_path):
    with open_run(tmp_path, KEY_PARTS) as run:
        folder = run.block_store(schemas()).directory
        (folder / f"{blocks_of('control', 1)[0].name}.sizes.parquet").write_bytes(b"PAR1")
    with open_run(tmp_path, KEY_PARTS):
        pass
    assert damaged(tmp_path) == []


def test_a_trial_killed_while_it_simulates_ends_in_the_same_bytes(tmp_path, started):
    (tmp_path / "tiny.yaml").write_text(PROTOCOL)
    perform_trial(tmp_path / "whole")
    process = started(perform_trial, tmp_path / "run")
    blocks = tmp_path / "run" / "blocks"
    while process.is_alive() and not list(blocks.glob("*.sha256")):
        time.sleep(0.005)
    process.kill()
    process.join()
    assert inspect_run(tmp_path / "run").state is RunState.INCOMPLETE
    resume(tmp_path / "run", perform_trial)
    assert content(tmp_path / "run") == content(tmp_path / "whole")
