"""Reads data sets of faces into arrays, one for each split, and caches them.

The first is FER2013 (Goodfellow et al., "Challenges in Representation Learning", 2013): 48x48 grey faces, 28,709
Training, 3,589 PublicTest (for choosing and calibrating) and 3,589 PrivateTest (for a single final report). Other data
sets have the same splits, of which Training and PublicTest are needed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.labels import EMOTIONS, INPUT_SIZE_PX, check_labels
from train.data.ferplus import Votes, read_votes
from train.data.kaggle import FORMS, Row, read_csv, read_pictures
from train.data.kaggle import SPLITS as SPLITS
from train.data.layouts import IMPORTED
from train.data.names import in_order
from train.data.people import HELD_OUT
from train.data.source import ARCHIVES, PICTURES, Source, ending
from train.run.progress import Progress

_CACHE_VERSION = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FaceSet:
    """The faces of one split.

    ``pixels`` uint8 (n, 48, 48), ``labels`` uint8 (n,), positions in ``classes``. ``rows`` (n,) identifies the faces
    in the data set: for a csv the row of the file (int32, the header is row 1), else the path of the picture (str).
    ``votes`` uint8 (n, 10) in ``ferplus.VOTE_COLUMNS`` order, or None without FER+. ``data`` is the name of the data
    set; ``distinct`` says that no photograph is in it twice.
    """

    split: str
    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    rows: npt.NDArray[Any]
    votes: npt.NDArray[np.uint8] | None = None
    classes: tuple[str, ...] = EMOTIONS
    data: str = "FER2013"
    distinct: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> FaceSet:
        """The faces that a mask or an array of indices selects."""
        votes = None if self.votes is None else self.votes[index]
        return replace(self, pixels=self.pixels[index], labels=self.labels[index], rows=self.rows[index], votes=votes)

    def in_terms_of(self, labels: tuple[str, ...]) -> FaceSet:
        """The same faces for a model that knows ``labels``: these come first in ``classes``, then what it lacks."""
        classes = (*labels, *(each for each in self.classes if each not in labels))
        places = np.array([classes.index(each) for each in self.classes], np.uint8)
        return replace(self, labels=places[self.labels], classes=classes)


def load(
    data: Path, votes: Path | None, cache: Path, progress: Progress, size_px: int = INPUT_SIZE_PX
) -> dict[str, FaceSet]:
    """Read a data set and, for a csv, FER+'s votes; the keys are the splits that it has.

    Args:
        data: a csv file (plain, .gz or .xz), or a folder or archive with one, or with labelled pictures of cut faces,
            see ``train.data.layouts``.
        votes: FER+'s ``fer2013new.csv``, or None.
        cache: folder for the parsed pixels; a changed source is parsed again.
        progress: counts bytes or images while parsing; not called when the cache is used.
        size_px: side of the faces; a csv has them at 48 pixels only.

    Raises:
        DataError: a source cannot be read or is invalid, with the row or file at fault.
    """
    faces = _load_cached(data, cache, progress, size_px)
    if votes is None:
        return faces
    if any(each.rows.dtype.kind == "U" for each in faces.values()):
        raise DataError(f"votes {votes}: belong to the rows of a csv; give fer2013.csv as data, not the folder {data}")
    return _with_votes(faces, read_votes(votes), f"votes {votes}")


def _load_cached(data: Path, cache: Path, progress: Progress, size_px: int) -> dict[str, FaceSet]:
    if not _is_table(data):
        with closing(Source.open(data)) as source:
            file = cache / _cached(f"{data.resolve()}\n{source.stamp}", size_px)
            return _read_cache(file) or _write_cache(file, _read_source(data, source, progress, size_px))
    try:
        status = data.stat()
        file = cache / _cached(f"{data.resolve()} {status.st_size} {status.st_mtime_ns}", size_px)
        if cached := _read_cache(file):
            return cached
        with data.open("rb") as raw:
            faces = _collect(data, read_csv(data, raw, status.st_size, progress), EMOTIONS, INPUT_SIZE_PX)
    except OSError as error:
        raise DataError(f"data {data}: cannot be read ({error.strerror}); {FORMS}") from error
    return _write_cache(file, faces)


def _cached(stamp: str, size_px: int) -> str:
    """The name of the file that holds what was parsed from a source with ``stamp``."""
    key = f"{_CACHE_VERSION} {size_px}\n{stamp}".encode("utf-8", "surrogateescape")
    return f"faces-{hashlib.sha256(key).hexdigest()[:16]}.npz"


def _is_table(data: Path) -> bool:
    return not data.is_dir() and not data.name.lower().endswith(ARCHIVES) and not zipfile.is_zipfile(data)


def _read_source(data: Path, source: Source, progress: Progress, size_px: int) -> dict[str, FaceSet]:
    tables = [name for name in source.sizes if name.lower().endswith((".csv", ".csv.gz", ".csv.xz"))]
    if tables and not any(ending(name) in PICTURES for name in source.sizes):
        # The largest: FER2013's archive has smaller ones, which hold parts of it, beside it.
        table = max(tables, key=source.sizes.__getitem__)
        with closing(source.stream(table)) as raw:
            return _collect(data, read_csv(data / table, raw, source.sizes[table], progress), EMOTIONS, INPUT_SIZE_PX)
    rows = list(read_pictures(source, size_px, progress))
    return _collect(data, rows, in_order(row.label for row in rows), size_px, IMPORTED in source.sizes)


def _read_cache(file: Path) -> dict[str, FaceSet] | None:
    """What ``file`` holds; None if it is absent or damaged."""
    with (
        suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile),
        file.open("rb") as raw,
        np.load(raw) as arrays,
    ):
        classes, data, distinct = tuple(arrays["classes"].tolist()), str(arrays["data"]), bool(arrays["distinct"])
        return {
            split: FaceSet(
                split,
                **{name: arrays[f"{split}.{name}"] for name in ("pixels", "labels", "rows")},
                classes=classes,
                data=data,
                distinct=distinct,
            )
            for split in SPLITS
            if f"{split}.rows" in arrays
        }
    return None


def _write_cache(file: Path, faces: dict[str, FaceSet]) -> dict[str, FaceSet]:
    arrays = {f"{s}.{name}": getattr(f, name) for s, f in faces.items() for name in ("pixels", "labels", "rows")}
    first = next(iter(faces.values()))
    arrays |= {name: np.array(getattr(first, name)) for name in ("classes", "data", "distinct")}
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            np.savez(out, **arrays)
        part.replace(file)
    except OSError as error:
        raise DataError(
            f"cache {file.parent}: cannot be written ({error.strerror}); name another with --cache"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()
    return faces


def _collect(
    data: Path, rows: Iterable[Row], classes: tuple[str, ...], size_px: int, distinct: bool = False
) -> dict[str, FaceSet]:
    kept = list(rows)
    if not kept:
        raise DataError(f"data {data}: has no faces; {FORMS}")
    try:
        check_labels(classes)
    except ValueError as error:
        raise DataError(f"data {data}: {error}") from error
    splits = [row.split for row in kept]
    if None in splits or "Training" not in splits or len(set(splits)) > 1:
        splits = _complete(data, kept)
    name = "FER2013" if isinstance(kept[0].name, int) else data.name
    faces = {}
    for split in SPLITS:
        mine = [row for row, own in zip(kept, splits, strict=True) if own == split]
        if mine:
            faces[split] = FaceSet(
                split,
                np.frombuffer(b"".join(row.pixels for row in mine), np.uint8).reshape(-1, size_px, size_px),
                np.array([classes.index(row.label) for row in mine], np.uint8),
                np.array([row.name for row in mine], np.int32 if isinstance(mine[0].name, int) else np.str_),
                classes=classes,
                data=name,
                distinct=distinct,
            )
    return faces


def _complete(data: Path, rows: list[Row]) -> list[str | None]:
    """The split of each row: ``test`` is PublicTest where nothing else is; what has none is divided by its label."""
    splits = [row.split for row in rows]
    if "PublicTest" not in splits and "PrivateTest" in splits and isinstance(rows[0].name, str):
        _log.warning("data %s: has no validation part; its test part is used to measure while training", data)
        splits = ["PublicTest" if split == "PrivateTest" else split for split in splits]
    if None in splits:
        _log.warning("data %s: does not say what to train on; every fifth face of each label is held out", data)
        seen: dict[str, int] = {}
        for place, row in enumerate(rows):
            if splits[place] is None:
                seen[row.label] = seen.get(row.label, 0) + 1
                splits[place] = "PublicTest" if seen[row.label] % HELD_OUT == 0 else "Training"
    return splits


def _with_votes(faces: dict[str, FaceSet], votes: Votes, place: str) -> dict[str, FaceSet]:
    count = sum(len(each) for each in faces.values())
    if len(votes.usages) != count:
        raise DataError(
            f"{place}: {len(votes.usages)} rows for {count} rows of data; give the fer2013new.csv of the same data"
        )
    usages = np.array(votes.usages)
    matched = {}
    for split, each in faces.items():
        index = each.rows.astype(np.int64) - 2  # row 1 is the header
        wrong = each.rows[usages[index] != split]
        if len(wrong):
            row = int(wrong[0])
            raise DataError(f"{place} row {row}: Usage is {str(usages[row - 2])!r}, but {split!r} in the data")
        matched[split] = replace(each, votes=votes.counts[index])
    return matched
