"""What a label may be: every name that a stranger brings is kept, or refused in one sentence."""

from __future__ import annotations

import json
import re

import pytest

from edge.labels import CHART_ORDER, EMOTIONS, LABEL_PATTERN, PALETTE, check_colours, check_labels, check_order
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    "names",
    [
        EMOTIONS,
        ("confused", "bored", "attentive"),
        ("smile", "no_smile"),
        ("fröhlich", "gut gelaunt", "Müde", "don't know"),
        ("1", "2", "10"),
        ("uncertain", "people"),
        ("constructor", "toString"),
        ("困惑", "退屈", "😀"),
        ("a" * 32, "b" * 32),
        tuple(f"class {number}" for number in range(20)),
    ],
)
def test_names_of_any_language_are_labels(names: tuple[str, ...]) -> None:
    assert check_labels(names) == names
    assert all(re.search(LABEL_PATTERN, name) for name in names)


def test_blanks_and_decomposed_characters_of_file_names_make_no_other_label() -> None:
    assert check_labels(["  gut \t gelaunt\n", "mu\u0308de"]) == ("gut gelaunt", "müde")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "there are 0 labels; a classifier needs 2 to 20"),
        (["happy"], r"there is 1 label \(happy\); a classifier needs 2 to 20"),
        ([f"class {number}" for number in range(21)], "there are 21 labels; a classifier needs 2 to 20"),
        (["bored", "bored"], "label 'bored' is listed twice"),
        (["Bored", "bored"], "labels 'Bored' and 'bored' differ only in capital letters"),
        (["straße", "STRASSE"], "labels 'straße' and 'STRASSE' differ only in capital letters"),
        (["bored", " "], "label 2, '', is not allowed: it is empty"),
        (["bored", "x" * 45], "label 2, 'x{45}', is not allowed: it has 45 characters; give at most 32"),
        (["None", "bored"], "label 1, 'None', is not allowed: in Home Assistant and in tables it means that there is"),
        (
            ["bored", "unknown"],
            "label 2, 'unknown', is not allowed: Home Assistant shows it as a missing value; choose",
        ),
        (["_bored", "x"], "label 1, '_bored', is not allowed: it begins with '_'; begin with a letter or a digit"),
        (["=1+1", "x"], "it begins with '='; begin with a letter or a digit"),
        (["<b>", "x"], "it contains '<'; leave out double quotes, backslashes, <>, {} and invisible characters"),
        (["a{{b", "x"], "it contains '{'; leave out"),
        (["a\u202eb", "x"], r"it contains '\\u202e'; leave out"),
    ],
)
def test_what_cannot_be_a_label_is_refused_in_a_sentence(names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_labels(names)


@pytest.mark.parametrize("name", ["", "a" * 33, "_a", " a", "a\n", "a<b", 'a"b', "a{b", "a\u202eb", "a\u0000"])
def test_the_pattern_of_the_messages_refuses_what_is_no_label(name: str) -> None:
    assert not re.search(LABEL_PATTERN, name)


def test_an_order_names_each_label_once() -> None:
    assert check_order(["b", "a"], ("a", "b")) == ("b", "a")
    assert check_order([], ("a", "b")) == ()
    for wrong in (["a"], ["a", "a"], ["a", "c"]):
        with pytest.raises(ValueError, match="does not name each label once; the labels are a, b"):
            check_order(wrong, ("a", "b"))


def test_colours_are_of_labels_and_in_hexadecimal_digits() -> None:
    assert check_colours({"a": "#0072B2"}, ("a", "b")) == {"a": "#0072b2"}
    with pytest.raises(ValueError, match="colour of 'c': there is no such label; the labels are a, b"):
        check_colours({"c": "#0072b2"}, ("a", "b"))
    with pytest.raises(ValueError, match="colour of 'a' is 'red'; expected #rrggbb, such as #0072b2"):
        check_colours({"a": "red"}, ("a", "b"))


def test_the_dashboard_page_has_the_same_colours_and_order() -> None:
    script = (ROOT / "deploy" / "dashboard" / "labels.js").read_text("utf-8")

    assert tuple(re.findall(r'"(#[0-9a-f]{6})"', script)) == PALETTE
    (listed,) = re.findall(r"const EMOTIONS = (\[.*?\]);", script)
    assert tuple(json.loads(listed)) == CHART_ORDER
