"""The command of ``fer-quantize`` that makes detector releases: detector."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from quantize.release import HELD_OUT, check_place
from quantize.report import describe_latency
from quantize.terminal import busy, say, show_changes, show_differences, show_forecast, show_layers
from train.data.options import fer2013_options, load_faces, photograph_options


def add_command(
    commands: Any,
    placing: argparse.ArgumentParser,
    signing: argparse.ArgumentParser,
    runtimes: argparse.ArgumentParser,
) -> None:
    """Add the command to ``commands``, with the options of ``placing``, ``signing`` and ``runtimes``."""
    make = commands.add_parser(
        "detector",
        parents=[fer2013_options(), photograph_options(), placing, runtimes, signing],
        help="a trained face detector becomes a release",
        description="Convert a run's face detector to int8, check it, compare it with float and write a release "
        "folder. It is refused if int8 loses faces of the development set.",
    )
    make.add_argument("run", type=Path, metavar="RUN", help="run folder of fer-train detector fit")
    make.add_argument(
        "--refiner", type=Path, metavar="RUN", help="run folder of the refiner that fer-train detector refiner trained"
    )
    make.add_argument("--yunet", type=Path, metavar="FILE", help="YuNet's .onnx file, for the card")
    make.set_defaults(command=_release)


def _release(options: argparse.Namespace) -> None:
    check_place(options.out, replace=options.replace)
    with busy("reading photographs") as status:
        from quantize.detector.release import release
        from quantize.detector.report import TOP_CHANGED, figures
        from train.detector.candidates import haar_candidate, yunet_candidate
        from train.detector.development import compose
        from train.detector.sources import read_sources

        faces = load_faces(options)
        sources = read_sources(options.faces, options.wider, faces, options.empty, options.objects)
        outcome = release(
            options.run,
            sources.training,
            compose(sources.held_back, sources.clips),
            faces[HELD_OUT].pixels,
            options.out,
            refiner=options.refiner,
            peers=[haar_candidate(), *([yunet_candidate(options.yunet)] if options.yunet else [])],
            pythons=options.python,
            key=options.sign,
            announce=lambda step: status.update(f"{step} ..."),
        )
    manifest = outcome.manifest
    show_changes(
        f"development set, boxes with a score of at least {manifest.threshold:.3f}", figures(outcome.comparison)
    )
    show_layers(outcome.layers)
    say(describe_latency(outcome.latency))
    show_differences(outcome.differences, TOP_CHANGED)
    show_forecast(outcome.graph)
    if outcome.refiner:
        say(f"refiner: {outcome.refiner.cost} for each of {outcome.comparison.candidates:.1f} candidates in a frame")
        show_layers(outcome.refiner.layers)
        say(describe_latency(outcome.refiner.latency))
        show_forecast(outcome.refiner.graph)
    say(
        f"{options.out}: released {manifest.id}, {outcome.graph.size_bytes} bytes, threshold {manifest.threshold}, "
        f"crop {manifest.crop.side} x box height, golden vectors within {manifest.golden_tolerance} steps; see "
        f"{options.out / 'comparison.md'}"
    )
