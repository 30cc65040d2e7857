"""Run the command line in this process, on the smallest protocol that makes a trial."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cxaxis.cli.main import main

PROTOCOL = """\
schema: 1
title: Tiny
population:
  setting: locally_advanced_escc
  patients_per_ratio_unit: 1
backbone:
  - {drug: radiotherapy, regimen: definitive_50_4_gy}
arms:
  - id: control
    label: Chemoradiotherapy
  - id: daily
    label: "+ plerixafor [/daily]"
    regimens:
      - drug: plerixafor
        dose: {value: 240, unit: ug/kg}
        route: subcutaneous
        start_day: 0
        every_day: 1
        n_doses: 5
control: control
visits:
  first_day: 7
  every_day: 7
endpoints: [OS, PFS]
seed: 3
horizon_day: 14
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


def command_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs ``cxaxis`` with arguments and returns its answer."""

    def run(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cxaxis", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        code = stop.value.code
        assert isinstance(code, int)
        assert "Traceback" not in said.err
        return Answer(code=code, out=said.out, err=said.err)

    return run


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
