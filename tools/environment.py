"""Make or reuse the project's virtual environment, `.venv`, from the hashed lock.

``python tools/environment.py run`` installs what running needs, ``test`` what the checks need
too. An environment that is complete and current is left as it is. Standard library only: this
file runs before anything is installed.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
ENVIRONMENT_PYTHON = ENVIRONMENT / "bin" / "python"
# Pure Python that its authors publish without a wheel; nothing is compiled.
PUBLISHED_AS_SOURCE = "petab"
STAMP = ENVIRONMENT / "cxaxis-environment.json"

# Where packages come from is the user's affair; everything else in a PIP_* variable (a target
# directory, a constraint, a required environment) would change what is installed and where.
KEPT_PIP_SETTINGS = frozenset(
    {
        "PIP_CACHE_DIR",
        "PIP_CERT",
        "PIP_CLIENT_CERT",
        "PIP_CONFIG_FILE",
        "PIP_DEFAULT_TIMEOUT",
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_INDEX_URL",
        "PIP_KEYRING_PROVIDER",
        "PIP_NO_CACHE_DIR",
        "PIP_NO_INDEX",
        "PIP_PROXY",
        "PIP_RETRIES",
        "PIP_TIMEOUT",
        "PIP_TRUSTED_HOST",
    }
)


class SetupError(Exception):
    """A step of the set-up failed; the message is for the user."""


def main() -> int:
    """Run the set-up and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kind", choices=["run", "test"])
    parser.add_argument(
        "--this-python",
        action="store_true",
        help="remake an environment whose Python has another version than the one running this",
    )
    arguments = parser.parse_args()
    try:
        prepare(arguments.kind, this_python=arguments.this_python)
    except SetupError as failure:
        sys.stderr.write(f"cxaxis: {failure}\n")
        return 1
    return 0


def prepare(kind: str, *, this_python: bool) -> None:
    """Bring `.venv` to the state that ``kind`` needs; do nothing when it is there already."""
    stamp = read_stamp()
    usable = environment_is_usable(this_python=this_python)
    if usable and any(
        stamp.get("kind") == enough and stamp.get("key") == key_of(enough)
        for enough in ({"run": ("run", "test"), "test": ("test",)})[kind]
    ):
        return

    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    if not usable:
        version = ".".join(map(str, sys.version_info[:3]))
        say(f"making the environment {ENVIRONMENT.name} with Python {version}")
        make_environment()
    lock = ROOT / "requirements" / f"{kind}.txt"
    say(f"installing the locked packages of requirements/{lock.name} (a minute or two, once)")
    wheels = ("--only-binary", ":all:", "--no-binary", PUBLISHED_AS_SOURCE)
    pip("install", "--require-hashes", *wheels, "-r", str(lock))
    say("installing cxaxis itself")
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(json.dumps({"kind": kind, "key": key_of(kind)}) + "\n", encoding="utf-8")
    say(f"environment ready after {time.monotonic() - started:.0f} s")


def read_stamp() -> dict[str, str]:
    """Return what the last finished set-up wrote, or an empty record."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def environment_is_usable(*, this_python: bool) -> bool:
    """Return whether `.venv` holds a Python that the packages can be installed into.

    Scripts hold the absolute path of their environment, so one that was moved or copied with its
    folder is made anew.
    """
    probe = "import sys, pip; print(sys.version_info[0], sys.version_info[1], sys.prefix)"
    try:
        answer = subprocess.run(
            [ENVIRONMENT_PYTHON, "-I", "-c", probe], capture_output=True, text=True, check=True
        ).stdout.split(maxsplit=2)
    except (OSError, subprocess.CalledProcessError):
        return False
    version = (int(answer[0]), int(answer[1]))
    if this_python and version != sys.version_info[:2]:
        return False
    try:
        launcher = (ENVIRONMENT / "bin" / "pip").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return (
        version >= (3, 11)
        and Path(answer[2].strip()).resolve() == ENVIRONMENT.resolve()
        and f"{ENVIRONMENT}{os.sep}" in launcher.partition("import ")[0]
    )


def key_of(kind: str) -> str:
    """Return the hash of everything that decides what the environment holds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [
        (ROOT / "requirements" / f"{kind}.txt").read_text(encoding="utf-8"),
        (ROOT / "src" / "cxaxis" / "_version.py").read_text(encoding="utf-8"),
        json.dumps([project["project"], project["build-system"], project["tool"]["hatch"]]),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def make_environment() -> None:
    """Make `.venv` anew with the Python that runs this file."""
    try:
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(ENVIRONMENT)
    except (OSError, subprocess.CalledProcessError) as failure:
        output = getattr(failure, "output", None) or b""
        msg = f"cannot make {ENVIRONMENT}: {failure}\n{output.decode(errors='replace')}"
        raise SetupError(msg) from failure


def pip(*arguments: str) -> None:
    """Run the environment's pip quietly; on failure raise with all that it said."""
    command = [str(ENVIRONMENT_PYTHON), "-I", "-m", "pip", *arguments, "--quiet"]
    done = subprocess.run(
        command,
        env=pip_environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        msg = (
            f"pip failed (exit status {done.returncode}):\n{done.stdout.rstrip()}\n"
            "cxaxis: run the same command again to go on; `make clean-env` starts from nothing."
        )
        raise SetupError(msg)


def pip_environment() -> dict[str, str]:
    """Return the process environment without what would disturb an installation."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "PYTHON")) or name in KEPT_PIP_SETTINGS
    }
    # A variable overrides the user's pip.conf, where both may be switched on.
    return kept | {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_USER": "0",
    }


def say(line: str) -> None:
    """Tell the user which stage begins."""
    sys.stdout.write(f"cxaxis: {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
