"""The public surface: quick to import, the same names however it is reached."""

import subprocess
import sys

import pytest

import cxaxis

VERBS = ["cite", "judge", "load_model", "report", "run_assay", "run_trial", "sample_cohort"]


def in_a_fresh_interpreter(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_no_third_party_library():
    libraries = in_a_fresh_interpreter(
        "import sys; before = set(sys.modules); import cxaxis;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    assert libraries == "cxaxis"


def test_importing_the_command_line_leaves_the_heavy_libraries_alone():
    loaded = in_a_fresh_interpreter(
        "import sys, cxaxis.cli.app;"
        "heavy = ['lifelines', 'llvmlite', 'matplotlib', 'numpy', 'pandas', 'pint', 'pyarrow',"
        " 'roadrunner', 'scipy'];"
        "print(*[name for name in heavy if name in sys.modules])"
    )
    assert loaded == ""


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_can_be_called(verb):
    assert callable(getattr(cxaxis, verb))


def test_report_is_one_callable_object_before_and_after_its_room_is_imported():
    answer = in_a_fresh_interpreter(
        "import cxaxis; first = cxaxis.report; import cxaxis.report.page;"
        "print(first is cxaxis.report, callable(first))"
    )
    assert answer == "True True"


def test_the_surface_lists_itself():
    assert set(cxaxis.__all__) <= set(dir(cxaxis))
    assert set(cxaxis.__all__) == {"__version__", *VERBS}


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(AttributeError, match=r"no attribute 'run_trail'.*run_trial"):
        _ = cxaxis.run_trail
