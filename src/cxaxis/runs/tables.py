"""Tables with units: one schema, the same bytes for the same content, a data dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cxaxis.core.errors import ModelValueError, UserInputError, error, raise_on_errors
from cxaxis.runs.files import write_durably

ColumnType: TypeAlias = Literal["string", "float64", "int8", "int32", "int64", "bool"]
TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
ROW_GROUP_ROWS = 65_536

_NULLABLE_DTYPES: Mapping[pa.DataType, pd.api.extensions.ExtensionDtype] = {
    pa.int8(): pd.Int8Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name
        Column name, as in the file.
    type
        ``string``, ``float64``, ``int8``, ``int32``, ``int64`` or ``bool``.
    unit
        Unit of the numbers, empty for none.
    meaning
        One sentence for the data dictionary.
    nullable
        Whether a value may be missing. A missing value in another column is an error.
    """

    name: str
    type: ColumnType
    unit: str
    meaning: str
    nullable: bool = False

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            msg = f"column {self.name!r} has type {self.type!r}. Known: {', '.join(TYPES)}."
            raise ModelValueError(msg)
        if self.unit and self.type in ("string", "bool"):
            msg = f"column {self.name!r} is {self.type} and cannot have the unit {self.unit!r}."
            raise ModelValueError(msg)


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """Columns of a table, in file order.

    Attributes
    ----------
    name
        Name of the table; the file is ``<name>.parquet``.
    meaning
        What one row is, in a sentence.
    columns
        At least one column, names unique.
    version
        Raised when a column changes its name, type, unit or meaning.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    version: int = 1

    def __post_init__(self) -> None:
        names = self.column_names
        if not names or len(set(names)) < len(names):
            msg = f"table {self.name!r} needs at least one column and no name twice, got {names}."
            raise ModelValueError(msg)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in file order."""
        return tuple(column.name for column in self.columns)

    @property
    def file_name(self) -> str:
        """Name of the table's file in a run directory."""
        return f"{self.name}.parquet"

    @property
    def units(self) -> dict[str, str]:
        """Unit by column name, empty for none."""
        return {column.name: column.unit for column in self.columns}


def write_table(frame: pd.DataFrame, path: Path, schema: TableSchema) -> None:
    """Write ``frame`` as Parquet: equal content, equal bytes.

    Column order, types and metadata come from ``schema`` alone; the index and the order of
    the columns of ``frame`` do not matter. A missing value (None, NaN, NA) is stored as null.
    The unit and the meaning of a column stand in its field metadata, keys ``unit`` and
    ``meaning``. The file appears whole or not at all.

    Parameters
    ----------
    frame
        Shape ``(n_row, n_column)``, exactly the columns of ``schema``; zero rows are allowed.
    path
        File to write; an existing one is replaced.
    schema
        Columns, types and units.

    Raises
    ------
    ModelValueError
        If a column is missing or unknown, a value does not fit its type without loss, or one
        is missing where the schema does not allow it.
    """
    table = _arrow_table(frame, schema)
    write_durably(path, lambda temporary: _write_parquet(table, temporary))


def read_table(path: Path, schema: TableSchema | None = None) -> pd.DataFrame:
    """Read a table written by `write_table`.

    Parameters
    ----------
    path
        Parquet file.
    schema
        What the caller expects; None takes the file as it is.

    Returns
    -------
    Table of shape ``(n_row, n_column)`` in file order. Strings are ``object`` with None for a
    missing value; integers and booleans that may be missing have pandas' nullable types; a
    missing float is NaN.

    Raises
    ------
    UserInputError
        If the file is absent, is not such a table, or differs from ``schema``.
    """
    try:
        # Not `read_table`, which takes a folder called "seed=7" for a column.
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as err:
        raise _unreadable(path, err) from err
    found = _schema_of(path, table.schema)
    if schema is not None:
        _require_same_schema(path, found, schema)
    return pd.DataFrame(
        {column.name: _to_pandas(table.column(column.name), column) for column in found.columns}
    )


def read_schema(path: Path) -> TableSchema:
    """Return the schema, with units, that stands in a table file.

    Raises
    ------
    UserInputError
        If the file is absent or is not a table written by `write_table`.
    """
    try:
        arrow_schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as err:
        raise _unreadable(path, err) from err
    return _schema_of(path, arrow_schema)


