"""Command-line options that name data, shared by ``fer-train`` and ``fer-quantize``."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.labels import INPUT_SIZE_PX
from train.data import fer2013
from train.run.progress import progress_bar

CACHE = Path("data/cache")


def fer2013_options(*, required: bool = True) -> argparse.ArgumentParser:
    """A parent parser with ``--data``, ``--votes`` and ``--cache``; see ``load_faces``."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        type=Path,
        required=required,
        metavar="PATH",
        help="a data set of fer-train import, fer2013.csv or icml_face_data.csv (plain, .gz or .xz), or a folder or "
        "archive of class folders of cut faces",
    )
    group.add_argument("--votes", type=Path, metavar="FILE", help="FER+ annotations of the same images: fer2013new.csv")
    group.add_argument(
        "--cache",
        type=Path,
        default=CACHE,
        metavar="DIR",
        help="where parsed data is kept for the next command (default: %(default)s)",
    )
    return parser


def photograph_options() -> argparse.ArgumentParser:
    """A parent parser for what a detector is trained on: ``--faces``, ``--wider``, ``--empty``, ``--objects``."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("photographs")
    group.add_argument(
        "--faces",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with portraits/ and portraits.csv (their boxes), noface/, masks/ and masks.csv, dev/ and dev.csv",
    )
    group.add_argument(
        "--wider",
        nargs=2,
        type=Path,
        action="append",
        default=[],
        metavar=("LABELS", "DIR"),
        help="a label file of WIDER FACE and the folder of its images; may be repeated",
    )
    group.add_argument(
        "--empty", type=Path, action="append", default=[], metavar="DIR", help="more images without faces"
    )
    group.add_argument("--objects", type=Path, metavar="DIR", help=".png files with transparency that show no face")
    return parser


def load_faces(options: argparse.Namespace, size_px: int = INPUT_SIZE_PX) -> dict[str, fer2013.FaceSet]:
    """Read what ``fer2013_options`` name, with a progress bar; pictures with sides of ``size_px``.

    Raises:
        DataError: see ``fer2013.load``.
    """
    with progress_bar(f"reading {options.data.name}") as progress:
        return fer2013.load(options.data, options.votes, options.cache, progress, size_px)
