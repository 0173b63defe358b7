"""What each command brings into memory."""

from __future__ import annotations

import subprocess
import sys

import pytest


def imported(*command: str) -> set[str]:
    """Top-level packages that ``python -X importtime`` sees, whatever the command's exit status."""
    result = subprocess.run([sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=False)
    packages = {line.rpartition("|")[2].strip().partition(".")[0] for line in result.stderr.splitlines() if "|" in line}
    assert "edge" in packages
    return packages


@pytest.fixture(scope="module")
def daemon() -> set[str]:
    """The daemon with every part that the default configuration opens, but the camera's driver."""
    return imported("-c", "import edge.service, edge.pipeline, edge.vision.detector.builtin, edge.camera.usb")


@pytest.mark.parametrize(
    "package", ["tensorflow", "keras", "tf_keras", "matplotlib", "rich", "amqtt", "cryptography", "train", "quantize"]
)
def test_the_daemon_starts_without(package: str, daemon: set[str]) -> None:
    assert package not in daemon


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["--version"], id="version"),
        pytest.param(["watch", "--json", "--port", "1"], id="watch"),
        pytest.param(["simulate", "--devices", "1", "--minutes", "0.05", "--port", "1"], id="simulate"),
    ],
)
def test_a_command_without_camera_and_model_starts_without_their_libraries(arguments: list[str]) -> None:
    packages = imported("-m", "edge", *arguments)

    assert packages & {"cv2", "numpy", "ai_edge_litert", "tflite_runtime"} == set()
    assert ("paho" in packages) == (arguments[0] in {"watch", "simulate"})


def test_the_daemon_does_load_them(daemon: set[str]) -> None:
    assert {"cv2", "numpy", "paho"} <= daemon
