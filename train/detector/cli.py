"""``fer-train detector``: trains a face detector and compares it with others."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.data.options import fer2013_options, load_faces, photograph_options
from train.detector.recipe import RECIPES
from train.detector.refiner.recipe import RECIPES as REFINER_RECIPES
from train.run.backend import start_backend
from train.run.folder import MODEL_FILE, RunOptions, check_folder, is_resumable, read_settings
from train.run.options import epochs_option, precision_option, run_options, whole_number
from train.run.progress import progress_bar

if TYPE_CHECKING:
    from edge.vision.detector import FaceDetector
    from train.detector.sources import Sources

RUNS = Path("runs")


def add_commands(detector: argparse.ArgumentParser) -> None:
    """Add the detector's commands to the parser of ``fer-train detector``; each sets ``command``."""
    commands = detector.add_subparsers(required=True, metavar="COMMAND", title="commands")
    data = [photograph_options(), fer2013_options(required=False)]

    fit = commands.add_parser(
        "fit",
        parents=[*data, run_options(None, "runs/RECIPE-SEED"), epochs_option(), precision_option(), _fit_options()],
        help="train a detector into a run folder",
        description="Train a detector on scenes made from photographs; with --data some heads get a face of FER2013.",
    )
    fit.add_argument("--recipe", choices=sorted(RECIPES), help="(default: detector)")
    fit.add_argument(
        "--teacher",
        type=Path,
        metavar="FILE",
        help="a .keras or .npz file of detector-wide to distil from (default: none)",
    )
    fit.set_defaults(command=_fit)

    refiner = commands.add_parser(
        "refiner",
        parents=[*data, run_options(None, "runs/RECIPE-SEED"), epochs_option(), precision_option(), _fit_options()],
        help="train the second network, which looks again at what a detector proposes",
        description="Train a refiner on what a detector proposes in such scenes. It belongs to that detector: both are "
        "released together, by fer-quantize detector with --refiner.",
    )
    refiner.add_argument("detector", type=Path, metavar="DETECTOR", help="a run folder of fit, or a release of it")
    refiner.add_argument("--recipe", choices=sorted(REFINER_RECIPES), help="(default: refiner)")
    refiner.add_argument(
        "--teacher",
        type=Path,
        metavar="RUN",
        help="a run folder, .keras or .npz file of refiner-wide to distil from (default: none)",
    )
    refiner.set_defaults(command=_refiner)

    evaluate = commands.add_parser(
        "evaluate", parents=data, help="compare a run with other detectors on held-back photographs"
    )
    evaluate.add_argument("run", type=Path, metavar="RUN", help="a run folder of fit; RUN/development is written")
    evaluate.add_argument("--release", type=Path, metavar="DIR", help="also its int8 release")
    evaluate.add_argument("--yunet", type=Path, metavar="FILE", help="also YuNet: its .onnx file")
    evaluate.add_argument(
        "--share",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="compose only this share of the scenes, for a quick look (default: 1)",
    )
    evaluate.set_defaults(command=_evaluate)

    clips = commands.add_parser(
        "clips", help="count false and missed people on video clips, with the daemon's tracker and other detectors"
    )
    clips.add_argument("films", type=Path, metavar="DIR", help="a folder of video clips")
    clips.add_argument(
        "--references",
        nargs=2,
        type=Path,
        required=True,
        metavar="FILE",
        help="two YuNet .onnx files that count as the truth where they agree; the first is measured too",
    )
    clips.add_argument("--release", type=Path, metavar="DIR", help="an int8 release (default: the packaged one)")
    clips.set_defaults(command=_clips)

    reach = commands.add_parser(
        "reach", parents=data, help="measure how small the faces may be that a release finds, by size of frame"
    )
    reach.add_argument("--release", type=Path, metavar="DIR", help="an int8 release (default: the packaged one)")
    reach.set_defaults(command=_reach)

    count = commands.add_parser(
        "count", parents=data, help="measure how well people are counted on invented films, with the daemon's tracker"
    )
    count.add_argument("--release", type=Path, metavar="DIR", help="an int8 release (default: the packaged one)")
    count.add_argument("--yunet", type=Path, metavar="FILE", help="also YuNet: its .onnx file")
    count.set_defaults(command=_count)


