"""Reads what is known of each face beside its label, such as age or skin tone, from a column of a csv."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.errors import DataError
from train.data.tables import DAMAGED, open_table

KEYS = ("file", "image", "row")
"""Columns of which one says whose attributes a row holds: the name of an image, or the number of a row of the data."""
UNKNOWN = frozenset({"", "?", "na", "n/a", "nan", "none", "null", "unknown"})
"""Values that say nothing, in lower case."""


def read_column(path: Path, column: str) -> dict[str, str]:
    """The value of ``column`` for each row that has one, by what the row is about.

    That is the value of the first of ``KEYS`` among the columns; in a csv of FER2013, which has none, the number of the
    row, of which the header is row 1.

    Raises:
        DataError: the file cannot be read, has no such column, or says two things of one image.
    """
    try:
        with path.open("rb") as raw:
            return _collect(path, column, open_table(path.name, raw))
    except DAMAGED as error:
        raise DataError(f"attributes {path}: cannot be read to its end ({error}); give a csv file") from error


def _collect(path: Path, column: str, rows: Iterator[list[str]]) -> dict[str, str]:
    header = [name.strip() for name in next(rows, [])]
    if column not in header:
        raise DataError(f"attributes {path}: has no column {column!r}; it has {', '.join(header) or 'none'}")
    key = next((header.index(name) for name in KEYS if name in header), None)
    values: dict[str, str] = {}
    for number, fields in enumerate(rows, 2):
        if len(fields) != len(header):
            raise DataError(f"attributes {path} row {number}: has {len(fields)} columns, but row 1 has {len(header)}")
        name, value = str(number) if key is None else fields[key].strip(), fields[header.index(column)].strip()
        if value.lower() in UNKNOWN:
            continue
        if values.setdefault(name, value) != value:
            raise DataError(f"attributes {path} row {number}: says {value!r} of {name}, but {values[name]!r} before")
    return values
