"""Reads the names of a classifier's outputs from the files in which people keep them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.labels import check_labels
from train.data.ferplus import CLASSES
from train.data.names import label_of

_NUMBERED = re.compile(r"""\s*["']?(\d+)["']?\s*[\s:,=;]\s*["']?(.+?)["']?\s*,?\s*""")


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels in ``path`` in the order of the model's outputs; other names for our emotions become ours.

    The file has one label a line, with its number before it or without, such as Teachable Machine's ``0 Class 1``; or
    labels with commas between them; or it is a list or a table of numbers and labels in JSON or Python.

    Raises:
        ModelError: the file cannot be read, or holds no labels that a release may have.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"labels {path}: cannot be read ({error}); expected a text file, one label per line"
        ) from error
    try:
        return check_labels(_plain(name) for name in _names(text))
    except ValueError as error:
        raise ModelError(f"labels {path}: {error}") from error


def _plain(name: str) -> str:
    """``name``, or the emotion that it is another word for."""
    known = label_of(name)
    return known if known in CLASSES else name


def _names(text: str) -> list[str]:
    document = _document(text)
    if isinstance(document, dict) and isinstance(document.get("labels"), list):  # Teachable Machine's metadata.json
        document = document["labels"]
    if isinstance(document, list | tuple):
        return [str(name) for name in document]
    if isinstance(document, dict):
        if all(isinstance(value, int) for value in document.values()):  # class_indices of Keras
            document = {value: name for name, value in document.items()}
        return _in_order({int(number): str(name) for number, name in document.items()})
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and "," in lines[0]:
        lines = [name.strip() for name in lines[0].split(",")]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if lines and all(numbered):
        names = {int(match[1]): match[2] for match in numbered if match}
        if len(names) == len(lines):
            return _in_order(names)
    return lines


def _document(text: str) -> Any:
    """What ``text`` means in JSON or as a literal of Python, None if it is neither."""
    if text.lstrip()[:1] not in ("{", "[", "("):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


def _in_order(names: dict[int, str]) -> list[str]:
    numbers = sorted(names)
    if numbers not in (list(range(len(names))), list(range(1, len(names) + 1))):
        raise ValueError(f"the labels have the numbers {', '.join(map(str, numbers))}; number them from 0 without gaps")
    return [names[number] for number in numbers]
