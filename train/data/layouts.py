"""Finds the labelled pictures of a data set in the layouts in which people keep them and public sets are handed out.

These are class folders, with the split above or below them, in any case and spelling; a csv of paths and labels; the
label files of RAF-DB (``list_patition_label.txt``), FERPlus (``label.csv`` of votes), CK+ (``*_emotion.txt``) and
AffectNet (``*_exp.npy``).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from edge.errors import DataError
from train.data.ferplus import CLASSES, VOTE_COLUMNS, majority
from train.data.names import are_numbers, label_of, numbering_of, split_of
from train.data.source import PICTURES, UNREADABLE, VIDEOS, Source, ending
from train.data.tables import DAMAGED, column, open_table

IMPORTED = "import.csv"
"""The file that ``fer-train import`` leaves in a data set: its class folders say all, and its faces are distinct."""

PATH_COLUMNS = (
    *("path", "file", "filename", "file_name", "filepath", "pth", "image", "img", "image_path", "image_name"),
    *("subdirectory_filepath", "picture", "video", "name", "id"),
)
LABEL_COLUMNS = ("label", "emotion", "expression", "class", "category", "target")
SPLIT_COLUMNS = ("usage", "split", "set", "subset")
PERSON_COLUMNS = ("person", "subject", "subject_id", "user", "user_id", "participant", "actor", "identity")

CK_PEAK = 3
"""Frames at the end of a sequence of CK+ that show its expression; the first show none yet."""

_UNLABELLED = frozenset({"", "none", "uncertain", "unknown", "no-face", "noface", "nf"})


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture or video of a source, by its path there, and what is known of it.

    Of a video only ``from_s`` to ``to_s`` show the label.
    """

    name: str
    label: str
    split: str | None = None
    person: str | None = None
    from_s: float = 0.0
    to_s: float = float("inf")


def find_labelled(
    source: Source, table: Path | None = None, numbering: str | None = None, video: str | None = None
) -> list[Labelled]:
    """The labelled pictures and videos of ``source``, in its order.

    Args:
        source: the data set.
        table: a csv of paths and labels; None looks for one, or for another layout.
        numbering: one of ``names.NUMBERINGS``, where labels are numbers that several data sets use.
        video: what a ``table`` without paths is about.

    Raises:
        DataError: no layout is known, a label file cannot be read, or the meaning of numbers is not clear.
    """
    shown = PICTURES | UNREADABLE | VIDEOS
    pictures = [name for name in source.sizes if ending(name) in shown]
    if table:
        with table.open("rb") if table.is_file() else source.stream(str(table)) as raw:
            found = _of_table(raw, table, pictures, PurePosixPath(), video)
        if found is None:
            columns = "start, end and label" if video else "path and label"
            raise DataError(f"data {table}: its first row names other columns; call them {columns}")
        return _with_names(source, found, numbering)
    if not pictures:
        raise DataError(f"data {source.path}: holds no picture and no video; give {', '.join(sorted(PICTURES))}")
    foreign = (_of_lists, _of_votes, _of_sequences, _of_arrays, _of_tables)
    for layout in (*(() if IMPORTED in source.sizes else foreign), _of_folders):
        found = layout(source, pictures)
        if found:
            return _with_names(source, found, numbering)
    raise DataError(
        f"data {source.path}: its {len(pictures)} pictures have no labels; lay them into a folder for each label, or "
        "add a csv with the columns path and label"
    )


def _with_names(source: Source, found: Sequence[Labelled], numbering: str | None) -> list[Labelled]:
    """The same in the order of the source, with names instead of numbers, without what shows no expression."""
    given = {each.label for each in found}
    hint = " ".join((str(source.path.resolve()), *list(source.sizes)[:1]))
    numbers = numbering_of(given, hint, numbering, f"data {source.path}") if are_numbers(given) else {}
    meaning = {label: numbers.get(label) or label_of(label) for label in given}
    order = {name: place for place, name in enumerate(source.sizes)}
    return [
        replace(each, label=meaning[each.label])
        for each in sorted(found, key=lambda each: order.get(each.name, len(order)))
        if meaning[each.label] not in _UNLABELLED
    ]