def count_rows(path: Path) -> int:
    """Return the number of rows of a Parquet file without reading them."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as err:
        raise _unreadable(path, err) from err


def data_dictionary(schemas: Iterable[TableSchema]) -> dict[str, object]:
    """Return every table, column, type, unit and meaning, ready for JSON.

    Raises
    ------
    ModelValueError
        If two tables share a name.
    """
    tables: dict[str, object] = {}
    for schema in schemas:
        if schema.name in tables:
            msg = f"two tables are called {schema.name!r}."
            raise ModelValueError(msg)
        tables[schema.name] = {
            "meaning": schema.meaning,
            "version": schema.version,
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "unit": column.unit,
                    "meaning": column.meaning,
                    "nullable": column.nullable,
                }
                for column in schema.columns
            ],
        }
    return {"schema_version": 1, "tables": tables}


def empty_frame(schema: TableSchema) -> pd.DataFrame:
    """Return a table of zero rows with the columns and types that `read_table` gives."""
    return pd.DataFrame(
        {
            column.name: _to_pandas(pa.chunked_array([], type=_arrow_type(column)), column)
            for column in schema.columns
        }
    )


def _write_parquet(table: pa.Table, path: Path) -> None:
    # Every choice that reaches the bytes is spelled out, so that a changed default of the
    # library does not change a result.
    pq.write_table(
        table,
        path,
        row_group_size=ROW_GROUP_ROWS,
        version="2.6",
        data_page_version="1.0",
        data_page_size=1024 * 1024,
        compression="zstd",
        compression_level=3,
        use_dictionary=True,
        write_statistics=True,
        store_schema=True,
    )


def _arrow_table(frame: pd.DataFrame, schema: TableSchema) -> pa.Table:
    given = list(frame.columns)
    if len(set(given)) < len(given):
        msg = f"table {schema.name!r}: a column name stands twice in {given}."
        raise ModelValueError(msg)
    missing = [name for name in schema.column_names if name not in given]
    unknown = [str(name) for name in given if name not in schema.column_names]
    if missing or unknown:
        msg = f"table {schema.name!r}: missing columns {missing}, unknown columns {unknown}."
        raise ModelValueError(msg)
    arrays = [_to_arrow(frame[column.name], column, schema.name) for column in schema.columns]
    return pa.Table.from_arrays(arrays, schema=_arrow_schema(schema))


def _arrow_type(column: Column) -> pa.DataType:
    return pa.bool_() if column.type == "bool" else getattr(pa, column.type)()


def _arrow_schema(schema: TableSchema) -> pa.Schema:
    fields = [
        pa.field(
            column.name,
            _arrow_type(column),
            nullable=column.nullable,
            metadata={"unit": column.unit, "meaning": column.meaning},
        )
        for column in schema.columns
    ]
    metadata = {
        "table": schema.name,
        "meaning": schema.meaning,
        "schema_version": str(schema.version),
    }
    return pa.schema(fields, metadata=metadata)


def _to_arrow(series: pd.Series, column: Column, table: str) -> pa.Array:
    missing = int(series.isna().sum())
    if missing and not column.nullable:
        msg = (
            f"table {table!r}: {missing} of {len(series)} values of {column.name!r} are missing. "
            "Fill them, or declare the column nullable."
        )
        raise ModelValueError(msg)
    target = _arrow_type(column)
    if missing == len(series):
        return pa.nulls(len(series), type=target)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    try:
        # Inferred first and cast after: a typed conversion would take 1.5 as the integer 1
        # and 1 as the boolean True.
        array = pa.array(series, from_pandas=True)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        if _family(array.type) != _family(target):
            msg = f"table {table!r}: {column.name!r} holds {array.type}, expected {column.type}."
            raise ModelValueError(msg)
        return array.cast(target)
    except pa.ArrowException as err:
        msg = f"table {table!r}: {column.name!r} does not fit {column.type}: {err}."
        raise ModelValueError(msg) from err


def _family(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "string"
    return str(kind)


def _to_pandas(array: pa.ChunkedArray, column: Column) -> pd.Series:
    if column.type == "string":
        return pd.Series(array.to_pylist(), dtype=object)
    mapper = _NULLABLE_DTYPES.get if column.nullable else None
    return cast("pd.Series", array.to_pandas(types_mapper=mapper))


def _schema_of(path: Path, arrow_schema: pa.Schema) -> TableSchema:
    metadata = arrow_schema.metadata or {}
    try:
        return TableSchema(
            name=metadata[b"table"].decode(),
            meaning=metadata[b"meaning"].decode(),
            version=int(metadata[b"schema_version"]),
            columns=tuple(
                Column(
                    name=field.name,
                    type=str(field.type).replace("double", "float64"),  # type: ignore[arg-type]
                    unit=field.metadata[b"unit"].decode(),
                    meaning=field.metadata[b"meaning"].decode(),
                    nullable=field.nullable,
                )
                for field in arrow_schema
            ),
        )
    except (KeyError, TypeError, ValueError) as err:
        message = (
            "the file is Parquet but carries no table name, units and meanings, so it was not "
            "written by cxaxis. Point to a table of a run directory."
        )
        raise UserInputError([error("RUN011", str(path), message)]) from err


def _require_same_schema(path: Path, found: TableSchema, expected: TableSchema) -> None:
    findings = []
    for name in expected.column_names:
        if name not in found.column_names:
            findings.append(error("RUN012", str(path), f"column {name!r} is missing."))
    wanted = {column.name: column for column in expected.columns}
    for column in found.columns:
        other = wanted.get(column.name)
        if other is None:
            findings.append(error("RUN012", str(path), f"column {column.name!r} is unknown."))
        elif (column.type, column.unit) != (other.type, other.unit):
            message = (
                f"column {column.name!r} is {column.type} [{column.unit}], expected "
                f"{other.type} [{other.unit}]. The file comes from another version: run again."
            )
            findings.append(error("RUN012", str(path), message))
    raise_on_errors(findings)


def _unreadable(path: Path, err: Exception) -> UserInputError:
    if not path.exists():
        message = "the table does not exist. Check the path, or run again into a new directory."
    else:
        message = f"the table cannot be read ({err}). Run again into a new directory."
    return UserInputError([error("RUN010", str(path), message)])
