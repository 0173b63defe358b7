"""What training, quantising and the daemon share: the labels, what a label may be, and the classifier's input size."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The labels of the shipped models, in the order of their outputs; the label numbers of FER2013."""

HEADS = ("ferplus", "fer2013")
"""The outputs of our classifier: the emotion that FER+'s annotators saw in a face, and the face's FER2013 label."""

CHART_ORDER = ("happy", "surprise", "neutral", "sad", "fear", "angry", "disgust")
"""The same as charts show them, the pleasant above."""

PALETTE = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb5566", "#7b6fd0", "#88ccee", "#44aa99"),
    *("#3fa35b", "#999933", "#ddcc77", "#cc6677", "#b35a86", "#aa4499", "#6699cc", "#997700", "#994455", "#3b7dd8"),
)
"""Colours of labels for which the release gives none, most of Paul Tol's schemes; the shipped ones have their own."""

INPUT_SIZE_PX = 48
"""Side of the square grey face crop that FER2013 contains and our classifier takes."""

FEWEST_LABELS, MOST_LABELS, LONGEST_LABEL = 2, 20, 32

LABEL_PATTERN = (
    r"^[^\u0000-/:-@\[-`{-\u00a0\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]"
    r'[^\u0000-\u001f"<>\\`{}\u007f-\u00a0\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]{0,31}$(?!\n)'
)
"""A label in messages: what ``check_labels`` lets pass, in the regular expressions of both Python and JSON Schema."""

_RESERVED = {
    "none": "in Home Assistant and in tables it means that there is no value",
    "null": "in tables it means that there is no value",
    "unknown": "Home Assistant shows it as a missing value",
    "unavailable": "Home Assistant shows it as a device that is offline",
}
_LABEL = re.compile(LABEL_PATTERN)
_COLOUR = re.compile(r"#[0-9a-f]{6}")


def check_labels(names: Iterable[str]) -> tuple[str, ...]:
    """The labels of a classifier as everything stores and publishes them, in the same order.

    Blanks around and doubled within a name are removed, and its characters composed (Unicode NFC): the names of a
    macOS folder and of a text file become the same label.

    Raises:
        ValueError: there are too few or too many, or one of them cannot be a label. The sentence says which and why.
    """
    labels = tuple(unicodedata.normalize("NFC", " ".join(name.split())) for name in names)
    for number, label in enumerate(labels, 1):
        if fault := _fault(label):
            raise ValueError(f"label {number}, {label[:60]!r}, is not allowed: {fault}")
    if not FEWEST_LABELS <= len(labels) <= MOST_LABELS:
        listed = f" ({', '.join(labels)})" if labels else ""
        few = len(labels) < FEWEST_LABELS
        raise ValueError(
            f"there {'is' if len(labels) == 1 else 'are'} {len(labels)} label{'' if len(labels) == 1 else 's'}"
            f"{listed if few else ''}; a classifier needs {FEWEST_LABELS} to {MOST_LABELS}"
        )
    first: dict[str, str] = {}
    for label in labels:
        if (same := first.setdefault(label.casefold(), label)) != label or labels.count(label) > 1:
            raise ValueError(
                f"label {label!r} is listed twice"
                if same == label
                else f"labels {same!r} and {label!r} differ only in capital letters; use one name, or two that differ"
            )
    return labels


def check_order(order: Iterable[str], labels: Sequence[str]) -> tuple[str, ...]:
    """The order in which to show ``labels``; empty means theirs.

    Raises:
        ValueError: it does not name each of them once.
    """
    order = tuple(order)
    if order and sorted(order) != sorted(labels):
        raise ValueError(f"order {', '.join(order)} does not name each label once; the labels are {', '.join(labels)}")
    return order


def check_colours(colours: Mapping[str, object], labels: Sequence[str]) -> dict[str, str]:
    """The colours in which to show some or all of ``labels``, as ``#rrggbb`` in small letters.

    Raises:
        ValueError: a name is none of the labels, or a value no colour.
    """
    checked = {}
    for name, colour in colours.items():
        if name not in labels:
            raise ValueError(f"colour of {name!r}: there is no such label; the labels are {', '.join(labels)}")
        checked[name] = str(colour).lower()
        if not _COLOUR.fullmatch(checked[name]):
            raise ValueError(f"colour of {name!r} is {colour!r}; expected #rrggbb, such as #0072b2")
    return checked


def in_chart_order(labels: Iterable[str], order: Sequence[str] = ()) -> tuple[str, ...]:
    """``labels`` as charts show them: in the ``order`` that the release gives, then the shipped ones, then others."""
    rank = {label: place for place, label in enumerate(dict.fromkeys((*order, *CHART_ORDER)))}
    return tuple(sorted(dict.fromkeys(labels), key=lambda label: rank.get(label, len(rank))))


def colours_of(labels: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """A colour for each of ``labels``, those ``given`` by the release or else from ``PALETTE``, by their position.

    The shipped ones have none here unless it is given: theirs depend on the theme.
    """
    colours = {label: given[label] for label in labels if label in given}
    free = [colour for colour in PALETTE if colour not in colours.values()] or PALETTE
    others = [label for label in labels if label not in colours and label not in EMOTIONS]
    return colours | {label: free[place % len(free)] for place, label in enumerate(others)}


def _fault(label: str) -> str:
    """Why ``label`` cannot be one, and what would be; empty if it can."""
    if not label:
        return "it is empty"
    if len(label) > LONGEST_LABEL:
        return f"it has {len(label)} characters; give at most {LONGEST_LABEL}"
    if reason := _RESERVED.get(label.casefold()):
        return f"{reason}; choose another word"
    odd = [character for character in label if not character.isprintable() or character in '"<>\\`{}']
    if odd:
        return f"it contains {odd[0]!a}; leave out double quotes, backslashes, <>, {{}} and invisible characters"
    if not _LABEL.search(label):
        return f"it begins with {label[0]!r}; begin with a letter or a digit"
    return ""
