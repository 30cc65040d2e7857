"""The column map of a user's own patients: which column of a CSV file holds which covariate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cxaxis.cell.laboratory_csv import TextTable, column_name, read_laboratory_csv
from cxaxis.cohort.user_columns import SUBJECT_NAMES, USER_COLUMNS
from cxaxis.core.errors import Finding, UserInputError, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.located_yaml import LocatedDocument, read_located_yaml, validation_findings

SCHEMA: Final = 1
_HEAD: Final = """\
# Which column of {name} holds what. Columns may be added, changed or removed.
# A number may have a factor that turns it into the unit named; a category may have the words
# that your file uses, by category. What is not listed is not used.
"""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MappedColumn(_Part):
    """Where a covariate stands.

    Attributes
    ----------
    column
        Header in the file, in any case.
    factor
        What numbers are multiplied by.
    words
        Category -> words of the file for it, beside those that are known.
    """

    column: str
    factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    words: dict[str, list[str]] = Field(default_factory=dict)


class ColumnMap(_Part):
    """A map: the column that names patients, and columns by covariate."""

    schema_: Annotated[int, Field(alias="schema", ge=SCHEMA, le=SCHEMA)]
    subject: str | None = None
    columns: dict[str, MappedColumn]


@dataclass(frozen=True, kw_only=True)
class NewMap:
    """A map made of the headers of a file.

    Attributes
    ----------
    text
        YAML.
    found
        Header -> covariate.
    not_recognised
        Headers that no covariate goes by.
    """

    text: str
    found: Mapping[str, str]
    not_recognised: tuple[str, ...]


def read_cells(
    path: Path, *, numeric: tuple[str, ...] = ()
) -> tuple[TextTable, tuple[Finding, ...]]:
    """Return the cells of a CSV file, whatever its columns are called.

    Parameters
    ----------
    path
        The file.
    numeric
        Columns, in house form, in which a comma may be a decimal sign.

    Raises
    ------
    UserInputError
        If the file cannot be read as a table.
    """
    known: list[str] = []
    if path.is_file():
        lines = path.read_bytes().decode("utf-8-sig", errors="replace").splitlines()
        body = (line for line in lines if line.strip() and not line.startswith(("#", "sep=")))
        header = next(body, "")
        separator = max(",;\t", key=header.count)
        known = [column_name(cell.strip('" ')) for cell in header.split(separator)]
    return read_laboratory_csv(path, known=known, numeric=numeric)


def new_map(path: Path) -> NewMap:
    """Return a map of the columns of a file that go by a known name.

    Raises
    ------
    UserInputError
        If the file cannot be read, or no column is recognised.
    """
    table, _ = read_cells(path)
    by_name = {name: item.covariate for item in USER_COLUMNS.values() for name in item.names}
    found: dict[str, str] = {}
    for header in table.columns:
        covariate = by_name.get(header)
        if covariate is not None and covariate not in found.values():
            found[header] = covariate
    if not found:
        message = (
            "no column goes by a known name. Known are: "
            f"{', '.join(item.names[0] for item in USER_COLUMNS.values())}. Rename columns, or "
            "write the map by hand."
        )
        raise UserInputError([error("OWN001", table.header_where, message)])
    subject = next((name for name in table.columns if name in SUBJECT_NAMES), None)
    columns = {
        covariate: {"column": header}
        for covariate in USER_COLUMNS
        for header, name in found.items()
        if name == covariate
    }
    content = {"schema": SCHEMA, **({"subject": subject} if subject else {}), "columns": columns}
    text = _HEAD.format(name=path.name) + yaml.safe_dump(content, sort_keys=False)
    rest = tuple(n for n in table.columns if n and n not in found and n != subject)
    return NewMap(text=text, found=found, not_recognised=rest)


def read_map(path: Path) -> ColumnMap:
    """Return a column map.

    Raises
    ------
    UserInputError
        With every finding at once: no file, no YAML, unknown keys or covariates, words for what
        is no category, a factor for what is no number.
    """
    try:
        content = path.read_bytes()
    except OSError as err:
        message = f"cannot be read ({err.strerror or err}). Write one with `cxaxis cohort new-map`."
        raise UserInputError([error("OWN002", str(path), message)]) from err
    document, findings = read_located_yaml(str(path), content, code="OWN002")
    if document is None:
        raise UserInputError(findings)
    found = [*findings]
    parsed = None
    try:
        parsed = ColumnMap.model_validate(document.data)
    except ValidationError as failure:
        found += validation_findings(failure, document, ColumnMap, code="OWN002")
    if parsed is not None:
        found += _map_findings(parsed, document)
    raise_on_errors(found)
    assert parsed is not None
    return parsed


def _map_findings(parsed: ColumnMap, document: LocatedDocument) -> Iterator[Finding]:
    if not parsed.columns:
        yield error("OWN002", document.where(("columns",)), "columns is empty. Name at least one.")
    for covariate, item in parsed.columns.items():
        where = document.where(("columns", covariate))
        known = USER_COLUMNS.get(covariate)
        if known is None:
            hint = did_you_mean(covariate, USER_COLUMNS)
            yield error("OWN003", where, f"unknown covariate {covariate!r}. {hint}")
            continue
        if item.words and not known.categories:
            message = f"{covariate} is a number and has no words. Remove them."
            yield error("OWN003", where, message)
        if item.factor != 1.0 and known.categories:
            yield error("OWN003", where, f"{covariate} is a category. Remove its factor.")
        for category in item.words if known.categories else ():
            if category not in known.categories:
                hint = did_you_mean(category, known.categories)
                message = f"{covariate} has no category {category!r}. {hint}"
                yield error("OWN003", where, message)
