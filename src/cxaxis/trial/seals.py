"""Seals: what a protocol said on a day, kept beside it, and what was changed since.

The seal of ``trial.yaml`` is ``trial.yaml.seal.json``. It holds the protocol after defaults, its
hash, the day, the version, and the hashes of the model and parameters of that day.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cxaxis._version import __version__
from cxaxis.core.errors import UserInputError, error
from cxaxis.core.hashing import sha256_of
from cxaxis.runs.files import write_json_durably
from cxaxis.trial.protocol import (
    SEAL_SUFFIX,
    Protocol,
    protocol_file,
    read_protocol,
    seal_content,
)

#: How long a value may be where it is shown.
_SHOWN: Final = 60
_ABSENT: Final = "nothing"
_HASH: Final = r"^[0-9a-f]{64}$"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EarlierSeal(_Record):
    """A seal that was replaced: its hash and its day."""

    sha256: str = Field(pattern=_HASH)
    sealed_on: str


class Seal(_Record):
    """What a seal holds.

    Attributes
    ----------
    sha256
        Hash of the canonical protocol.
    sealed_on
        Day, as YYYY-MM-DD.
    cxaxis_version
        Version that sealed.
    basis
        Hashes of what a run rested on that day, such as ``sbml_sha256``.
    replaces
        Seals that this one replaced, the oldest first.
    protocol
        The protocol after defaults.
    """

    schema_version: int = 1
    sha256: str = Field(pattern=_HASH)
    sealed_on: str
    cxaxis_version: str
    basis: dict[str, str]
    replaces: tuple[EarlierSeal, ...] = Field(default=(), strict=False)
    protocol: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A key of a protocol that is not as sealed; values as JSON, ``nothing`` if absent."""

    key: str
    sealed: str
    present: str

    def __str__(self) -> str:
        return f"{self.key}: sealed {self.sealed}, now {self.present}"


@dataclass(frozen=True, kw_only=True)
class SealState:
    """A seal, and what of the protocol beside it is no longer as sealed."""

    seal: Seal
    differences: tuple[Difference, ...]

    @property
    def changed(self) -> bool:
        """Whether the protocol changed after it was sealed."""
        return bool(self.differences)

    def entry(self, basis: Mapping[str, str]) -> dict[str, Any]:
        """Return what the summary of a run says of the seal.

        Parameters
        ----------
        basis
            Hashes of what the run rests on, with the keys of `Seal.basis`.
        """
        return {
            "sha256": self.seal.sha256,
            "sealed_on": self.seal.sealed_on,
            "cxaxis_version": self.seal.cxaxis_version,
            "changed": self.changed,
            "differences": [asdict(item) for item in self.differences],
            "basis_changed": sorted(
                key for key, value in self.seal.basis.items() if basis.get(key) != value
            ),
            "replaces": [item.model_dump() for item in self.seal.replaces],
        }


def read_seal(source: str | Path) -> Seal | None:
    """Return the seal beside a protocol file or example, None if there is none.

    Raises
    ------
    UserInputError
        If it cannot be read, or was edited: its hash is not that of the protocol it holds.
    """
    content = seal_content(source)
    if content is None:
        return None
    where = f"{source}{SEAL_SUFFIX}"
    cure = "Put back the file as it was written, or remove it and seal again."
    try:
        seal = Seal.model_validate_json(content)
    except ValidationError as failure:
        key = ".".join(str(part) for part in failure.errors()[0]["loc"]) or "the file"
        message = f"this is no seal: {key} cannot be used. {cure}"
        raise UserInputError([error("PROT033", where, message)]) from None
    if sha256_of(seal.protocol) != seal.sha256:
        message = f"the seal was edited: its hash is not that of the protocol it holds. {cure}"
        raise UserInputError([error("PROT033", where, message)])
    return seal


def state_of(protocol: Protocol, source: str | Path) -> SealState | None:
    """Return the seal of a protocol and what changed since, None if it has no seal.

    Raises
    ------
    UserInputError
        See `read_seal`.
    """
    seal = read_seal(source)
    if seal is None:
        return None
    return SealState(seal=seal, differences=differences(_as_read_now(seal), protocol.canonical()))


def seal_protocol(
    source: str | Path, *, today: date, basis: Mapping[str, str], again: bool = False
) -> tuple[Path, SealState | None]:
    """Seal a protocol file.

    Parameters
    ----------
    source
        Path of the protocol file.
    today
        Written into the seal.
    basis
        Hashes of what a run would rest on; see `cxaxis.trial.run.basis_of`.
    again
        Whether a seal of other content may be replaced; the new one then names it.

    Returns
    -------
    Path of the seal, and the state of one that stood there before. A seal of the same content is
    left as it is.

    Raises
    ------
    UserInputError
        If the protocol has findings, is no file of the user's, or has a seal of other content and
        ``again`` is false.
    """
    protocol = read_protocol(source, sealing=True)
    path = Path(source)
    target = path.with_name(path.name + SEAL_SUFFIX)
    if not path.is_file():
        label, _ = protocol_file(source)
        message = (
            f"{label} ships with the package and cannot be sealed there. Write a copy with "
            "`cxaxis trial new` and seal that."
        )
        raise UserInputError([error("PROT034", str(source), message)])
    before = state_of(protocol, source)
    if before is not None and not before.changed:
        return target, before
    if before is not None and not again:
        told = "; ".join(map(str, before.differences))
        message = (
            f"sealed on {before.seal.sealed_on} with other content: {told}. Change the protocol "
            "back, copy it under another name, or replace the seal with --again."
        )
        raise UserInputError([error("PROT034", str(target), message)])
    content = protocol.canonical()
    seal = Seal(
        sha256=sha256_of(content),
        sealed_on=today.isoformat(),
        cxaxis_version=__version__,
        basis=dict(basis),
        replaces=() if before is None else _and_before(before.seal),
        protocol=content,
    )
    write_json_durably(target, seal.model_dump(mode="json"))
    return target, before


def differences(sealed: Mapping[str, Any], present: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return the keys in which two canonical protocols differ, dotted, in order."""
    left, right = dict(_leaves(sealed)), dict(_leaves(present))
    keys = [key for key in {**left, **right} if left.get(key) != right.get(key)]
    return tuple(
        Difference(key=key, sealed=_shown(left.get(key)), present=_shown(right.get(key)))
        for key in sorted(keys)
    )


def _shown(text: str | None) -> str:
    if text is None:
        return _ABSENT
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _and_before(seal: Seal) -> tuple[EarlierSeal, ...]:
    return (*seal.replaces, EarlierSeal(sha256=seal.sha256, sealed_on=seal.sealed_on))


def _as_read_now(seal: Seal) -> dict[str, Any]:
    """Return the sealed protocol after the defaults of this version."""
    try:
        return Protocol.model_validate(seal.protocol).canonical()
    except ValidationError:
        return seal.protocol


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each innermost value as JSON under its dotted key."""
    items: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(value, Mapping):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    inner = list(items)
    for name, item in inner:
        yield from _leaves(item, f"{key}.{name}" if key else str(name))
    if not inner:
        yield key, json.dumps(value, sort_keys=True)
