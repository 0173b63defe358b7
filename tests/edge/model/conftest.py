"""An accelerator that is not there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge.model.interpreter import DELEGATES
from tests.support.paths import ROOT


@pytest.fixture
def coral(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library for an accelerator that leaves the work to the CPU, see its source."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler, cc")
    library = tmp_path / "libedgetpu.so.1"
    source = ROOT / "tests" / "faults" / "fake_edgetpu.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    monkeypatch.setitem(DELEGATES, "edgetpu", str(library))