def _of_lists(source: Source, pictures: Sequence[str]) -> list[Labelled]:
    """RAF-DB: a line for each picture, its name and a number; aligned ones are called ``NAME_aligned.jpg``."""
    lists = [name for name in source.sizes if re.search(r"list_par?tition_label\.txt$", name.lower())]
    labels = dict(line.split()[:2] for name in lists for line in _text(source, name).splitlines() if line.strip())
    found = []
    for picture in pictures:
        name = PurePosixPath(picture).name
        label = labels.get(name) or labels.get(name.replace("_aligned", ""))
        if label:
            found.append(Labelled(picture, label, split_of(name.partition("_")[0])))
    return found


def _of_votes(source: Source, pictures: Sequence[str]) -> list[Labelled]:
    """FERPlus: ``label.csv`` in the folder of each split, with a picture, a box and the votes of ten people a line."""
    present, found = set(pictures), []
    for table in (name for name in source.sizes if PurePosixPath(name).name.lower() == "label.csv"):
        rows = list(csv.reader(io.StringIO(_text(source, table))))
        if not rows or len(rows[0]) != 2 + len(VOTE_COLUMNS) or not all(v.isdecimal() for v in rows[0][2:]):
            continue
        folder = PurePosixPath(table).parent
        agreed = majority(np.array([[int(vote) for vote in row[2:]] for row in rows], np.uint8))
        for row, winner in zip(rows, agreed.tolist(), strict=True):
            if winner >= 0 and (name := str(folder / row[0])) in present:
                found.append(Labelled(name, CLASSES[winner], split_of(folder.name)))
    return found


def _of_sequences(source: Source, pictures: Sequence[str]) -> list[Labelled]:
    """CK+: ``Emotion/S005/001/S005_001_00000011_emotion.txt`` holds the number of the sequence of that name."""
    sequences: dict[str, list[str]] = {}
    for picture in pictures:
        sequences.setdefault(PurePosixPath(picture).stem.rpartition("_")[0], []).append(picture)
    found = []
    for name in (name for name in source.sizes if name.endswith("_emotion.txt")):
        label, sequence = _text(source, name).strip(), PurePosixPath(name).stem.removesuffix("_emotion")
        key = sequence.rpartition("_")[0]
        found += [
            Labelled(picture, label, person=key.partition("_")[0]) for picture in sorted(sequences[key])[-CK_PEAK:]
        ]
    return found


def _of_arrays(source: Source, pictures: Sequence[str]) -> list[Labelled]:
    """AffectNet: ``images/17.jpg`` has its number in ``annotations/17_exp.npy``."""
    found = []
    for picture in pictures:
        path = PurePosixPath(picture)
        array = str(path.parents[1] / "annotations" / f"{path.stem}_exp.npy") if len(path.parts) > 1 else ""
        if array in source.sizes:
            try:
                label = str(np.load(io.BytesIO(source.read(array)), allow_pickle=False).item())
            except (ValueError, EOFError) as error:
                raise DataError(f"data {source.path}: {array} cannot be read ({error})") from error
            split = next(filter(None, map(split_of, path.parts)), None)
            found.append(Labelled(picture, label, split))
    return found


def _of_tables(source: Source, pictures: Sequence[str]) -> list[Labelled]:
    """Every csv below the folder that has a path and a label in each row; its name may say the split."""
    found: list[Labelled] = []
    for name in (name for name in source.sizes if ending(name) in (".csv", ".tsv")):
        with source.stream(name) as raw:
            found += _of_table(raw, source.path / name, pictures, PurePosixPath(name).parent) or ()
    return found


