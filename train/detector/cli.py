"""``fer-train detector``: fit a face detector, measure it beside the others."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from train.data import fer2013
from train.run.backend import start_backend
from train.run.progress import progress_bar

if TYPE_CHECKING:
    from train.detector.sources import Sources

DEFAULT_RUN = Path("runs/detector-0")


def add_commands(detector: argparse.ArgumentParser, cache: Path) -> None:
    """Give ``detector`` its commands; each sets ``command``."""
    commands = detector.add_subparsers(required=True, metavar="COMMAND")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--faces",
        type=Path,
        required=True,
        metavar="DIR",
        help="portraits/ with portraits.csv, noface/, and dev/ with dev.csv for development",
    )
    data.add_argument(
        "--wider",
        nargs=2,
        type=Path,
        action="append",
        default=[],
        metavar=("LABELS", "DIR"),
        help="a label file of WIDER FACE and its pictures; may be repeated",
    )
    data.add_argument("--data", type=Path, help="FER2013, whose faces heads then wear")
    data.add_argument("--votes", type=Path, help="FER+ votes beside the csv, to leave out what is no face")
    data.add_argument("--cache", type=Path, default=cache, help="folder for the parsed FER2013 (default: %(default)s)")

    fit = commands.add_parser("fit", parents=[data], help="train into a run folder")
    fit.add_argument("--run", type=Path, default=DEFAULT_RUN, help="run folder (default: %(default)s)")
    fit.add_argument("--resume", action="store_true", help="go on from the last finished epoch of the run folder")
    fit.add_argument("--epochs", type=int, help="length of the run instead of the recipe's")
    fit.add_argument("--steps", type=int, help="batches an epoch instead of the recipe's")
    fit.add_argument("--seed", type=int, default=0, help="seed of weights and scenes (default: 0)")
    fit.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16", "mixed_float16"))
    fit.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="threads that draw scenes (default: %(default)s)"
    )
    fit.set_defaults(command=_fit)

    evaluate = commands.add_parser("evaluate", parents=[data], help="measure a run beside other detectors")
    evaluate.add_argument("run", type=Path, metavar="RUN", help="a run folder of fit; RUN/development is written")
    evaluate.add_argument("--release", type=Path, metavar="DIR", help="an int8 release of it")
    evaluate.add_argument("--yunet", type=Path, metavar="FILE", help="YuNet's ONNX file")
    evaluate.add_argument(
        "--share", type=float, default=1.0, help="of the composed frames, for a quick look (default: 1)"
    )
    evaluate.set_defaults(command=_evaluate)

    clips = commands.add_parser("clips", help="count false and missed people on films, beside other detectors")
    clips.add_argument("films", type=Path, metavar="DIR", help="a folder of films")
    clips.add_argument(
        "--references",
        nargs=2,
        type=Path,
        required=True,
        metavar="FILE",
        help="two of YuNet's ONNX files, which stand for the truth where they agree; the first is measured too",
    )
    clips.add_argument("--release", type=Path, metavar="DIR", help="an int8 release (default: the one in the package)")
    clips.set_defaults(command=_clips)


def _fit(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.fit import RunOptions
    from train.detector.development import compose
    from train.detector.fit import fit
    from train.detector.recipe import Recipe

    sources = _read(options)
    recipe = Recipe() if options.steps is None else replace(Recipe(), steps=options.steps)
    run = RunOptions(seed=options.seed, epochs=options.epochs, precision=options.precision)
    development = compose(sources.held_back, sources.clips)
    model = fit(recipe, sources.training, development, options.run, run, resume=options.resume, workers=options.workers)
    print(f"{model}: trained; measure it with: fer-train detector evaluate {options.run} --faces {options.faces}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    start_backend()
    import cv2

    from train.detector.candidates import haar_candidate, keras_candidate, release_candidate, yunet_candidate
    from train.detector.development import compose
    from train.detector.evaluate import figures, look, markdown
    from train.detector.mistakes import save_frames

    cv2.setNumThreads(1)
    candidates = [keras_candidate(options.run / "model.keras")]
    candidates += [release_candidate(options.release)] if options.release else []
    candidates += [haar_candidate()]
    candidates += [yunet_candidate(options.yunet)] if options.yunet else []
    sources = _read(options)
    development = compose(sources.held_back, sources.clips, options.share)
    folder = options.run / "development"
    folder.mkdir(exist_ok=True)
    rows = []
    for candidate in candidates:
        found = look(candidate, development)
        rows.append(figures(candidate, found, development))
        if len(rows) == 1:
            for name, boxes in found.items():
                save_frames(development[name], boxes, rows[0].threshold, folder / f"{name}.png")
    (folder / "figures.json").write_text(json.dumps([row.to_dict() for row in rows], indent=1) + "\n", "utf-8")
    table = markdown(rows)
    (folder / "figures.md").write_text(table, "utf-8")
    print(table, end="")
    return 0


def _clips(options: argparse.Namespace) -> int:
    from train.detector.clips import compare_on_clips, read_clips

    clips = read_clips(options.films)
    with progress_bar("watching films") as progress:
        table = compare_on_clips(clips, options.references, options.release, progress)
    print(table, end="")
    return 0


def _read(options: argparse.Namespace) -> Sources:
    from train.detector.sources import read_sources

    faces = None
    if options.data:
        with progress_bar(f"reading {options.data.name}") as progress:
            faces = fer2013.load(options.data, options.votes, options.cache, progress)
    with progress_bar("reading photographs") as progress:
        return read_sources(options.faces, [tuple(pair) for pair in options.wider], faces, progress)
