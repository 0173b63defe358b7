"""What a Pi is brought."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import edge

ROOT = Path(__file__).parents[2]
NAME = f"fer-edge-{edge.__version__}"


def bundle(folder: Path) -> Path:
    subprocess.run([ROOT / "deploy/bundle.sh", sys.executable, folder], check=True, stdout=subprocess.DEVNULL)
    return folder / f"{NAME}.tar.gz"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def files(packed: Path) -> dict[str, bytes]:
    with tarfile.open(packed) as archive:
        members = [(member, archive.extractfile(member)) for member in archive.getmembers()]
        return {member.name.removeprefix(f"{NAME}/"): file.read() for member, file in members if file is not None}


def test_the_bundle_holds_all_that_its_readme_installs(files: dict[str, bytes]) -> None:
    wheel = f"fer_edge-{edge.__version__}-py3-none-any.whl"

    readme = files["README.md"].decode()

    for name in (wheel, "run.lock.txt", "fer-edge.toml", "fer-edge.service", "60-fer-edge-coral.rules"):
        assert name in files
        assert name in readme


def test_the_bundle_holds_the_dashboard_page_with_all_that_it_loads(files: dict[str, bytes]) -> None:
    page = files["dashboard/index.html"].decode()

    for name in re.findall(r'(?:src|href)="([^":#]+)"', page):
        assert f"dashboard/{name}" in files


def test_the_checksums_of_the_bundle_are_right(files: dict[str, bytes]) -> None:
    lines = [line.split() for line in files["SHA256SUMS"].decode().splitlines()]

    assert {name: digest for digest, name in lines} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != "SHA256SUMS"
    }


def test_the_wheel_carries_model_and_clip_and_no_tests(files: dict[str, bytes]) -> None:
    wheel = next(content for name, content in files.items() if name.endswith(".whl"))

    names = zipfile.ZipFile(io.BytesIO(wheel)).namelist()

    assert {"edge/models/model.tflite", "edge/models/model.json", "edge/media/astronaut.mp4"} <= set(names)
    assert not [name for name in names if name.startswith("tests/")]


def test_the_same_sources_make_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    again = bundle(tmp_path)

    assert again.read_bytes() == packed.read_bytes()