def _of_table(
    raw: IO[bytes], table: Path, pictures: Sequence[str], folder: PurePosixPath, video: str | None = None
) -> list[Labelled] | None:
    """The rows of one csv, whose paths begin in ``folder``; None if it has other columns."""
    named = _finder(pictures, folder)
    found = []
    try:
        rows = open_table(table.name, raw)
        header = next(rows, [])
        path, label = column(header, *PATH_COLUMNS), column(header, *LABEL_COLUMNS)
        if (path is None and video is None) or label is None:
            return None
        split, person = column(header, *SPLIT_COLUMNS), column(header, *PERSON_COLUMNS)
        start, end = column(header, "start", "from", "start_s", "begin"), column(header, "end", "to", "end_s")
        whole = split_of(table.stem)
        for number, row in enumerate(rows, 2):
            if not any(cell.strip() for cell in row):
                continue
            cells = [*row, *[""] * (len(header) - len(row))]
            place = f"data {table} row {number}"
            found.append(
                Labelled(
                    video or named(cells[path or 0].strip()),
                    cells[label].strip(),
                    whole if split is None else split_of(cells[split]),
                    (cells[person].strip() or None) if person is not None else None,
                    0.0 if start is None else seconds(cells[start], place, 0.0),
                    float("inf") if end is None else seconds(cells[end], place, float("inf")),
                )
            )
    except DAMAGED as error:
        raise DataError(f"data {table}: cannot be read to its end ({error})") from error
    return found


def seconds(text: str, place: str, default: float) -> float:
    """``12.5``, ``1:02`` or ``1:00:02.5`` as seconds; ``default`` for nothing.

    Raises:
        DataError: it is no time; the message begins with ``place``.
    """
    if not text.strip():
        return default
    try:
        total = 0.0
        for part in text.strip().replace(",", ".").split(":"):
            total = 60 * total + float(part)
    except ValueError as error:
        raise DataError(f"{place}: {text!r} is no time; give seconds or minutes:seconds") from error
    return total


def _finder(pictures: Sequence[str], folder: PurePosixPath) -> Callable[[str], str]:
    """Finds what a csv in ``folder`` calls a picture: a path from there, or the end of the only one that fits."""
    present = set(pictures)
    by_name: dict[str, list[str]] = {}
    for picture in pictures:
        by_name.setdefault(PurePosixPath(picture).name, []).append(picture)

    def find(given: str) -> str:
        wanted = PurePosixPath(given.replace("\\", "/"))
        beside = str(folder / wanted)
        if beside in present or wanted.is_absolute():
            return beside
        fitting = by_name.get(wanted.name, [])
        nearer = [each for each in fitting if each.endswith(str(wanted))] or fitting
        return nearer[0] if len(nearer) == 1 else beside

    return find


def _of_folders(source: Source, pictures: Sequence[str]) -> list[Labelled]:
    """Class folders. A folder around all of them is skipped, and one beside the class names the person."""
    folders = {name: [p for p in PurePosixPath(name).parts[:-1] if not split_of(p)] for name in pictures}
    some = [parts for parts in folders.values() if parts]
    while some and all(len(parts) > 1 for parts in some) and len({parts[0] for parts in some}) == 1:
        if label_of(some[0][0]) in CLASSES:
            break
        for parts in some:
            del parts[0]
    level = next(filter(lambda level: _are_known(some, level), range(min(map(len, some), default=0))), 0)
    found = []
    for name, parts in folders.items():
        if len(parts) > level:
            official = split_of(PurePosixPath(name).name.partition("_")[0])
            split = official or next(filter(None, map(split_of, PurePosixPath(name).parts[:-1])), None)
            person = "/".join(parts[:level] + parts[level + 1 :]) or None
            found.append(Labelled(name, parts[level], split, person))
    return found


def _are_known(folders: Sequence[Sequence[str]], level: int) -> bool:
    """Whether most names at ``level`` are those of emotions."""
    names = {parts[level] for parts in folders}
    return 2 * sum(label_of(name) in CLASSES for name in names) > len(names)


def _text(source: Source, name: str) -> str:
    return source.read(name).decode("utf-8", "replace").lstrip("\ufeff")
