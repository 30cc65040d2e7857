"""Findings and errors: what is wrong, where, with which value, and how to cure it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How serious a finding is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing wrong with an input.

    Attributes
    ----------
    severity
        ``ERROR`` stops the command, ``WARNING`` does not.
    code
        Stable code, three to eight capitals and three digits, such as ``PROT004``.
    where
        ``file:line`` when a file is at fault, else the option or argument name.
    message
        The key, the offending value and the cure, in one sentence or two.
    """

    severity: Severity
    code: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}  {self.severity.value}  {self.code}  {self.message}"


def error(code: str, where: str, message: str) -> Finding:
    """Return a finding of severity ``ERROR``."""
    return Finding(severity=Severity.ERROR, code=code, where=where, message=message)


def warning(code: str, where: str, message: str) -> Finding:
    """Return a finding of severity ``WARNING``."""
    return Finding(severity=Severity.WARNING, code=code, where=where, message=message)


class CxaxisError(Exception):
    """Root of every exception raised on purpose."""


class ModelValueError(CxaxisError, ValueError):
    """A number handed to a scientific function lies outside its valid range."""


class SimulationFailedError(CxaxisError):
    """Raised by `require_success` when patients failed and the caller asked for it."""


class UserInputError(CxaxisError):
    """A file, option or argument from the user cannot be used.

    Carries every finding at once, so that one run shows all that has to be cured. The
    command line prints them and exits with code 2; nothing has been written by then.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))

    def __reduce__(self) -> tuple[type[UserInputError], tuple[tuple[Finding, ...]]]:
        """Cross a process boundary with the findings, not with their joined text."""
        return type(self), (self.findings,)


def raise_on_errors(findings: Sequence[Finding]) -> None:
    """Raise `UserInputError` with all findings if any of them is an error."""
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise UserInputError(findings)
