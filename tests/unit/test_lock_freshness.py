"""The offline check of the lock files finds what would break an installation."""

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checker():
    spec = importlib.util.spec_from_file_location(
        "lock_freshness", ROOT / "tools" / "lock_freshness.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROJECT = tomllib.loads(
    """
    [project]
    requires-python = ">=3.11"
    dependencies = ["numpy", "PyYAML>=6"]
    [project.optional-dependencies]
    test = ["pytest"]
    [dependency-groups]
    build = ["hatchling"]
    """
)
PINS = {"hatchling": "1.33.0", "numpy": "2.4.6", "pyyaml": "6.0.3", "pytest": "9.2.0"}


def lock(checker, *, without: tuple[str, ...] = (), **versions: str) -> str:
    body = "".join(
        f"{name}=={version} \\\n    --hash=sha256:{'0' * 64}\n"
        for name, version in (PINS | versions).items()
        if name not in without
    )
    return checker.stamped(body, PROJECT)


@pytest.fixture
def fresh(checker):
    return {"run.txt": lock(checker, without=("pytest",)), "test.txt": lock(checker)}


def test_a_fresh_pair_has_no_findings(checker, fresh):
    assert checker.findings(PROJECT, fresh) == []


def test_stamping_again_changes_nothing(checker, fresh):
    assert checker.stamped(fresh["test.txt"], PROJECT) == fresh["test.txt"]


def test_a_changed_dependency_makes_both_locks_stale(checker, fresh):
    changed = {
        **PROJECT,
        "project": {**PROJECT["project"], "dependencies": ["numpy", "PyYAML>=7"]},
    }
    found = checker.findings(changed, fresh)
    assert [line.partition(": ")[0] for line in found] == [
        "requirements/run.txt:1",
        "requirements/test.txt:1",
    ]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (
            lambda text: text + "--index-url https://example.org/packages\n",
            "an option or an address",
        ),
        (lambda text: text + "left @ https://example.org/left.whl\n", "an option or an address"),
        (lambda text: text + "rich==15.0.0\n", "rich==15.0.0 has no hash"),
        (lambda text: text.replace("pytest==", "pytest-x=="), "pytest of pyproject.toml is miss"),
    ],
    ids=["option", "address", "no-hash", "missing"],
)
def test_what_would_break_an_installation_is_found(checker, fresh, spoil, complaint):
    found = checker.findings(PROJECT, fresh | {"test.txt": spoil(fresh["test.txt"])})
    assert any(complaint in line for line in found)


def test_two_versions_of_one_package_are_found(checker, fresh):
    other = lock(checker, without=("pytest",), numpy="2.3.0")
    assert checker.findings(PROJECT, fresh | {"run.txt": other}) == [
        "requirements/run.txt: numpy==2.3.0 is not in requirements/test.txt. Run `make lock`."
    ]
