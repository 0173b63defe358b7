"""The commands of ``fer-quantize`` for classifiers: release, convert, compare, time, calibration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import ConfigError
from quantize.classifier import calibration
from quantize.classifier.calibration import Calibration
from quantize.release import HELD_OUT, PROBES, check_place
from quantize.report import describe_latency, percent
from quantize.terminal import busy, say, show_changes, show_differences, show_forecast, show_layers, show_table
from train.data import fer2013
from train.data.options import fer2013_options, load_faces
from train.data.selection import require_split, training_faces
from train.foreign.ranges import INPUT_RANGES

if TYPE_CHECKING:
    from quantize.classifier.agreement import Comparison


def add_commands(
    commands: Any,
    placing: argparse.ArgumentParser,
    signing: argparse.ArgumentParser,
    runtimes: argparse.ArgumentParser,
) -> None:
    """Add the commands to ``commands``, some with the options of ``placing``, ``signing`` and ``runtimes``."""
    data = fer2013_options()

    make = commands.add_parser(
        "release",
        parents=[data, placing, runtimes, signing],
        help="a trained classifier becomes a release",
        description="Convert a run's classifier to int8, check it, compare it with float and write a release folder. "
        f"It is refused if int8 loses accuracy on {HELD_OUT}.",
    )
    make.add_argument("run", type=Path, metavar="RUN", help="run folder of fer-train fit")
    make.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="sample of faces that sets the int8 ranges (default: for FER2013 the one in the package, else a new one)",
    )
    make.add_argument(
        "--split",
        action="append",
        default=[],
        choices=fer2013.SPLITS,
        help=f"also measure this split, besides {HELD_OUT}; may be repeated",
    )
    make.set_defaults(command=_release)

    convert = commands.add_parser(
        "convert",
        parents=[placing, runtimes, signing],
        help="a classifier that somebody else trained becomes a release",
        description="Convert a classifier of any input size and labels to int8, compare it with float and write a "
        "release folder. With labelled faces, the range of its input and the order of its labels are found or checked.",
    )
    convert.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="a .keras, .h5, float .tflite or .onnx file, a SavedModel folder, or a zip of Teachable Machine",
    )
    convert.add_argument(
        "--calibration",
        type=Path,
        metavar="PATH",
        help="faces that set the int8 ranges: class folders, a data set of fer-train, FER2013's csv, or a folder of "
        "images without labels (default: drawn masks)",
    )
    convert.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="text file with one label per line, in the order of the model's outputs (default: the labels.txt beside "
        "the model, else found with labelled faces)",
    )
    convert.add_argument(
        "--input-range",
        choices=INPUT_RANGES,
        metavar="RANGE",
        help=f"range of the model's input in training (default: found with labelled faces): {', '.join(INPUT_RANGES)}",
    )
    convert.add_argument(
        "--size", type=int, metavar="PX", help="side of the images, for a model that takes images of any size"
    )
    convert.add_argument(
        "--cache", type=Path, default=Path("data/cache"), metavar="DIR", help="where parsed data is kept"
    )
    convert.set_defaults(command=_convert)

    against = commands.add_parser(
        "compare",
        parents=[data],
        help="a classifier in float against int8: accuracy, agreement, noise of each layer",
        description="Run a Keras classifier and its int8 file over a split. Ends with status 78 if int8 is refused.",
    )
    against.add_argument("original", type=Path, metavar="MODEL.keras", help="the Keras file")
    against.add_argument("model", type=Path, metavar="MODEL", help="its int8 .tflite file, or a release folder")
    against.add_argument(
        "--split", default=HELD_OUT, choices=fer2013.SPLITS, help="what to measure (default: %(default)s)"
    )
    against.add_argument("--plot", type=Path, metavar="PNG", help="draw confusions, recalls and layers")
    against.set_defaults(command=_compare)

    timing = commands.add_parser(
        "time",
        help="size and speed in int8 of the networks of fer-train compare, onto its page",
        description="Quantise every network of a comparison, measure one inference in float and in int8 in turns, and "
        "write the comparison's page again.",
    )
    timing.add_argument("comparison", type=Path, metavar="DIR", help="a folder of fer-train compare")
    timing.set_defaults(command=_time)

    draw = commands.add_parser(
        "calibration",
        parents=[data],
        help="draw the sample of faces that sets the int8 ranges",
        description="Draw a balanced sample of Training; needed for other data than FER2013.",
    )
    draw.add_argument("--seed", type=int, default=calibration.SEED, help="seed of the choice (default: %(default)s)")
    draw.add_argument(
        "--per-emotion",
        type=int,
        default=calibration.PER_EMOTION,
        metavar="N",
        help="faces of each emotion (default: %(default)s)",
    )
    draw.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON file to write")
    draw.set_defaults(command=_calibration)


def show_comparison(comparison: Comparison) -> None:
    """The figures of one split."""
    from quantize.classifier.report import figures

    show_changes(
        f"{comparison.original.split}, {comparison.original.fer2013.faces} faces",
        [
            *figures(comparison),
            ("same emotion on top", "", percent(comparison.agreement), ""),
            ("largest logit error", "", f"{comparison.largest_logit_error:.3f}", ""),
        ],
    )


def _release(options: argparse.Namespace) -> None:
    from quantize.classifier.report import TOP_CHANGED

    check_place(options.out, replace=options.replace)
    faces = load_faces(options)
    if options.calibration:
        sample = Calibration.read(options.calibration)
    else:
        sample = Calibration.fitting(training_faces(faces))
    with busy("opening the run") as status:
        from quantize.classifier.release import release

        outcome = release(
            options.run,
            faces,
            sample,
            options.out,
            splits=options.split,
            pythons=options.python,
            key=options.sign,
            announce=lambda step: status.update(f"{step} ..."),
        )
    for comparison in outcome.comparisons:
        show_comparison(comparison)
    show_layers(outcome.layers)
    say(describe_latency(outcome.latency))
    show_differences(outcome.differences, TOP_CHANGED)
    show_forecast(outcome.graph)
    manifest = outcome.manifest
    say(
        f"{options.out}: released {manifest.id}, {outcome.graph.size_bytes} bytes, golden vectors within "
        f"{manifest.golden_tolerance} steps; see {options.out / 'comparison.md'}"
    )
    if outcome.comparisons[0].quantised.fer2013.guessing:
        say("its accuracy cannot be told from guessing: bring more faces of each label, of more people")


def _convert(options: argparse.Namespace) -> None:
    check_place(options.out, replace=options.replace)
    with busy(f"converting {options.model}"):
        from quantize.classifier.images import read_images
        from quantize.classifier.import_model import import_model

        outcome = import_model(
            options.model,
            lambda size_px: read_images(options.calibration, size_px, options.cache),
            options.out,
            labels=options.labels,
            input_range=options.input_range,
            size_px=options.size,
            pythons=options.python,
            key=options.sign,
        )
    if outcome.accuracies:
        show_table(
            "Float, by the range of the input",
            ("range", "right"),
            [(name, percent(accuracy)) for name, accuracy in outcome.accuracies.items()],
        )
    fidelity, manifest = outcome.fidelity, outcome.manifest
    what = "faces" if options.calibration else "drawn masks (name real faces with --calibration)"
    say(
        f"Range {outcome.input_range}, ends with {outcome.ending}, labels in the order of the outputs: "
        f"{', '.join(manifest.labels)}"
    )
    say(
        f"int8 agrees with float on {percent(fidelity.agreement)} of {fidelity.images} {what}, and on "
        f"{percent(fidelity.decided_agreement)} of the {percent(fidelity.decided)} on which float has decided"
    )
    if fidelity.accuracy is None or fidelity.accuracy_int8 is None:
        say("Accuracy was not measured: name class folders of labelled faces with --calibration")
    else:
        say(
            f"Right in float: {percent(fidelity.accuracy)}, in int8: {percent(fidelity.accuracy_int8)} of "
            f"{fidelity.images} {what}, in grey as the device sees them"
        )
    say(f"{options.out}: released {manifest.id}, {outcome.size_bytes} bytes")


def _compare(options: argparse.Namespace) -> None:
    from quantize.release import read_model

    model = read_model(options.model)
    faces = require_split(load_faces(options), options.split)
    with busy("running both models"):
        from quantize.classifier.agreement import compare, float_logits, int8_logits
        from quantize.tflite.convert import convert_float
        from quantize.tflite.layers import layer_errors
        from train.run.saved import open_classifier

        network = open_classifier(options.original)
        original = float_logits(network, faces.pixels)
        comparison = compare(original, int8_logits(model, faces.pixels, original.shape[1]), faces)
        layers = layer_errors(convert_float(network), model, faces.pixels[:PROBES])
    show_comparison(comparison)
    show_layers(layers)
    if options.plot:
        from quantize.classifier.report import chart

        _write(options.plot, chart(comparison, layers), "--plot")
    comparison.check()


def _time(options: argparse.Namespace) -> None:
    with busy("opening the comparison") as status:
        from quantize.classifier.speed import time_networks

        page = time_networks(options.comparison, lambda step: status.update(f"{step} ..."))
    say(f"{page}: has the int8 figures of every network")


def _calibration(options: argparse.Namespace) -> None:
    faces = training_faces(load_faces(options))
    sample = Calibration.draw(faces, options.seed, options.per_emotion)
    _write(options.out, sample.to_json().encode(), "--out")
    say(f"{options.out}: {len(sample.rows)} faces of Training, {sample.per_emotion} of each emotion")


def _write(path: Path, content: bytes, option: str) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); name another file with {option}") from error
