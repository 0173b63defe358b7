"""``fer-train``: trains and measures expression classifiers and face detectors."""

from __future__ import annotations

import argparse
import sys

from edge.argument_parser import ArgumentParser
from edge.errors import FerEdgeError
from edge.streams import until_reader_leaves
from train.classifier import cli as classifier
from train.data import cli as data
from train.detector import cli as detector

_DESCRIPTION = """\
Train and measure the expression classifier and the face detector.

import makes a data set of photographs with labels of your own, see
docs/your-own-model.md. A recipe says how to train. Training writes a run folder with model.keras, its
settings and its curves, and can be stopped and resumed at any time. fer-quantize
then turns a run into an int8 release for a device.
"""

_EXAMPLES = """\
examples:
  fer-train import photographs/ --out data/mine
  fer-train fit --start shipped --data data/mine
  fer-train fit --recipe first --data fer2013.csv --votes fer2013new.csv
  fer-train evaluate runs/first-0/model.keras --data fer2013.csv --votes fer2013new.csv
  fer-train report runs/first-0 --data fer2013.csv --votes fer2013new.csv
  fer-train detector fit --faces photographs

fer-train COMMAND --help explains a command.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    return until_reader_leaves(lambda: _main(arguments))


def _main(arguments: list[str] | None) -> int:
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except FerEdgeError as error:
        print(f"fer-train: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        print(
            f"fer-train: the package {error.name} is missing; run make setup, or install fer-edge[train]",
            file=sys.stderr,
        )
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:  # a full or read-only disk, where no better sentence is known
        print(f"fer-train: {error.filename or 'a file'}: cannot be written or read ({error.strerror})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fer-train: stopped; the same command with --resume goes on after the last whole epoch", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = ArgumentParser(
        prog="fer-train",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    data.add_command(commands)
    classifier.add_commands(commands)
    detector.add_commands(commands.add_parser("detector", help="train and measure the face detector"))
    return parser
