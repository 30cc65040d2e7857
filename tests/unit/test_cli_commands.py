"""Commands in the hands of an impatient user: codes, messages, and nothing overwritten."""

import builtins
import signal
import subprocess
import sys
import time

import pytest

from cli_support import PROTOCOL, command_of, snapshot
from cxaxis.cli import doctor


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return command_of(monkeypatch, capsys)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with the protocol, a finished trial ``run`` and a ``cohort`` of 2 patients."""
    from pathlib import Path

    from cxaxis.cohort.store import sample_to_directory
    from cxaxis.trial.run import run_trial

    folder: Path = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(PROTOCOL)
    run_trial(folder / "tiny.yaml", out=folder / "run", workers=1)
    sample_to_directory(folder / "cohort", n=1, seed=1, values={})
    return folder


BAD = {
    "command": (["nonsense"], "No such command 'nonsense'"),
    "command misspelt": (["trail"], "Did you mean 'trial'?"),
    "argument": (["trial", "run"], "Missing argument"),
    "option": (["demo", "--smal"], "--smal"),
    "number": (["cohort", "sample", "--n", "x"], "'x' is no whole number"),
    "part of a number": (["demo", "-j", "1.5"], "'1.5' is no whole number"),
    "protocol": (["trial", "run", "nosuch.yaml"], "nosuch.yaml  error  PROT001"),
    "workers": (["demo", "-j", "0"], "--workers  error  CLI001  is 0. Give at least 1"),
    "patients": (["cohort", "sample", "--n", "0"], "--n  error  COH001  is 0. A cohort needs"),
    "too many": (["cohort", "sample", "--n", "9999999"], "at most 1000000"),
    "seed": (["cohort", "sample", "--seed", "-1"], "--seed  error  COH002  is -1. Give"),
    "cohort": (["cohort", "show", "nosuch"], "nosuch  error  RUN007"),
    "report": (["trial", "report", "nosuch"], "nosuch  error  REPT001"),
    "drug": (["drug", "show", "plerixafo"], "no drug 'plerixafo'. Did you mean plerixafor"),
    "model": (["model", "export", "patint"], "no model 'patint'. Did you mean patient?"),
    "folder": (["model", "export", "-o", "no/x.xml"], "there is no directory no"),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_use_is_one_message_and_code_2_and_writes_nothing(case, cxaxis, tmp_path):
    words, message = BAD[case]
    answer = cxaxis(*words)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert snapshot(tmp_path) == {}


SET = {
    "unknown": ("kd_antagonist_cxcr5=3", "SET001", "Did you mean kd_antagonist_cxcr4"),
    "no number": ("body_height=tall", "SET003", "'tall' is no number. Write body_height=NUMBER"),
    "unit": ("body_height=1.7 m", "SET003", "in centimetre"),
    "no name": ("=3", "SET003", "'=3' is not ID=NUMBER"),
    "no sign": ("3", "SET003", "--set kd_antagonist_cxcr4=84"),
    "negative": ("body_height=-1", "SET002", "must not be negative, got -1"),
    "not finite": ("body_height=inf", "SET002", "finite"),
    "share": ("share_male=2", "SET002", "between 0 and 1, got 2"),
    "shares": ("share_stage_ii=0.9", "SET005", "exceed 1 together"),
}


@pytest.mark.parametrize("case", SET)
def test_a_value_that_cannot_be_set_is_refused_before_anything_is_written(case, cxaxis, tmp_path):
    text, code, words = SET[case]
    answer = cxaxis("cohort", "sample", "--n", 1, "--set", text)
    assert answer.code == 2
    assert answer.err.startswith(f"--set {text}  error  {code}  ")
    assert words in answer.err
    assert answer.err.count("\n") == 1
    assert snapshot(tmp_path) == {}


def test_a_parameter_set_twice_is_refused(cxaxis):
    answer = cxaxis("cohort", "sample", "--set", "share_male=0.5", "--set", "share_male=0.6")
    assert answer.code == 2
    assert "share_male is set to 0.5 already" in answer.err


def test_everything_wrong_is_told_at_once(cxaxis):
    answer = cxaxis("trial", "run", "nosuch", "--set", "foo=1", "--set", "bar=x", "-j", "-4")
    codes = [line.split("  ")[2] for line in answer.err.splitlines()]
    assert codes == ["PROT001", "SET003", "SET001", "CLI001"]


def test_a_complete_run_is_refused_and_left_as_it_is(cxaxis, finished):
    before = snapshot(finished / "run")
    answer = cxaxis("trial", "run", finished / "tiny.yaml", "-o", finished / "run")
    assert answer.code == 2
    assert "complete run, which is never overwritten" in answer.err
    assert snapshot(finished / "run") == before


@pytest.mark.parametrize("command", [("cohort", "sample", "--n", "1"), ("trial", "run")])
def test_an_output_that_is_a_file_or_somebodys_folder_is_refused(command, cxaxis, finished):
    protocol = [finished / "tiny.yaml"] if command[0] == "trial" else []
    before = snapshot(finished)
    for out, words in (("tiny.yaml", "this is a file"), ("", "not empty and holds no run")):
        answer = cxaxis(*command, *protocol, "-j", 1, "-o", finished / out)
        assert answer.code == 2
        assert words in answer.err
    assert snapshot(finished) == before


def test_a_folder_that_cannot_be_written_is_refused(cxaxis, finished, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    answer = cxaxis("trial", "run", finished / "tiny.yaml", "-j", 1, "-o", "locked")
    assert answer.code == 2
    assert (
        "locked  error  RUN006  the directory cannot be written (Permission denied)" in answer.err
    )


def test_a_trial_is_no_cohort_and_a_cohort_no_trial(cxaxis, finished):
    shown = cxaxis("cohort", "show", finished / "run")
    assert (shown.code, "COH003" in shown.err) == (2, True)
    used = cxaxis("trial", "run", finished / "tiny.yaml", "--cohort", finished / "run")
    assert (used.code, "kind 'trial', no cohort" in used.err) == (2, True)
    reported = cxaxis("trial", "report", finished / "cohort")
    assert (reported.code, "kind 'cohort'" in reported.err) == (2, True)


def test_a_cohort_of_another_size_is_refused(cxaxis, finished, tmp_path):
    answer = cxaxis("trial", "run", finished / "tiny.yaml", "--cohort", finished / "cohort")
    assert answer.code == 2
    assert "has 1 patients, the protocol asks for 2" in answer.err
    assert str(finished / "cohort") in answer.err
    assert snapshot(tmp_path) == {}


def test_values_set_beside_a_cohort_would_do_nothing_and_are_refused(cxaxis, finished):
    options = ("--cohort", finished / "cohort", "--set", "share_male=0.5")
    answer = cxaxis("trial", "run", finished / "tiny.yaml", *options)
    assert answer.code == 2
    assert "CLI002" in answer.err
    assert "Give --set to `cxaxis cohort sample`" in answer.err


def test_a_cohort_whose_population_was_changed_is_refused(cxaxis, finished, tmp_path):
    import shutil

    copy = shutil.copytree(finished / "cohort", tmp_path / "copy")
    (copy / "cohort.json").write_text("{}")
    answer = cxaxis("cohort", "show", copy)
    assert (answer.code, "cohort.json  error  COH004" in answer.err) == (2, True)


def test_an_interrupted_run_says_so_and_the_same_command_resumes_it(
    cxaxis, finished, tmp_path, monkeypatch
):
    def stop(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cxaxis.trial.run.summarise", stop)
        answer = cxaxis("trial", "run", finished / "tiny.yaml", "-j", 1, "-o", "again")
    assert answer.code == 130
    assert answer.err == (
        "Interrupted. Finished blocks are kept in again: the same command resumes.\n"
    )
    other = cxaxis("trial", "run", finished / "tiny.yaml", "--set", "share_male=0.5", "-o", "again")
    assert (other.code, "unfinished run with another parameters_sha256" in other.err) == (2, True)
    answer = cxaxis("trial", "run", finished / "tiny.yaml", "-j", 1, "-o", "again")
    assert answer.code == 0, answer.err
    assert "Report: again/report.html" in answer.out
    assert "+ plerixafor [/daily]" in answer.out
    for name in ("pool", "adtte", "adsl"):
        again = (tmp_path / "again" / f"{name}.parquet").read_bytes()
        assert again == (finished / "run" / f"{name}.parquet").read_bytes()


def test_ctrl_c_elsewhere_is_one_word_and_code_130(cxaxis, monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr("cxaxis.knowledge.drugs.load_drugs", stop)
    answer = cxaxis("drug", "list")
    assert (answer.code, answer.err) == (130, "Interrupted.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_ctrl_c_from_the_keyboard_reaches_a_running_command(tmp_path):
    words = ["cohort", "sample", "--n", "5000", "-j", "1", "-o", "cohort"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cxaxis.cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    while process.poll() is None and not (tmp_path / "cohort" / "run.json").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    # A second look at the signal while the interpreter closes ends it by the signal itself.
    assert process.returncode in (130, -signal.SIGINT)
    assert (out, err) == ("", "Interrupted.\n")
    assert not (tmp_path / "cohort" / "manifest.json").exists()


def test_a_library_that_is_missing_is_named(cxaxis, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "cxaxis.knowledge.drugs":
            msg = "No module named 'yaml'"
            raise ModuleNotFoundError(msg, name="yaml")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    answer = cxaxis("drug", "list")
    assert answer.code == 1
    assert "yaml cannot be imported" in answer.err
    assert "cxaxis doctor" in answer.err


def test_a_closed_output_is_no_error(cxaxis, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert cxaxis("drug", "list").code == 0


def test_a_reader_that_goes_away_gets_no_traceback():
    command = f"{sys.executable} -m cxaxis.cli.main drug show plerixafor | true"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_the_doctor_is_content_when_nothing_is_missing(cxaxis, monkeypatch):
    monkeypatch.setattr(doctor, "engine_check", lambda: (True, "It runs."))
    answer = cxaxis("doctor")
    assert answer.code == 0
    assert "MISSING" not in answer.out
    assert "It runs." in answer.out


def test_the_doctor_names_a_missing_part_and_how_to_get_it(cxaxis, monkeypatch):
    real = doctor.installed_version
    monkeypatch.setattr(doctor, "installed_version", lambda n: None if n == "pandas" else real(n))
    answer = cxaxis("doctor")
    assert answer.code == 1
    assert "MISSING" in answer.out
    assert "-m pip install" in answer.out
    assert "pandas<3" in answer.out


def test_the_doctor_works_without_the_library_that_draws_tables(cxaxis, monkeypatch):
    for name in ("rich", "rich.console", "rich.table"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(doctor, "installed_version", lambda name: None if name == "rich" else "1")
    answer = cxaxis("doctor")
    assert answer.code == 1
    assert "Missing: rich." in answer.out


def test_the_doctor_says_when_the_engine_does_not_run(cxaxis, monkeypatch):
    def broken(*_args, **_kwargs):
        msg = "no shared library"
        raise OSError(msg)

    monkeypatch.setattr("cxaxis.models.build.build", broken)
    answer = cxaxis("doctor")
    assert answer.code == 1
    assert "do not run: OSError: no shared library" in answer.out


@pytest.mark.parametrize("words", [("--help",), ("trial", "run", "--help"), ("--version",)])
def test_help_and_version_end_well(words, cxaxis):
    answer = cxaxis(*words)
    assert (answer.code, answer.err) == (0, "")
    assert "xaxis" in answer.out


@pytest.mark.parametrize("words", [("drug", "list"), ("drug", "show", "plerixafor")])
@pytest.mark.parametrize("columns", [40, 60, 80, 132])
def test_lists_fit_the_terminal_and_cut_nothing(words, columns, cxaxis, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    answer = cxaxis(*words)
    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= columns
    assert "\u2026" not in answer.out
    assert "\x1b" not in answer.out


def test_help_loads_no_heavy_library():
    code = (
        "import sys; sys.argv = ['cxaxis', '--help']\n"
        "from cxaxis.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    heavy = {'lifelines', 'llvmlite', 'matplotlib', 'numpy', 'pandas', 'pint',\n"
        "             'pyarrow', 'pydantic', 'rich', 'roadrunner', 'scipy', 'yaml'}\n"
        "    print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: cxaxis")
    assert done.stderr == "[]\n"
