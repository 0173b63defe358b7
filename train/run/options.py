"""Command-line options of every training run."""

from __future__ import annotations

import argparse
from pathlib import Path


def whole_number(text: str) -> int:
    """A whole number, 1 or more, as the type of an option."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a whole number, 1 or more")
    return int(text)


def precision_option() -> argparse.ArgumentParser:
    """A parent parser with ``--precision``."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--precision",
        default="float32",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        help="arithmetic while training; mixed_bfloat16 is twice as fast where CPU or GPU support it "
        "(default: %(default)s)",
    )
    return parser


def epochs_option() -> argparse.ArgumentParser:
    """A parent parser with ``--epochs``."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--epochs", type=whole_number, metavar="N", help="train N epochs (default: the recipe's)")
    return parser


def run_options(default: Path | None, described: str) -> argparse.ArgumentParser:
    """A parent parser with ``--run`` (the help calls its default ``described``), ``--resume`` and ``--seed``."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--run", type=Path, default=default, metavar="DIR", help=f"run folder (default: {described})")
    parser.add_argument("--resume", action="store_true", help="continue the run after its last finished epoch")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of weights, order and augmentation (default: %(default)s)"
    )
    return parser
