"""docs/faults.md against the tests that it tells of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.faults.report import FIGURES, ROWS, page

pytestmark = pytest.mark.faults


def test_every_row_of_the_table_has_a_test() -> None:
    sources = [path.read_text("utf-8") for path in Path(__file__).parents[1].rglob("test_*.py")]

    rows = {int(number) for source in sources for number in re.findall(r"pytest\.mark\.row\((\d+),", source)}

    assert rows == set(ROWS)


def test_the_page_shows_the_last_figures_of_every_row() -> None:
    document = json.loads(FIGURES.read_text("utf-8"))

    assert FIGURES.with_suffix(".md").read_text("utf-8") == page(document)
    assert {test["row"] for test in document["tests"].values()} >= set(ROWS)
