"""``fer-quantize detector``: make a release from a detector's run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from quantize.classifier.release import HELD_OUT
from quantize.classifier.report import speed
from quantize.classifier.screen import busy, say, show_boxes, show_differences, show_forecast, show_layers
from train.data import fer2013
from train.run.progress import progress_bar


def add_detector(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command to ``commands``, with the options of ``parents``: data, signature, interpreters."""
    face = commands.add_parser(
        "detector", parents=parents, help="the same for a face detector: convert, check, compare, write"
    )
    face.add_argument("run", type=Path, metavar="RUN", help="run folder of fer-train detector: model.keras, run.json")
    face.add_argument("--out", type=Path, required=True, metavar="DIR", help="release folder to fill")
    face.add_argument(
        "--faces", type=Path, required=True, metavar="DIR", help="photographs it was trained on, with their boxes"
    )
    face.add_argument(
        "--wider",
        nargs=2,
        type=Path,
        action="append",
        default=[],
        metavar=("LABELS", "DIR"),
        help="a label file of WIDER FACE and its pictures, if it was trained on them; may be repeated",
    )
    face.set_defaults(command=_release)


def _release(options: argparse.Namespace) -> None:
    with busy("reading photographs") as status:
        from quantize.detector.release import release_detector
        from quantize.detector.report import detector_figures
        from train.detector.development import compose
        from train.detector.sources import read_sources

        with progress_bar(f"reading {options.data.name}") as progress:
            faces = fer2013.load(options.data, options.votes, options.cache, progress)
        sources = read_sources(options.faces, options.wider, faces)
        outcome = release_detector(
            options.run,
            sources.training,
            compose(sources.held_back, sources.clips),
            faces[HELD_OUT].pixels,
            options.out,
            pythons=options.python,
            key=options.sign,
            announce=lambda step: status.update(f"{step} ..."),
        )
    show_boxes(outcome.manifest.threshold, detector_figures(outcome.comparison))
    show_layers(outcome.layers)
    say(speed(outcome.latency))
    show_differences(outcome.differences, "other cell")
    show_forecast(outcome.graph)
    manifest = outcome.manifest
    say(
        f"{options.out}: released {manifest.id}, {outcome.graph.size_bytes} bytes, score from {manifest.threshold}, "
        f"square {manifest.crop.side} x box height, golden answers within {manifest.golden_tolerance} steps"
    )
