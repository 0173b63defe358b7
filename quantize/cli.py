"""``fer-quantize``: make a release from a run, and look into model files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import ConfigError, FerEdgeError, ModelError
from edge.model.interpreter import Interpreter
from edge.model.release import MODEL_FILE
from quantize.classifier import calibration
from quantize.classifier.agreement import answer
from quantize.classifier.calibration import Calibration
from quantize.classifier.compare import compare
from quantize.classifier.import_model import adopt
from quantize.classifier.pictures import read_pictures
from quantize.classifier.release import HELD_OUT, PROBES, prove, release
from quantize.classifier.report import mended, percent, save_picture, speed
from quantize.classifier.screen import busy, say, show_comparison, show_differences, show_forecast, show_layers
from quantize.classifier.third_party import INPUT_RANGES
from quantize.detector.cli import add_detector
from quantize.tflite import edgetpu
from quantize.tflite.graph import read_graph
from quantize.tflite.layers import layer_errors
from quantize.tflite.runtimes import compare_runtimes
from quantize.tflite.verify import verify
from train.data import fer2013
from train.data.fer2013 import FaceSet
from train.data.selection import training_faces
from train.run.progress import progress_bar
from train.run.saved import open_classifier

CACHE = Path("data/cache")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except FerEdgeError as error:
        print(f"fer-quantize: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("fer-quantize: stopped, nothing was released", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer-quantize",
        description="Turn a trained run into an int8 release that a device may load, with proof.",
        epilog="example: fer-quantize release runs/first-0 --data fer2013.csv --votes fer2013new.csv --out release",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data", type=Path, required=True, help="fer2013.csv (.gz, .xz), icml_face_data.csv or a folder")
    data.add_argument("--votes", type=Path, help="FER+ votes beside the csv (fer2013new.csv)")
    data.add_argument("--cache", type=Path, default=CACHE, help="folder for the parsed data (default: %(default)s)")
    sampled = argparse.ArgumentParser(add_help=False, parents=[data])
    sampled.add_argument(
        "--calibration", type=Path, default=calibration.COMMITTED, help="sample of faces (default: the committed one)"
    )
    signed = argparse.ArgumentParser(add_help=False)
    signed.add_argument(
        "--sign", type=Path, metavar="KEY.pem", help="sign with this key (openssl genpkey -algorithm ed25519)"
    )
    pythons = argparse.ArgumentParser(add_help=False)
    pythons.add_argument(
        "--python",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="also run the model in this Python's TFLite runtime, such as .venv-pi/bin/python; may be repeated",
    )
    model_help = "a .tflite file or a release folder"

    make = commands.add_parser(
        "release", parents=[sampled, signed, pythons], help="convert, check, compare and write a release"
    )
    make.add_argument("run", type=Path, metavar="RUN", help="run folder of fer-train: model.keras and run.json")
    make.add_argument("--out", type=Path, required=True, metavar="DIR", help="release folder to fill")
    make.add_argument(
        "--split", action="append", default=[], choices=fer2013.SPLITS, help=f"measure this too, besides {HELD_OUT}"
    )
    make.set_defaults(command=_release)

    add_detector(commands, [data, signed, pythons])

    convert = commands.add_parser(
        "convert", parents=[signed, pythons], help="make a release from a classifier that somebody else trained"
    )
    convert.add_argument("model", type=Path, metavar="MODEL", help="a .keras or .h5 file or a SavedModel folder")
    convert.add_argument("--labels", type=Path, required=True, metavar="FILE", help="one label a line, in its order")
    convert.add_argument("--out", type=Path, required=True, metavar="DIR", help="release folder to fill")
    convert.add_argument(
        "--input-range", default="0..255", choices=INPUT_RANGES, help="what it was fed in training (default: 0..255)"
    )
    convert.add_argument(
        "--calibration",
        type=Path,
        metavar="PATH",
        help="faces that set the int8 ranges: a folder of pictures or FER2013's csv (default: drawn masks)",
    )
    convert.add_argument("--cache", type=Path, default=CACHE, help="folder for a parsed csv (default: %(default)s)")
    convert.set_defaults(command=_convert)

    check = commands.add_parser("verify", help="check a file, or a release folder with its manifest")
    check.add_argument("model", type=Path, metavar="MODEL", help=model_help)
    check.set_defaults(command=_verify)

    against = commands.add_parser("compare", parents=[data], help="float against int8 on one split, layer by layer")
    against.add_argument("original", type=Path, metavar="MODEL.keras")
    against.add_argument("model", type=Path, metavar="MODEL", help=model_help)
    against.add_argument("--split", default=HELD_OUT, choices=fer2013.SPLITS, help="(default: %(default)s)")
    against.add_argument("--picture", type=Path, metavar="PNG", help="draw confusions, recalls and layers")
    against.set_defaults(command=_compare)

    coral = commands.add_parser("edgetpu", help="say for each operator whether an Edge TPU would run it")
    coral.add_argument("model", type=Path, metavar="MODEL", help=model_help)
    coral.add_argument("--compile", type=Path, metavar="DIR", help="also run Coral's edgetpu_compiler into this folder")
    coral.set_defaults(command=_edgetpu)

    runtimes = commands.add_parser("runtimes", parents=[pythons], help="compare the answers of TFLite runtimes")
    runtimes.add_argument("model", type=Path, metavar="MODEL", help=model_help)
    runtimes.add_argument("--pictures", type=int, default=4 * PROBES, metavar="N", help="(default: %(default)s)")
    runtimes.set_defaults(command=_runtimes)

    draw = commands.add_parser("calibration", parents=[data], help="draw the sample of faces that sets the ranges")
    draw.add_argument("--seed", type=int, default=calibration.SEED, help="(default: %(default)s)")
    draw.add_argument(
        "--per-emotion", type=int, default=calibration.PER_EMOTION, metavar="N", help="(default: %(default)s)"
    )
    draw.add_argument("--out", type=Path, default=calibration.COMMITTED, help="json file (default: the committed one)")
    draw.set_defaults(command=_calibration)
    return parser


def _release(options: argparse.Namespace) -> None:
    sample, faces = Calibration.read(options.calibration), _load(options)
    with busy("opening the run") as status:
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
    if outcome.spoilt:
        say(mended(outcome.spoilt))
    show_layers(outcome.layers)
    say(speed(outcome.latency))
    show_differences(outcome.differences)
    show_forecast(outcome.graph)
    manifest = outcome.manifest
    say(
        f"{options.out}: released {manifest.id}, {outcome.graph.size_bytes} bytes, "
        f"golden answers within {manifest.golden_tolerance} steps; see {options.out / 'comparison.png'}"
    )


def _convert(options: argparse.Namespace) -> None:
    with busy(f"converting {options.model}"):
        adoption = adopt(
            options.model,
            options.labels,
            options.input_range,
            lambda size_px: read_pictures(options.calibration, size_px, options.cache),
            options.out,
            pythons=options.python,
            key=options.sign,
        )
    what = "faces" if options.calibration else "drawn masks (name real faces with --calibration)"
    say(
        f"{options.out}: released {adoption.manifest.id}, {adoption.size_bytes} bytes; int8 agrees with float on "
        f"{percent(adoption.agreement)} of {adoption.pictures} {what}, logits differ by "
        f"{adoption.largest_logit_error:.3f} at most; accuracy was not measured"
    )


def _verify(options: argparse.Namespace) -> None:
    if options.model.is_dir():
        say(f"{options.model}: {prove(options.model).id} is a whole release")
        return
    graph = verify(_read(options.model))
    names = [operator.name for operator in graph.operators]
    counts = ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))
    say(f"{options.model}: may be released; {graph.size_bytes} bytes, all int8: {counts}")


def _compare(options: argparse.Namespace) -> None:
    from quantize.tflite.convert import convert_float, float_logits

    model, network = _read(options.model), open_classifier(options.original)
    faces = _split(_load(options), options.split)
    with busy("running both models"):
        logits = float_logits(network, faces.pixels)
        comparison = compare(logits, answer(model, faces.pixels).logits.reshape(logits.shape), faces)
        layers = layer_errors(convert_float(network), model, faces.pixels[:PROBES])
    show_comparison(comparison)
    show_layers(layers)
    if options.picture:
        save_picture(comparison, layers, options.picture)
    comparison.check()


def _edgetpu(options: argparse.Namespace) -> None:
    model = _model_file(options.model)
    show_forecast(read_graph(_read(model)))
    if options.compile:
        say(f"{edgetpu.compile_for_edgetpu(model, options.compile)}: compiled")


def _runtimes(options: argparse.Namespace) -> None:
    from quantize.classifier.manifest import golden_pixels

    model = _model_file(options.model)
    taken = Interpreter(_read(model)).inputs[0]
    with busy(f"running {options.pictures} pictures"):
        differences = compare_runtimes(model, golden_pixels(range(options.pictures), taken.shape), options.python)
    show_differences(differences)


def _calibration(options: argparse.Namespace) -> None:
    faces = _load(options)
    sample = Calibration.draw(training_faces(faces), options.seed, options.per_emotion)
    _write(options.out, sample.to_json().encode())
    say(f"{options.out}: {len(sample.rows)} faces of Training, {sample.per_emotion} of each emotion")


def _load(options: argparse.Namespace) -> Mapping[str, FaceSet]:
    with progress_bar(f"reading {options.data.name}") as progress:
        return fer2013.load(options.data, options.votes, options.cache, progress)


def _split(faces: Mapping[str, FaceSet], split: str) -> FaceSet:
    if split not in faces:
        raise ConfigError(f"data has no {split} split, it has {', '.join(faces)}")
    return faces[split]


def _model_file(path: Path) -> Path:
    return path / MODEL_FILE if path.is_dir() else path


def _read(path: Path) -> bytes:
    file = _model_file(path)
    try:
        return file.read_bytes()
    except OSError as error:
        raise ModelError(f"model {file}: cannot be read ({error.strerror}); expected a .tflite file") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); name another place with --out") from error
