"""Makes a data set of photographs and videos: finds the faces, cuts them as the daemon does, and divides them.

The data set is a folder of class folders for each split, which people can look through and delete pictures from, with
``import.csv`` (what became of each picture) and ``contact-sheet.html``. Nothing appears there until all is done.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import cv2
import numpy as np

from edge.errors import ConfigError, DataError
from edge.labels import INPUT_SIZE_PX, check_labels
from edge.records import Pixels
from edge.vision.crop import crop_face
from edge.vision.detector import FaceDetector
from train.data.duplicates import first_copies
from train.data.kaggle import SPLITS
from train.data.layouts import IMPORTED, Labelled, find_labelled
from train.data.names import in_order
from train.data.people import divide, people_of, shared_people
from train.data.source import PICTURES, UNREADABLE, VIDEOS, Source, ending
from train.run.page import render
from train.run.progress import Progress, silent

CONTACT_SHEET = "contact-sheet.html"

FRAME_PX = 1920
"""Longer side that larger photographs are reduced to: a camera of the daemon delivers no more."""

FRAMES_PER_S = 2.0
"""Of a video."""

NO_FACE = "no face found"
_SAME = "the same picture as"


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture, or a frame of a video ``at_s`` seconds from its start, and what became of it.

    ``left_out`` says why it is not in the data set, else it is empty and ``file`` is its path there. ``faces`` counts
    those that were found, of which the largest is taken; ``crop`` is that, None without one.
    """

    labelled: Labelled
    at_s: float | None = None
    left_out: str = ""
    faces: int = 1
    crop: Pixels | None = None
    split: str = ""
    person: str | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """What an import made in ``folder``. ``shared`` are people who are in more than one split."""

    folder: Path
    taken: tuple[Taken, ...]
    shared: frozenset[str]

    @property
    def used(self) -> list[Taken]:
        """What is in the data set."""
        return [each for each in self.taken if not each.left_out]

    @property
    def reasons(self) -> Counter[str]:
        """How often each reason left out something."""
        return _reasons(self.taken)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the data set."""
        return in_order(each.labelled.label for each in self.used)


def import_faces(
    path: Path,
    out: Path,
    detector: FaceDetector | None,
    *,
    table: Path | None = None,
    numbering: str | None = None,
    person: re.Pattern[str] | None = None,
    progress: Progress = silent,
) -> Import:
    """Fill the folder ``out``, which must not exist or be empty, with the faces of ``path``.

    Args:
        path: a folder or archive in one of ``train.data.layouts``, a csv of paths and labels, or a video.
        out: the folder of the data set.
        detector: finds the faces; None takes each picture whole, as a face that is cut already.
        table: a csv of paths and labels, or of a video's ``start``, ``end`` and ``label``.
        numbering: see ``find_labelled``.
        person: finds the person in the name of a picture, see ``people_of``.
        progress: counts pictures.

    Raises:
        DataError: nothing can be read, or fewer than two labels have faces.
        ConfigError: ``out`` holds something or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"data set {out}: exists already; name another folder with --out, or remove it")
    if table is None and path.suffix.lower() in (".csv", ".tsv", ".txt"):
        path, table = path.parent, path
    video = path.name if ending(path.name) in VIDEOS else None
    if video and table is None:
        raise DataError(f"video {path}: has no labels; name a csv of start, end and label with --labels")
    source = Source.open(path.parent if video else path)
    try:
        labelled = find_labelled(source, table, numbering, video)
        taken = list(_take(source, labelled, detector, progress))
        taken += _unlabelled(source, labelled) if not video and table is None else []
    finally:
        source.close()
    taken = _without_copies(taken)
    _check(path, taken, detector)
    taken, shared = _divide(taken, person)
    try:
        _write(out, taken, str(path))
    except OSError as error:
        raise ConfigError(f"data set {out}: cannot be written ({error.strerror}); name another with --out") from error
    return Import(out, tuple(taken), frozenset(shared))


