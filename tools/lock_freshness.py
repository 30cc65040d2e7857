"""Check offline that the lock files belong to pyproject.toml, or stamp them after locking.

The first line of each lock holds the sha256 of the dependency arrays it was made from. The check
also holds the locks to what an installation relies on: every requirement pinned and hashed, no
registry address, every direct dependency there, and one version of a package in both files.
"""

import argparse
import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "# dependencies sha256: "
LOCKS = ("run.txt", "test.txt")


def main() -> int:
    """Check the locks of this repository, or stamp them, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stamp", action="store_true", help="write the first lines")
    arguments = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    paths = {name: ROOT / "requirements" / name for name in LOCKS}
    if arguments.stamp:
        for path in paths.values():
            path.write_text(stamped(path.read_text(encoding="utf-8"), project), encoding="utf-8")
    found = findings(
        project, {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    )
    for line in found:
        sys.stdout.write(f"{line}\n")
    if not found:
        sys.stdout.write("requirements/: both locks are fresh\n")
    return 1 if found else 0


def dependencies_sha256(project: dict[str, Any]) -> str:
    """Return the hash of everything in pyproject.toml that decides a lock."""
    arrays = [
        project["project"]["requires-python"],
        project["project"]["dependencies"],
        project["project"]["optional-dependencies"],
        project["dependency-groups"],
    ]
    return hashlib.sha256(json.dumps(arrays, sort_keys=True).encode()).hexdigest()


def stamped(lock: str, project: dict[str, Any]) -> str:
    """Return the text of a lock with its first line for this ``project``."""
    body = "".join(line for line in lock.splitlines(keepends=True) if not line.startswith(PREFIX))
    return f"{PREFIX}{dependencies_sha256(project)}\n{body}"


def findings(project: dict[str, Any], locks: dict[str, str]) -> list[str]:
    """Return one line for each thing that is wrong with the locks, all at once."""
    group = project["dependency-groups"]["build"]
    run = [*project["project"]["dependencies"], *group]
    direct = {
        "run.txt": run,
        "test.txt": [*run, *project["project"]["optional-dependencies"]["test"]],
    }
    first_line = PREFIX + dependencies_sha256(project)
    found = []
    for name, text in locks.items():
        where = f"requirements/{name}"
        lines = text.splitlines()
        if not lines or lines[0] != first_line:
            found.append(f"{where}:1: not made from this pyproject.toml. Run `make lock`.")
        for number, line in enumerate(lines, start=1):
            if "://" in line or re.match(r"\s*-(?!-hash=sha256:)", line):
                found.append(
                    f"{where}:{number}: an option or an address, {line.strip()!r}. "
                    "Run `make lock`; a lock holds pins and hashes only."
                )
        pins = pins_of(text)
        found += [
            f"{where}: {pin} has no hash. Run `make lock`."
            for pin, hashed in pins.items()
            if not hashed
        ]
        packages = {pin.partition("==")[0] for pin in pins}
        found += [
            f"{where}: {package} of pyproject.toml is missing. Run `make lock`."
            for package in sorted({normalised(item) for item in direct[name]} - packages)
        ]
    found += [
        f"requirements/run.txt: {pin} is not in requirements/test.txt. Run `make lock`."
        for pin in pins_of(locks["run.txt"])
        if pin not in pins_of(locks["test.txt"])
    ]
    return found


def pins_of(lock: str) -> dict[str, bool]:
    """Return the ``name==version`` pins of a lock, and whether each has a hash."""
    pins: dict[str, bool] = {}
    current = ""
    for line in lock.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            pins[current] = pins.get(current, False) or "--hash=sha256:" in line
        else:
            current = line.partition(";")[0].removesuffix("\\").strip()
            pins[current] = "--hash=sha256:" in line
    return pins


def normalised(requirement: str) -> str:
    """Return the package name of a requirement, in the one spelling that locks use."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
