"""Protocols to start from: each backbone with one place for an agent, made of shipped examples."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from cxaxis.core.errors import UserInputError, error
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.models.agents import slot_of
from cxaxis.runs.files import write_text_durably
from cxaxis.trial.operations import SURGERY
from cxaxis.trial.pool import AXIS_SLOTS
from cxaxis.trial.protocol import EXAMPLE_FOLDER

DEFAULT_AGENT: Final = "plerixafor"
_WIDTH: Final = 98
_AFTER_A_GAP: Final = ("population", "backbone", "arms", "control", "uncertainty", "seed")


@dataclass(frozen=True, kw_only=True)
class Template:
    """A backbone to which one arm adds an agent.

    Attributes
    ----------
    example
        Packaged protocol with that backbone.
    control
        Its arm that becomes the control: all that this arm is given goes into the backbone.
    words
        The backbone in words, as a title begins.
    """

    example: str
    control: str
    words: str


TEMPLATES: Final[Mapping[str, Template]] = MappingProxyType(
    {
        "definitive_chemoradiotherapy": Template(
            example="crt_plerixafor",
            control="control",
            words="Definitive chemoradiotherapy of locally advanced ESCC",
        ),
        "neoadjuvant_chemoradiotherapy_surgery": Template(
            example="neoadjuvant_cross",
            control="chemoradiotherapy_surgery",
            words="Neoadjuvant chemoradiotherapy and surgery of resectable ESCC",
        ),
        "first_line_chemo_immunotherapy": Template(
            example="first_line_pembrolizumab",
            control="pembrolizumab",
            words="First-line chemotherapy and pembrolizumab of metastatic ESCC",
        ),
    }
)


def agents() -> dict[str, Drug]:
    """Return the drugs that may take the place of the agent: those at CXCR4 or its ligand."""
    return {
        name: drug
        for name, drug in load_drugs().items()
        if slot_of(drug) in AXIS_SLOTS and drug.target
    }


def template_text(name: str, *, agent: str = DEFAULT_AGENT, regimen: str | None = None) -> str:
    """Return a protocol as YAML text with comments.

    Parameters
    ----------
    name
        One of `TEMPLATES`.
    agent
        Drug of the arm that is compared with control.
    regimen
        One of its regimens; the one that lasts longest if omitted.

    Raises
    ------
    UserInputError
        With every finding: no such template, agent or regimen.
    """
    known = agents()
    findings = []
    if name not in TEMPLATES:
        message = f"{name!r} is no template. {did_you_mean(name, TEMPLATES)}"
        findings.append(error("TMPL001", "--template", message))
    if agent not in known:
        message = f"{agent!r} is no drug at CXCR4 or CXCL12. {did_you_mean(agent, known)}"
        findings.append(error("TMPL002", "--agent", message))
    elif regimen is not None and regimen not in known[agent].regimens:
        hint = did_you_mean(regimen, known[agent].regimens)
        message = f"{regimen!r} is no regimen of {agent}. {hint}"
        findings.append(error("TMPL003", "--regimen", message))
    if findings:
        raise UserInputError(findings)
    drug = known[agent]
    given = regimen or max(drug.regimens, key=lambda key: _last_day(drug.regimens[key]))
    content = _content(TEMPLATES[name], drug, given)
    command = f"cxaxis trial new --template {name} --agent {agent} --regimen {given}"
    return _head(command, drug, given) + _body(content) + _options(content)


def write_template(path: Path, text: str) -> None:
    """Write a protocol to a new file.

    Raises
    ------
    UserInputError
        If something stands there; it is left as it is.
    """
    if path.exists():
        message = "stands there already and is left as it is. Give another name with --out."
        raise UserInputError([error("TMPL004", str(path), message)])
    write_text_durably(path, text)


def _content(template: Template, drug: Drug, regimen: str) -> dict[str, Any]:
    folder = resources.files("cxaxis").joinpath(EXAMPLE_FOLDER)
    text = folder.joinpath(f"{template.example}.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    control = next(arm for arm in content["arms"] if arm["id"] == template.control)
    added = {
        "id": f"with_{drug.id}",
        "label": f"+ {drug.name[:1].lower()}{drug.name[1:]}",
        "regimens": [{"drug": drug.id, "regimen": regimen}],
    }
    words = f"{template.words} with or without {drug.name[:1].lower()}{drug.name[1:]}"
    return {
        **content,
        "title": words,
        "backbone": [*content["backbone"], *control.get("regimens", [])],
        "arms": [{"id": control["id"], "label": control["label"]}, added],
        "control": control["id"],
        "uncertainty": {**content["uncertainty"], "arms": [added["id"]]},
    }


def _last_day(regimen: Regimen) -> float:
    return regimen.dose_days()[-1] + regimen.duration_day


def _head(command: str, drug: Drug, regimen: str) -> str:
    chosen = drug.regimens[regimen]
    others = ", ".join(name for name in drug.regimens if name != regimen) or "none"
    paragraphs = [
        f"Written by `{command}`.",
        "Day 0 is randomisation and the first day of treatment, a Monday. Dose window of "
        f"{drug.name[:1].lower()}{drug.name[1:]}: day {chosen.start_day:g} to day "
        f"{_last_day(chosen):g}. {chosen.note} Other regimens: {others}.",
        "A mobilisation course of a few days is no antitumour regimen: let the window span what "
        "the agent is meant to add to.",
        "Then `cxaxis trial check FILE`, `cxaxis trial seal FILE` and `cxaxis trial run FILE`.",
    ]
    return "".join(_comment(text) for text in paragraphs)


def _comment(text: str) -> str:
    return textwrap.indent(textwrap.fill(" ".join(text.split()), _WIDTH), "# ") + "\n"


def _body(content: Mapping[str, Any]) -> str:
    """Return YAML, the innermost lists and mappings on one line as in the examples."""
    parts = []
    for key, value in content.items():
        if key in _AFTER_A_GAP:
            parts.append("\n")
        parts.append(
            yaml.safe_dump(
                {key: value},
                sort_keys=False,
                allow_unicode=True,
                # A word or number alone stands without braces.
                default_flow_style=None if isinstance(value, list | dict) else False,
                width=_WIDTH,
            )
        )
    return "".join(parts)


def _options(content: Mapping[str, Any]) -> str:
    control, added = (arm["id"] for arm in content["arms"])
    n_patient = 2 * content["population"]["patients_per_ratio_unit"]
    lines = [
        f"allocation: {{{control}: 0.5, {added}: 0.5}}",
        f"interim: {{events: {n_patient // 2}, information_fractions: [0.5, 0.75], "
        "spending: obrien_fleming}",
        "biomarker_strata: [{biomarker: CXCL12H, bands: [[0, 100], [100, 300]]}]",
        "enrichment: {biomarker: CXCR4GR, call: high}",
    ]
    # A switch would move or cancel an operation.
    if all(item["drug"] != SURGERY for item in content["backbone"]):
        lines.append(f"crossover: {{to: {added}, at: progression, share: 0.5}}")
    return "\n# More that a protocol may say; take the mark away to use a line.\n" + "".join(
        f"# {line}\n" for line in lines
    )
