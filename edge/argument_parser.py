"""The parser of every command line here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


class ArgumentParser(argparse.ArgumentParser):
    """argparse's, whose options and commands of ``type=Path`` refuse an empty name.

    ``Path("")`` is the current folder, which nobody means who writes ``fer-edge bench "$CLIP"``.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As argparse's; the commands of a parser are of its class."""
        super().__init__(*arguments, **options)
        self.register("type", Path, _path)


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)
