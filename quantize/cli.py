"""``fer-quantize``: makes releases from trained models, and examines model files."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.argument_parser import ArgumentParser
from edge.errors import ConfigError, FerEdgeError, ModelError
from edge.model.release import MANIFEST_FILE, MODEL_FILE
from edge.streams import until_reader_leaves
from quantize.classifier.cli import add_commands
from quantize.detector.cli import add_command
from quantize.release import PROBES, check_place, check_release, model_file, read_model
from quantize.terminal import busy, say, show_differences, show_forecast

_DESCRIPTION = """\
Turn a trained model into an int8 release: a folder with model.tflite and model.json, which a device checks and runs.
A model that fails a check, or that int8 makes worse, is not released.
"""

_EPILOG = """\
examples:
  fer-quantize release runs/first-0 --data fer2013.csv --votes fer2013new.csv --out runs/first-0/release
  fer-quantize convert theirs.h5 --labels labels.txt --input-range=-1..1 --calibration faces/ --out theirs/
  fer-quantize verify runs/first-0/release
  fer-quantize pack runs/first-0/release --sign key.pem --to first.tar

exit status: 0 done, 1 a package is missing, 2 wrong arguments, 78 the model or its data is not fit for release
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    return until_reader_leaves(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
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
    parser: argparse.ArgumentParser = ArgumentParser(
        prog="fer-quantize",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    signing = argparse.ArgumentParser(add_help=False)
    signing.add_argument(
        "--sign",
        type=Path,
        metavar="KEY.pem",
        help="sign the release with this private key (make one with openssl genpkey -algorithm ed25519)",
    )
    runtimes = argparse.ArgumentParser(add_help=False)
    runtimes.add_argument(
        "--python",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="also run the model in this Python's TFLite runtime, such as .venv-pi/bin/python; may be repeated",
    )

    placing = argparse.ArgumentParser(add_help=False)
    placing.add_argument("--out", type=Path, required=True, metavar="DIR", help="release folder to fill")
    placing.add_argument("--replace", action="store_true", help="replace the release that it holds")

    add_commands(commands, placing, signing, runtimes)
    add_command(commands, placing, signing, runtimes)

    model_help = "a .tflite file, or a release folder"
    check = commands.add_parser(
        "verify",
        help="check a .tflite file, or a release folder as a device does",
        description="Check a file, or a release folder with its manifest. Ends with status 78 if a check fails.",
    )
    check.add_argument("model", type=Path, metavar="MODEL", help=model_help)
    check.set_defaults(command=_verify)

    browser = commands.add_parser(
        "browser",
        parents=[placing],
        help="make the variant of a release that runs in a browser",
        description="Give a release float32 inputs and outputs, which LiteRT.js needs, around the same int8 network.",
    )
    browser.add_argument("release", type=Path, metavar="RELEASE", help="a release folder")
    browser.set_defaults(command=_browser)

    coral = commands.add_parser(
        "edgetpu",
        help="predict for each operator whether an Edge TPU runs it",
        description="Predict from Coral's documentation which operators an Edge TPU runs, and why not the others.",
    )
    coral.add_argument("model", type=Path, metavar="MODEL", help=model_help)
    coral.add_argument("--compile", type=Path, metavar="DIR", help="also run Coral's edgetpu_compiler into this folder")
    coral.set_defaults(command=_edgetpu)

    packing = commands.add_parser(
        "pack",
        parents=[signing],
        help="pack a release into one file for fer-edge model install",
        description="Pack a release into one file: with a counter, by which devices refuse a release that is older "
        "than what they had, with a signature, and with the file that Coral's compiler made.",
    )
    packing.add_argument("release", type=Path, metavar="RELEASE", help="a release folder")
    packing.add_argument("--to", type=Path, metavar="FILE.tar", help="the archive (default: RELEASE.tar)")
    packing.add_argument("--replace", action="store_true", help="replace the file that is there")
    packing.add_argument(
        "--counter", type=int, metavar="N", help="higher than that of every release before (default: the Unix time)"
    )
    packing.add_argument("--edgetpu", type=Path, metavar="FILE", help="the same model, compiled for the Edge TPU")
    packing.add_argument("--refiner-edgetpu", type=Path, metavar="FILE", help="the same for the refiner of a detector")
    packing.set_defaults(command=_pack)

    differences = commands.add_parser(
        "runtimes",
        parents=[runtimes],
        help="compare the outputs of the installed TFLite runtimes",
        description="Run a file over drawn images in TensorFlow, in this machine's runtime and in those of --python.",
    )
    differences.add_argument("model", type=Path, metavar="MODEL", help=model_help)
    differences.add_argument(
        "--images", type=int, default=4 * PROBES, metavar="N", help="how many images (default: %(default)s)"
    )
    differences.set_defaults(command=_runtimes)
    return parser


def _verify(options: argparse.Namespace) -> None:
    model: Path = options.model
    released = model.name == MODEL_FILE and model.with_name(MANIFEST_FILE).is_file()
    if released or model.is_dir():
        with busy(f"checking {model}"):
            release = check_release(model.parent if released else model)
        say(f"{model}: {release.name} passes every check")
        return
    from quantize.tflite.verify import requirements_of, verify
    from train.tflite.graph import read_graph

    content = read_model(model)
    with _naming(model):
        graph = verify(content, requirements_of(read_graph(content)))
    names = [operator.name for operator in graph.operators]
    counts = ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))
    labels = graph.outputs[0].shape[1]
    say(f"{model}: may be released for {labels} labels; {graph.size_bytes} bytes, all int8: {counts}")


@contextmanager
def _naming(model: Path) -> Iterator[None]:
    """What is wrong with the content of a file, with the file's name."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{model}: {error}") from error


def _browser(options: argparse.Namespace) -> None:
    from quantize.browser import make_browser_release

    check_place(options.out, replace=options.replace)
    manifest = make_browser_release(options.release, options.out)
    say(f"{options.out}: {manifest.id} with float32 edges")


def _edgetpu(options: argparse.Namespace) -> None:
    from quantize.tflite.edgetpu import compile_for_edgetpu
    from train.tflite.graph import read_graph

    content = read_model(options.model)
    with _naming(options.model):
        graph = read_graph(content)
    show_forecast(graph)
    if options.compile:
        say(f"{compile_for_edgetpu(model_file(options.model), options.compile)}: compiled")


def _pack(options: argparse.Namespace) -> None:
    from quantize.pack import pack

    to = options.to or options.release.resolve().with_suffix(".tar")
    if to.exists() and not options.replace:
        raise ConfigError(f"archive {to}: is there already; name another file with --to, or add --replace")
    counter = int(time.time()) if options.counter is None else options.counter
    manifest = pack(
        options.release,
        to,
        counter=counter,
        edgetpu=options.edgetpu,
        refiner_edgetpu=options.refiner_edgetpu,
        key=options.sign,
    )
    extras = ["with the file for the Edge TPU"] * bool(manifest.edgetpu_sha256) + ["signed"] * bool(options.sign)
    say(f"{to}: {', '.join([manifest.id, f'counter {manifest.counter}', *extras])}")


def _runtimes(options: argparse.Namespace) -> None:
    from edge.model.interpreter import Interpreter
    from quantize.manifest import golden_images
    from quantize.tflite.runtimes import compare_runtimes

    model = read_model(options.model)
    with _naming(options.model), busy(f"running the model over images: {options.images}"):
        images = golden_images(range(options.images), Interpreter(model).inputs[0].shape)
        differences = compare_runtimes(model, images, options.python)
    show_differences(differences, "other highest value")
