"""The set-up tool: what of the caller's settings reaches pip, and when an environment is reused."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("environment", ROOT / "tools" / "environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tool, monkeypatch, tmp_path):
    """A set-up tool in a project of its own, whose steps are recorded and not taken."""
    steps = []
    for name in ("pyproject.toml", "requirements/run.txt", "requirements/test.txt"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        target.write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    version = tmp_path / "src" / "cxaxis" / "_version.py"
    version.parent.mkdir(parents=True)
    version.write_text('__version__ = "0.1.0"\n', encoding="utf-8")
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(tool, "STAMP", tmp_path / ".venv" / "stamp.json")
    monkeypatch.setattr(tool, "environment_is_usable", lambda **_: True)
    monkeypatch.setattr(tool, "make_environment", lambda: steps.append("make"))
    monkeypatch.setattr(tool, "pip", lambda *arguments: steps.append(Path(arguments[-1]).name))
    return tool, steps, tmp_path


def test_only_where_packages_come_from_reaches_pip(tool, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/packages")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    seen = tool.pip_environment()
    assert seen["PIP_INDEX_URL"] == "https://mirror.example/packages"
    assert seen["PIP_REQUIRE_VIRTUALENV"] == "0"
    assert not {"PIP_TARGET", "PYTHONPATH"} & set(seen)


def test_a_finished_environment_is_reused(project):
    tool, steps, root = project
    tool.prepare("run", this_python=False)
    assert steps == ["run.txt", root.name]
    tool.prepare("run", this_python=False)
    assert steps == ["run.txt", root.name]


def test_the_test_environment_serves_to_run_but_not_the_other_way_round(project):
    tool, steps, root = project
    tool.prepare("run", this_python=False)
    tool.prepare("test", this_python=False)
    tool.prepare("run", this_python=False)
    assert steps == ["run.txt", root.name, "test.txt", root.name]


def test_a_changed_lock_is_installed(project):
    tool, steps, root = project
    tool.prepare("run", this_python=False)
    lock = root / "requirements" / "run.txt"
    lock.write_text(lock.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    tool.prepare("run", this_python=False)
    assert steps == ["run.txt", root.name] * 2


def test_an_interrupted_installation_is_taken_up_again(project, monkeypatch):
    tool, steps, root = project

    def fail(*_arguments):
        msg = "no network"
        raise tool.SetupError(msg)

    with monkeypatch.context() as broken:
        broken.setattr(tool, "pip", fail)
        with pytest.raises(tool.SetupError):
            tool.prepare("run", this_python=False)
    tool.prepare("run", this_python=False)
    assert steps == ["run.txt", root.name]