def _take(
    source: Source, labelled: Sequence[Labelled], detector: FaceDetector | None, progress: Progress
) -> Iterator[Taken]:
    for done, each in enumerate(labelled, 1):
        if ending(each.name) in VIDEOS:
            some = False
            for at_s, pixels in _frames(source.path / each.name, each):
                some = True
                yield _cut(Taken(each, at_s), pixels, detector)
            if not some:
                yield Taken(each, left_out="no frame can be read; videos are read from folders, not from archives")
        else:
            try:
                yield _cut(Taken(each), source.picture(each.name), detector)
            except DataError as error:
                yield Taken(each, left_out=str(error).removeprefix(f"picture {each.name}: "))
        progress(done, len(labelled))


def _cut(taken: Taken, pixels: Pixels, detector: FaceDetector | None) -> Taken:
    height, width = pixels.shape
    if detector is None:
        side = (INPUT_SIZE_PX, INPUT_SIZE_PX)
        shrinks = min(height, width) > INPUT_SIZE_PX
        whole = cv2.resize(pixels, side, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return replace(taken, crop=whole.astype(np.uint8, copy=False))
    scale = FRAME_PX / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    faces = detector.detect(pixels)
    if not faces:
        return replace(taken, left_out=NO_FACE, faces=0)
    largest = max(faces, key=lambda face: face.height_px)
    return replace(taken, faces=len(faces), crop=crop_face(pixels, largest, detector.crop_rule, INPUT_SIZE_PX))


def _frames(path: Path, labelled: Labelled) -> Iterator[tuple[float, Pixels]]:
    """Frames of a video, ``FRAMES_PER_S``, each with its time in seconds."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a damaged video is reported once, in import.csv
    video = cv2.VideoCapture(str(path))
    try:
        next_s = labelled.from_s
        while video.grab():
            at_s = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if at_s > labelled.to_s:
                return
            if at_s + 1e-3 < next_s:
                continue
            next_s = at_s + 1 / FRAMES_PER_S
            read, frame = video.retrieve()
            if read:
                yield at_s, cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    finally:
        video.release()


def _unlabelled(source: Source, labelled: Sequence[Labelled]) -> list[Taken]:
    """What no label was found for, and folders without any picture."""
    known = {each.name for each in labelled}
    shown = PICTURES | UNREADABLE | VIDEOS
    lost = [name for name in source.sizes if ending(name) in shown and name not in known]
    taken = [Taken(Labelled(name, ""), left_out="has no label") for name in lost]
    if source.path.is_dir():
        folders = (folder for folder in sorted(source.path.rglob("*")) if folder.is_dir() and folder.name[0] != ".")
        empty = [folder for folder in folders if not any(folder.iterdir())]
        taken += [
            Taken(Labelled(folder.relative_to(source.path).as_posix() + "/", ""), left_out="is an empty folder")
            for folder in empty
        ]
    return taken


def _without_copies(taken: Sequence[Taken]) -> list[Taken]:
    """The same, with faces left out that are there already; with another label, the first is left out too."""
    places = [place for place, each in enumerate(taken) if each.crop is not None]
    if not places:
        return list(taken)
    first = first_copies(np.stack([each.crop for each in taken if each.crop is not None]))
    result = list(taken)
    for place, original in zip(places, (places[each] for each in first), strict=True):
        one, other = taken[original].labelled, taken[place].labelled
        if place == original:
            continue
        same = one.label == other.label
        result[place] = replace(
            taken[place],
            left_out=f"{_SAME} {one.name}" + ("" if same else f", which is called {one.label}"),
        )
        if not same:
            result[original] = replace(taken[original], left_out=f"{_SAME} {other.name}, which is called {other.label}")
    return result


def _reasons(taken: Sequence[Taken]) -> Counter[str]:
    """How often each reason left out something, whatever the other picture is called."""
    return Counter(
        f"{_SAME} another" + " with another label" * (", which is called " in each.left_out)
        if each.left_out.startswith(_SAME)
        else each.left_out
        for each in taken
        if each.left_out
    )


def _check(path: Path, taken: Sequence[Taken], detector: FaceDetector | None) -> None:
    used = in_order(each.labelled.label for each in taken if not each.left_out)
    try:
        check_labels(used)
    except ValueError as error:
        told = ", ".join(f"{count} times: {reason}" for reason, count in _reasons(taken).most_common(3))
        missed = sum(each.left_out == NO_FACE for each in taken)
        advice = (
            "; for pictures that are cut faces already, add --cropped" if detector and 2 * missed > len(taken) else ""
        )
        raise DataError(f"data {path}: {error}{f' ({told})' if told else ''}{advice}") from error


def _divide(taken: Sequence[Taken], pattern: re.Pattern[str] | None) -> tuple[list[Taken], set[str]]:
    """The same with split, person and file; and who is in several splits."""
    used = [each for each in taken if not each.left_out]
    labels = [each.labelled.label for each in used]
    told = people_of([each.labelled.name for each in used], labels, pattern)
    people = [each.labelled.person or person for each, person in zip(used, told, strict=True)]
    given = [each.labelled.split for each in used]
    if "PublicTest" not in given:
        given = ["PublicTest" if split == "PrivateTest" else split for split in given]
    open_places = [place for place, split in enumerate(given) if split is None or "Training" not in given]
    divided = divide([labels[place] for place in open_places], [people[place] for place in open_places])
    for place, split in zip(open_places, divided, strict=True):
        given[place] = split
    splits = [split or "Training" for split in given]
    names: Counter[str] = Counter()
    placed = iter(
        replace(each, split=split, person=person, file=_file(each, split, names))
        for each, split, person in zip(used, splits, people, strict=True)
    )
    return [each if each.left_out else next(placed) for each in taken], shared_people(splits, people)


def _file(taken: Taken, split: str, names: Counter[str]) -> str:
    """Where a face goes: its picture's name, with a number where another has the same."""
    stem = re.sub(r"[^\w.-]+", "_", PurePosixPath(taken.labelled.name).stem)[:80].strip("._") or "picture"
    if taken.at_s is not None:
        stem += f"-{taken.at_s:07.1f}s"
    file = f"{split}/{taken.labelled.label}/{stem}"
    names[file.casefold()] += 1
    count = names[file.casefold()]
    return f"{file}-{count}.png" if count > 1 else f"{file}.png"


def _write(out: Path, taken: Sequence[Taken], source: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    built = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        built.chmod(0o755)
        for each in taken:
            if each.file and each.crop is not None:
                file = built / each.file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(cv2.imencode(".png", each.crop)[1].tobytes())
        with (built / IMPORTED).open("w", encoding="utf-8", newline="") as file_:
            rows = csv.writer(file_)
            rows.writerow(("picture", "at_s", "label", "left_out", "file", "split", "person", "faces"))
            for each in taken:
                at_s = "" if each.at_s is None else f"{each.at_s:.1f}"
                what = each.labelled
                rows.writerow(
                    (what.name, at_s, what.label, each.left_out, each.file, each.split, each.person or "", each.faces)
                )
        (built / CONTACT_SHEET).write_text(_contact_sheet(taken, source), "utf-8")
        built.replace(out)
    finally:
        shutil.rmtree(built, ignore_errors=True)


def _contact_sheet(taken: Sequence[Taken], source: str) -> str:
    used = [each for each in taken if each.file]
    groups = []
    for label in in_order(each.labelled.label for each in used):
        for split in SPLITS:
            faces = [
                {
                    "src": quote(each.file),
                    "name": PurePosixPath(each.file).name,
                    "source": each.labelled.name,
                    "person": each.person or "",
                    "several": each.faces > 1,
                }
                for each in used
                if (each.labelled.label, each.split) == (label, split)
            ]
            if faces:
                groups.append({"label": label, "split": split, "faces": faces})
    return render(
        "data/contact_sheet.html.j2",
        title=f"{len(used)} faces of {Path(source).name}",
        subtitle=f"Look through them and delete from the folder what is cut or labelled wrongly. Source: {source}",
        groups=groups,
        left_out=[(each.labelled.name, each.labelled.label, each.left_out) for each in taken if each.left_out],
    )
