"""Columns that say what is known of faces beside their labels."""

from __future__ import annotations

import lzma
import re
from pathlib import Path

import pytest

from edge.errors import DataError
from train.data.attributes import read_column


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("file,age\na.jpg,young\nb.jpg,old\n", {"a.jpg": "young", "b.jpg": "old"}),
        ("age, image \nyoung , sad/a.jpg\n", {"sad/a.jpg": "young"}),
        ("row,age\n7,old\n", {"7": "old"}),
        ("emotion,pixels,Usage,age\n3,0 0,PublicTest,old\n3,0 0,PublicTest,young\n", {"2": "old", "3": "young"}),
        ("file,age\na,\nb,N/A\nc,unknown\nd,0\n", {"d": "0"}),
        ("\ufefffile,age\na,old\n", {"a": "old"}),
        ("file,age\na,old\na,old\n", {"a": "old"}),
    ],
)
def test_a_column_is_read_by_what_its_rows_are_about(tmp_path: Path, text: str, values: dict[str, str]) -> None:
    (tmp_path / "a.csv").write_text(text, "utf-8")

    assert read_column(tmp_path / "a.csv", "age") == values


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv.xz").write_bytes(lzma.compress(b"file,age\na,old\n"))

    assert read_column(tmp_path / "a.csv.xz", "age") == {"a": "old"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no column 'age'; it has none"),
        ("file,Age\na,old\n", "has no column 'age'; it has file, Age"),
        ("file,age\na\n", "row 2: has 1 columns, but row 1 has 2"),
        ("file,age\na,old\na,young\n", "row 3: says 'young' of a, but 'old' before"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.csv").write_text(text, "utf-8")

    with pytest.raises(DataError, match=re.escape(told)):
        read_column(tmp_path / "a.csv", "age")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfef")

    with pytest.raises(DataError, match="cannot be read to its end"):
        read_column(tmp_path / "a.csv", "age")
    with pytest.raises(DataError, match="No such file"):
        read_column(tmp_path / "absent.csv", "age")
