"""``cxaxis trial operate`` on a small made-up run: tables, notes, refusals."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cli_support import command_of, snapshot
from cxaxis.cohort.population import draw_theta
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.runs.manifest import read_manifest, table_records, write_manifest
from cxaxis.runs.tables import read_table, write_table
from cxaxis.trial.operating_schemas import SCHEMAS
from cxaxis.trial.protocol import read_protocol
from cxaxis.trial.run import parameter_table
from cxaxis.trial.schemas import PARAMETERS, UNCERTAINTY
from synthetic_run import ARMS, write_run

FILES = {schema.name + suffix for schema in SCHEMAS for suffix in (".parquet", ".csv")} | {
    "operating.html"
}
DRAWS = 64
DRIVER = "phi"


@pytest.fixture
def cli(monkeypatch, capsys):
    return command_of(monkeypatch, capsys)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run of 240 patients whose draws depend on the causal share alone."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "made_up")
    plan = read_protocol("crt_plerixafor").canonical()
    names = list(ARMS)
    for arm, name in zip(plan["arms"], names, strict=True):
        arm["id"] = name
    plan |= {"control": names[0], "strata": ["stage"], "seed": 7}
    plan["uncertainty"]["arms"] = names[1:]
    (folder / "protocol.json").write_text(json.dumps(plan), encoding="utf-8")
    rows = load_parameters()
    kept = {name: rows[name] for name in [DRIVER, *list(rows)[:30]]}
    write_table(parameter_table(kept), folder / "parameters.parquet", PARAMETERS)
    phi = np.array([draw_theta(kept, seed=7, draw=k)["phi"] for k in range(DRAWS)])
    noise = np.random.default_rng(1).standard_normal(DRAWS)
    frame = pd.concat(
        pd.DataFrame(
            {
                "DRAW": np.arange(DRAWS),
                "ARM": arm,
                "PHI": phi,
                "WIRING": np.where(np.arange(DRAWS) % 4 == 0, "niche_release=on", "default"),
                "LOGHR": -1.5 * phi + 0.1 * noise,
                "NPAT": 24,
            }
        )
        for arm in names[1:]
    )
    write_table(frame, folder / "uncertainty.parquet", UNCERTAINTY)
    found = read_manifest(folder)
    write_manifest(folder, replace(found, tables=table_records(folder, found.tables)))
    return folder


def test_tables_are_written_and_printed(cli, run_folder, tmp_path):
    before = snapshot(run_folder)
    out = tmp_path / "out"
    answer = cli("trial", "operate", run_folder, "--replicates", 100, "-o", out)
    assert answer.code == 0, answer.err
    assert {path.name for path in out.iterdir()} == FILES
    assert snapshot(run_folder) == before
    table = read_table(out / "operating.parquet")
    assert table["ARM"].tolist() == list(ARMS)[1:]
    assert table["NTRIAL"].tolist() == [24, 24]
    assert table["NPOOL"].tolist() == [240, 240]
    assert len(read_table(out / "replicates.parquet")) == 200
    assert len(pd.read_csv(out / "replicates.csv")) == 200
    for words in (
        "24 patients in all arms, drawn without replacement from 240",
        "power of a trial of 400 patients by causal share",
        "chance of success over what is not known",
        "parameters alone",
        "the log-rank test is not stratified",
        "unreliable. 64 draws",
    ):
        assert words in answer.out
    # The arms of the made-up run differ; without effect a trial rejects as often as its level says.
    error = table["NULLSE"].to_numpy()
    assert (np.abs(table["NULLREJ"] - 0.05) <= np.maximum(3 * error, 0.03)).all()
    page = (out / "operating.html").read_text(encoding="utf-8")
    assert "Type I error" in page
    assert page.count("<svg") >= 1
    assert "<script" not in page
    ranked = read_table(out / "information.parquet")
    assert ranked.loc[ranked["RANK"] == 1, "INPUT"].tolist() == [DRIVER, DRIVER]
    assert ranked.loc[ranked["RANK"] == 1, "SHARE"].min() > 0.8
    # A mean log ratio of -0.75 is below ln 0.8, and above it for each causal share below 0.15.
    assert ranked["GO"].all()
    assert ranked["PWRONG"].iloc[0] == pytest.approx(0.15, abs=0.1)
    assert "go on; wrong in" in answer.out


def test_nothing_is_overwritten_and_the_answer_is_the_same_again(cli, run_folder, tmp_path):
    words = ("trial", "operate", run_folder, "--replicates", 20, "--n", 12)
    assert cli(*words, "-o", tmp_path / "a").code == 0
    first = snapshot(tmp_path / "a")
    again = cli(*words, "-o", tmp_path / "a")
    assert again.code == 2
    assert "nothing is overwritten" in again.err
    assert snapshot(tmp_path / "a") == first
    assert cli(*words, "-o", tmp_path / "b").code == 0
    assert snapshot(tmp_path / "b") == first


def test_a_trial_too_large_for_the_pool_is_refused_with_both_numbers(cli, run_folder, tmp_path):
    answer = cli("trial", "operate", run_folder, "--n", 60, "-o", tmp_path / "out")
    assert answer.code == 2
    assert "at least 600, this one has 240. Ask for at most 24" in answer.err
    assert not (tmp_path / "out").exists()


def test_everything_wrong_is_said_at_once(cli, run_folder, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    numbers = ("--replicates", 0, "--n", 1, "--alpha", 2, "--target-hr", 0, "--planned", 1)
    answer = cli("trial", "operate", run_folder, *numbers, "--end-point", "CURE", "-o", file)
    assert answer.code == 2
    for words in (
        "--replicates  error",
        "--n  error",
        "--alpha  error",
        "--target-hr  error",
        "--planned  error",
        "no CURE of every arm. It has OS",
        "this is a file",
    ):
        assert words in answer.err
    missing = cli("trial", "operate", tmp_path / "none", "--n", 1)
    assert missing.code == 2
    assert "no such directory" in missing.err
    assert "--n  error" in missing.err


def test_a_run_without_draws_says_so(cli, run_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    none = read_table(folder / "uncertainty.parquet").iloc[:0]
    write_table(none, folder / "uncertainty.parquet", UNCERTAINTY)
    found = read_manifest(folder)
    write_manifest(folder, replace(found, tables=table_records(folder, found.tables)))
    answer = cli("trial", "operate", folder, "--replicates", 10)
    assert answer.code == 0, answer.err
    assert "0 of 0 draws" in answer.out
    assert "Input" not in answer.out
    assert (tmp_path / "run_operating" / "operating.csv").is_file()


def test_interim_looks_of_the_protocol_are_taken(cli, run_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    plan = json.loads((folder / "protocol.json").read_text(encoding="utf-8"))
    arm = plan["arms"][1]["id"]
    plan["interim"] = {"events": 200, "information_fractions": [0.5], "arm": arm}
    (folder / "protocol.json").write_text(json.dumps(plan), encoding="utf-8")
    answer = cli("trial", "operate", folder, "--replicates", 20, "-o", tmp_path / "out")
    assert answer.code == 0, answer.err
    # 24 of the 600 patients planned: 8 events of 200.
    assert f"{arm}: 1 interim looks and a final one at 8 events" in answer.out
    replicates = read_table(tmp_path / "out" / "replicates.parquet")
    assert replicates.groupby("ARM")["DURDAY"].min()[arm] < plan["horizon_day"]
