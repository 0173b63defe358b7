"""What a start of the daemon brings into memory."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """Top-level packages that the command and the daemon behind it import."""
    command = [sys.executable, "-X", "importtime", "-c", "import edge.cli, edge.service"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in result.stderr.splitlines()}


@pytest.mark.parametrize(
    "package", ["tensorflow", "keras", "tf_keras", "matplotlib", "rich", "amqtt", "cryptography", "train", "quantize"]
)
def test_the_daemon_starts_without(package: str, imported: set[str]) -> None:
    assert "edge" in imported
    assert package not in imported
