"""A release as one file, with everything that a device checks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge.errors import ConfigError, ModelError
from edge.model.store import unpacked
from edge.vision.classifier import load_release
from edge.vision.detector.builtin import load_detector
from quantize.cli import main
from quantize.pack import CUSTOM_OPERATOR, pack
from tests.support.paths import TINY


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private and a public key."""
    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


def test_a_packed_release_is_unpacked_with_counter_signature_and_compiled_file(
    tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    compiled = tmp_path / "compiled.tflite"
    compiled.write_bytes(b"head " + CUSTOM_OPERATOR)

    pack(TINY / "grey", tmp_path / "grey.tar", counter=7, edgetpu=compiled, key=keys[0])

    with unpacked(tmp_path / "grey.tar") as folder:
        release = load_release(folder, keys[1])
    assert (release.manifest.counter, release.edgetpu) == (7, compiled.read_bytes())
    assert release.model == (TINY / "grey" / "model.tflite").read_bytes()


def test_a_detector_is_packed_with_its_refiner_and_the_signature_covers_both(
    tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    first, second = tmp_path / "first.tflite", tmp_path / "second.tflite"
    for file in (first, second):
        file.write_bytes(file.name.encode() + CUSTOM_OPERATOR)

    options = ["--edgetpu", str(first), "--refiner-edgetpu", str(second), "--sign", str(keys[0]), "--counter", "7"]
    status = main(["pack", str(TINY / "refined"), "--to", str(tmp_path / "face.tar"), *options])

    assert status == 0
    with unpacked(tmp_path / "face.tar") as folder:
        release = load_detector(folder, keys[1])
        assert (release.manifest.counter, release.edgetpu) == (7, first.read_bytes())
        assert release.refiner is not None
        assert release.refiner.edgetpu == second.read_bytes()
        pack(folder, tmp_path / "again.tar", counter=7, key=keys[0])
        (folder / "refiner" / "model.json").write_bytes((TINY / "refined" / "refiner" / "model.json").read_bytes())
        with pytest.raises(ModelError, match=r"refiner/model\.json: sha256"):
            load_detector(folder, keys[1])
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "face.tar").read_bytes()


def test_a_compiled_refiner_for_a_release_without_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("face", "grey"):
        assert main(["pack", str(TINY / name), "--to", str(tmp_path / "x.tar"), "--refiner-edgetpu", "x"]) == 78

    assert capsys.readouterr().err.count("has no refiner; leave --refiner-edgetpu out") == 2


def test_the_same_release_packs_to_the_same_bytes(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    for name in ("first", "second"):
        pack(TINY / "face", tmp_path / name, counter=7, edgetpu=None, key=keys[0])

    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    with unpacked(tmp_path / "first") as folder:
        assert load_detector(folder).manifest.counter == 7


def test_a_file_that_is_not_compiled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not compiled for the Edge TPU"):
        pack(TINY / "grey", tmp_path / "x.tar", counter=1, edgetpu=TINY / "grey" / "model.tflite", key=None)


def test_an_archive_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        pack(TINY / "grey", tmp_path / "absent" / "x.tar", counter=1, edgetpu=None, key=None)


def test_the_command_counts_by_the_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["pack", str(TINY / "grey"), "--to", str(tmp_path / "grey.tar")])

    assert status == 0
    with unpacked(tmp_path / "grey.tar") as folder:
        assert load_release(folder).manifest.counter > 1_700_000_000
    assert "grey, counter 1" in capsys.readouterr().out.replace("\n", " ")


def test_an_archive_that_is_there_is_replaced_only_if_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "grey.tar"
    archive.write_bytes(b"mine")
    command = ["pack", str(TINY / "grey"), "--to", str(archive)]

    refused, kept = main(command), archive.read_bytes()
    replaced = main([*command, "--replace"])

    assert (refused, kept, replaced) == (78, b"mine", 0)
    assert f"archive {archive}: is there already; name another file with --to" in capsys.readouterr().err
    assert archive.read_bytes() != b"mine"
