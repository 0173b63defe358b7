"""``fer-train import``."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from train.data.names import NUMBERINGS
from train.run.progress import progress_bar

if TYPE_CHECKING:
    from train.data.import_faces import Import

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

FEW_TO_TRAIN, FEW_TO_MEASURE = 40, 20
"""Faces of a label below which a fine-tuned model is seldom better than guessing, and below which its share of right
answers has a 95 % interval of over 40 points."""


def add_command(commands: Commands) -> None:
    """Add ``import``; it sets ``command``."""
    importing = commands.add_parser(
        "import",
        help="make a data set of photographs or videos: find the faces, cut them as a device does, hold some out",
        description="Find the faces in labelled photographs and cut them as a device does. SOURCE is a folder or .zip "
        "or .tar with a folder for each label, a csv of paths and labels, a public data set as downloaded, or a video. "
        " Pictures without a face and copies are left out and listed. Where folders, a csv or file names tell "
        "who is on the pictures, nobody is both trained on and measured with.",
    )
    importing.add_argument("source", type=Path, metavar="SOURCE", help="a folder, an archive, a csv or a video")
    importing.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder of the data set")
    importing.add_argument(
        "--labels",
        type=Path,
        metavar="CSV",
        help="a csv with the columns path and label, or for a video start, end (seconds or minutes:seconds) and label; "
        "person and split may follow",
    )
    importing.add_argument(
        "--cropped", action="store_true", help="the pictures are cut faces already: take each of them whole"
    )
    importing.add_argument(
        "--person",
        type=_pattern,
        metavar="REGEX",
        help="finds the person in the names of pictures, as its first group: '^([a-z]+)_' for anna_12.jpg",
    )
    importing.add_argument(
        "--numbering", choices=NUMBERINGS, help="what labels that are numbers mean (default: as the numbers tell)"
    )
    importing.set_defaults(command=_import)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression ({error})") from error
    if not pattern.groups:
        raise argparse.ArgumentTypeError(f"{text!r} has no group; put the person into parentheses: '^([a-z]+)_'")
    return pattern


def _import(options: argparse.Namespace) -> int:
    from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
    from train.data.import_faces import import_faces

    detector = None if options.cropped else BuiltinDetector(load_detector(PACKAGED_DETECTOR))
    with progress_bar(f"looking for faces in {options.source.name}") as progress:
        made = import_faces(
            options.source,
            options.out,
            detector,
            table=options.labels,
            numbering=options.numbering,
            person=options.person,
            progress=progress,
        )
    print("\n".join(describe(made)))
    return 0


def describe(made: Import) -> Iterator[str]:
    """What an import made and what it left out, in lines for a terminal."""
    from train.data.import_faces import CONTACT_SHEET

    used = made.used
    cells = Counter((each.labelled.label, each.split) for each in used)
    splits = [split for split in ("Training", "PublicTest", "PrivateTest") if any(s == split for _, s in cells)]
    width = max(map(len, made.labels))
    yield f"{'':{width}}  " + "  ".join(splits)
    for label in made.labels:
        yield f"{label:{width}}  " + "  ".join(f"{cells[label, split]:{len(split)}}" for split in splits)
    people = sorted({each.person for each in used if each.person})
    if people:
        shown = ", ".join(people[:5]) + (" and others" if len(people) > 5 else "")
        yield f"{len(people)} {'people' if len(people) > 1 else 'person'} by folders, csv or file names: {shown}"
    else:
        yield "nothing tells who is on the pictures: the same people may be in both parts, which flatters the accuracy"
    if made.shared:
        yield f"in both parts are {', '.join(sorted(made.shared)[:5])}, which flatters the accuracy"
    for reason, count in made.reasons.most_common():
        yield f"left out: {count} ({reason})"
    for label in made.labels:
        if cells[label, "Training"] < FEW_TO_TRAIN or cells[label, "PublicTest"] < FEW_TO_MEASURE:
            yield (
                f"{label}: few faces; {FEW_TO_TRAIN} to train on and {FEW_TO_MEASURE} to measure with are the least "
                "that says something"
            )
    lost = {each.labelled.label for each in made.taken if each.labelled.label}.difference(made.labels)
    yield from (f"{label}: no face is left, so there is no such label" for label in sorted(lost))
    yield f"{made.folder}: {len(used)} faces; look at them in {made.folder / CONTACT_SHEET}"
