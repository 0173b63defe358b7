"""Reads FER2013 into arrays, one for each official split, and caches them.

Goodfellow et al., "Challenges in Representation Learning", 2013: 48x48 grey faces, 28,709 Training, 3,589 PublicTest
(for choosing and calibrating) and 3,589 PrivateTest (for a single final report).
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.labels import INPUT_SIZE_PX
from train.data.ferplus import Votes, read_votes
from train.data.kaggle import FORMS, Row, image_files, read_csv, read_folders
from train.data.kaggle import SPLITS as SPLITS
from train.run.progress import Progress

_CACHE_VERSION = 1


@dataclass(frozen=True, slots=True)
class FaceSet:
    """The faces of one split.

    ``pixels`` uint8 (n, 48, 48), ``labels`` uint8 (n,) in ``EMOTIONS`` order. ``rows`` int32 (n,): for a csv the row
    of the file (the header is row 1), for folders the number in the file's name. ``votes`` uint8 (n, 10) in
    ``ferplus.VOTE_COLUMNS`` order, or None without FER+.
    """

    split: str
    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int32]
    votes: npt.NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> FaceSet:
        """The faces that a mask or an array of indices selects."""
        votes = None if self.votes is None else self.votes[index]
        return FaceSet(self.split, self.pixels[index], self.labels[index], self.rows[index], votes)


def load(data: Path, votes: Path | None, cache: Path, progress: Progress) -> dict[str, FaceSet]:
    """Read a data set and, for a csv, FER+'s votes; the keys are the splits that it has.

    Args:
        data: a csv file (plain, .gz, .xz) or a folder of class folders, see ``train.data.kaggle``.
        votes: FER+'s ``fer2013new.csv``, or None.
        cache: folder for the parsed pixels; a changed source is parsed again.
        progress: counts bytes or images while parsing; not called when the cache is used.

    Raises:
        DataError: a source cannot be read or is invalid, with the row or file at fault.
    """
    if votes is None:
        return _load_cached(data, cache, progress)
    if data.is_dir():
        raise DataError(f"votes {votes}: belong to the rows of a csv; give fer2013.csv as data, not the folder {data}")
    tally = read_votes(votes)
    return _with_votes(_load_cached(data, cache, progress), tally, f"votes {votes}")


def _load_cached(data: Path, cache: Path, progress: Progress) -> dict[str, FaceSet]:
    try:
        file = cache / f"fer2013-{_fingerprint(data)}.npz"
    except OSError as error:
        raise DataError(f"data {data}: cannot be read ({error.strerror}); {FORMS}") from error
    try:
        return _read_cache(file)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # absent or damaged: parse
    faces = _collect(read_folders(data, progress) if data.is_dir() else read_csv(data, progress))
    if not faces:
        raise DataError(f"data {data}: has no faces; {FORMS}")
    _write_cache(file, faces)
    return faces


def _fingerprint(data: Path) -> str:
    """A name that changes when a source file changes its name, size or modification time."""
    digest = hashlib.sha256(str(_CACHE_VERSION).encode())
    for path in image_files(data) if data.is_dir() else [data]:
        status = path.stat()
        digest.update(f"\n{path.resolve()} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def _read_cache(file: Path) -> dict[str, FaceSet]:
    with file.open("rb") as raw, np.load(raw) as arrays:
        return {
            split: FaceSet(split, *(arrays[f"{split}.{name}"] for name in ("pixels", "labels", "rows")))
            for split in SPLITS
            if f"{split}.rows" in arrays
        }


def _write_cache(file: Path, faces: dict[str, FaceSet]) -> None:
    arrays = {f"{s}.{name}": getattr(f, name) for s, f in faces.items() for name in ("pixels", "labels", "rows")}
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


def _collect(rows: Iterator[Row]) -> dict[str, FaceSet]:
    pixels = {split: bytearray() for split in SPLITS}
    labels: dict[str, list[int]] = {split: [] for split in SPLITS}
    numbers: dict[str, list[int]] = {split: [] for split in SPLITS}
    for row in rows:
        pixels[row.split] += row.pixels
        labels[row.split].append(row.label)
        numbers[row.split].append(row.number)
    return {
        split: FaceSet(
            split,
            np.frombuffer(pixels[split], np.uint8).reshape(-1, INPUT_SIZE_PX, INPUT_SIZE_PX),
            np.array(labels[split], np.uint8),
            np.array(numbers[split], np.int32),
        )
        for split in SPLITS
        if labels[split]
    }


def _with_votes(faces: dict[str, FaceSet], votes: Votes, place: str) -> dict[str, FaceSet]:
    count = sum(len(each) for each in faces.values())
    if len(votes.usages) != count:
        raise DataError(
            f"{place}: {len(votes.usages)} rows for {count} rows of data; give the fer2013new.csv of the same data"
        )
    usages = np.array(votes.usages)
    matched = {}
    for split, each in faces.items():
        index = each.rows - 2  # row 1 is the header
        wrong = each.rows[usages[index] != split]
        if len(wrong):
            row = int(wrong[0])
            raise DataError(f"{place} row {row}: Usage is {str(usages[row - 2])!r}, but {split!r} in the data")
        matched[split] = replace(each, votes=votes.counts[index])
    return matched
