"""The targets of the Makefile hand paths on as they are, whatever is in their names."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT


@pytest.mark.parametrize("odd", ["my faces", "faces (1)", "it's", "a;touch b", "$(touch c)", "ü & co"])
@pytest.mark.parametrize("target", ["train", "train-refiner", "evaluate", "report", "quantize", "compare"])
def test_paths_with_blanks_quotes_and_brackets_stay_one_word(target: str, odd: str, tmp_path: Path) -> None:
    folder = tmp_path / odd.replace("/", "")
    folder.mkdir()
    (folder / "model.keras").touch()
    given = {"DATA": folder, "RUN": folder, "OUT": folder / "release", "VOTES": folder}
    values = [f"{name}={str(value).replace('$', '$$')}" for name, value in given.items()]

    done = subprocess.run(
        [
            "make",
            "-C",
            ROOT,
            "--no-print-directory",
            "-n",
            "-o",
            ".venv/.dev",
            "-o",
            ".venv-pi/.bookworm",
            target,
            *values,
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    command = next(line for line in done.stdout.splitlines() if line.startswith(".venv/bin/fer-"))
    words = shlex.split(command)
    assert words[words.index("--data") + 1] == str(folder)
    assert words[words.index("--votes") + 1] == str(folder)


def test_an_absent_data_set_is_named_with_what_to_give(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "-C", ROOT, "--no-print-directory", "have-data", f"DATA={tmp_path}/it's (not) here"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert f"DATA={tmp_path}/it's (not) here is absent; name a data set of fer-train import" in done.stderr