def _fit_options() -> argparse.ArgumentParser:
    """A parent parser with ``--start``, ``--steps`` and ``--workers``."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--start", type=Path, metavar="FILE", help="start with the weights of a .keras or .npz file")
    parser.add_argument(
        "--steps", type=whole_number, metavar="N", help="train N batches in each epoch (default: the recipe's)"
    )
    parser.add_argument(
        "--workers",
        type=whole_number,
        default=os.cpu_count() or 1,
        metavar="N",
        help="threads that draw scenes (default: the number of CPUs, %(default)s)",
    )
    return parser


def _fit(options: argparse.Namespace) -> int:
    start_backend()
    from train.detector.development import compose
    from train.detector.fit import fit

    folder = options.run or RUNS / f"{options.recipe or 'detector'}-{options.seed}"
    if options.resume and is_resumable(folder):
        before = read_settings(folder)
        if not options.teacher and before["options"].get("teacher"):
            options.teacher = Path(before["options"]["teacher"])
        _go_on(options, before)
    recipe = RECIPES[options.recipe or "detector"]
    recipe = replace(recipe, steps=options.steps or recipe.steps)
    check_folder(folder, resume=options.resume)
    sources = _read(options)
    run = RunOptions(seed=options.seed, epochs=options.epochs, precision=options.precision)
    development = compose(sources.held_back, sources.clips)
    model = fit(
        recipe,
        sources.training,
        development,
        folder,
        run,
        resume=options.resume,
        start=options.start,
        teacher=options.teacher,
        workers=options.workers,
    )
    print(f"{model}: trained; measure it with: fer-train detector evaluate {folder} --faces {options.faces}")
    return 0


def _refiner(options: argparse.Namespace) -> int:
    start_backend()
    from train.detector.development import compose
    from train.detector.refiner.fit import fit

    folder = options.run or RUNS / f"{options.recipe or 'refiner'}-{options.seed}"
    if options.resume and is_resumable(folder):
        _go_on(options, read_settings(folder))
    recipe = REFINER_RECIPES[options.recipe or "refiner"]
    recipe = replace(recipe, steps=options.steps or recipe.steps)
    check_folder(folder, resume=options.resume)
    sources = _read(options)
    model = fit(
        recipe,
        options.detector,
        sources.training,
        compose(sources.held_back, sources.clips),
        folder,
        RunOptions(options.seed, options.epochs, options.precision, options.start),
        resume=options.resume,
        teacher=options.teacher,
        workers=options.workers,
    )
    print(f"{model}: trained; release it with the detector's run: fer-quantize detector RUN --refiner {folder}")
    return 0


def _go_on(options: argparse.Namespace, before: Mapping[str, Any]) -> None:
    """Fill in what ``options`` leave out with the settings that a resumed run had ``before``."""
    options.recipe = options.recipe or before["recipe"]["name"]
    options.steps = options.steps or before["recipe"]["steps"]
    options.seed = options.seed or before["options"]["seed"]
    options.epochs = options.epochs or before["options"]["epochs"]


def _evaluate(options: argparse.Namespace) -> int:
    start_backend()
    import cv2

    from train.detector.candidates import haar_candidate, keras_candidate, release_candidate, yunet_candidate
    from train.detector.development import compose
    from train.detector.evaluate import evaluate, find_faces, markdown
    from train.detector.mistakes import save_frames

    cv2.setNumThreads(1)
    candidates = [keras_candidate(options.run / MODEL_FILE)]
    candidates += [release_candidate(options.release)] if options.release else []
    candidates += [haar_candidate()]
    candidates += [yunet_candidate(options.yunet)] if options.yunet else []
    sources = _read(options)
    development = compose(sources.held_back, sources.clips, options.share)
    folder = options.run / "development"
    folder.mkdir(exist_ok=True)
    evaluations = []
    for candidate in candidates:
        found = find_faces(candidate, development)
        evaluations.append(evaluate(candidate, found, development))
        if len(evaluations) == 1:
            for name, boxes in found.items():
                save_frames(development[name], boxes, evaluations[0].threshold, folder / f"{name}.png")
    document = json.dumps([each.to_dict() for each in evaluations], indent=1)
    (folder / "figures.json").write_text(document + "\n", "utf-8")
    table = markdown(evaluations)
    (folder / "figures.md").write_text(table, "utf-8")
    print(table, end="")
    return 0


def _clips(options: argparse.Namespace) -> int:
    from train.detector.clips import compare_on_clips, read_clips

    clips = read_clips(options.films)
    with progress_bar("running the detectors") as progress:
        table = compare_on_clips(clips, options.references, options.release, progress)
    print(table, end="")
    return 0


def _reach(options: argparse.Namespace) -> int:
    import cv2

    from edge.vision.detector.builtin import PACKAGED_DETECTOR
    from train.detector.reach import measure_inputs, measure_reach

    cv2.setNumThreads(1)
    release, held_back = options.release or PACKAGED_DETECTOR, _read(options).held_back
    print(measure_reach(release, held_back))
    print(measure_inputs(release, held_back), end="")
    return 0


def _count(options: argparse.Namespace) -> int:
    import cv2

    from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
    from edge.vision.detector.haar import HaarDetector
    from edge.vision.detector.yunet import YuNetDetector
    from train.detector.count import invent, measure_counts

    cv2.setNumThreads(1)
    detectors: list[FaceDetector] = [BuiltinDetector(load_detector(options.release or PACKAGED_DETECTOR))]
    detectors += [HaarDetector(min_face_px=40)]
    detectors += [YuNetDetector(options.yunet)] if options.yunet else []
    films = list(invent(_read(options).held_back))
    with progress_bar("counting people") as progress:
        table = measure_counts(detectors, films, progress)
    print(table, end="")
    return 0


def _read(options: argparse.Namespace) -> Sources:
    from train.detector.sources import read_sources

    faces = load_faces(options) if options.data else None
    with progress_bar("reading photographs") as progress:
        pairs = [tuple(pair) for pair in options.wider]
        return read_sources(options.faces, pairs, faces, options.empty, options.objects, progress)
