from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from edge.config import InferenceConfig, ModelConfig
from edge.errors import ConfigError, ModelError
from edge.parts import open_classifier
from edge.vision.classifier import load_release
from tests.support.paths import TINY

ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519", reason="needs fer-edge[sign]")
x25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.x25519")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")


def pem(public_key: object) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(public_key.public_bytes(encoding, form))  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A signed release, and the public key beside it."""
    release = Path(shutil.copytree(TINY / "grey", tmp_path / "release"))
    key = ed25519.Ed25519PrivateKey.generate()
    (release / "model.json.sig").write_bytes(key.sign((release / "model.json").read_bytes()))
    (tmp_path / "public.pem").write_bytes(pem(key.public_key()))
    return release


@pytest.fixture
def public_key(folder: Path) -> Path:
    return folder.parent / "public.pem"


def test_a_release_signed_by_the_configured_key_is_run(folder: Path, public_key: Path) -> None:
    classifier, problems = open_classifier(ModelConfig(folder=str(folder)), InferenceConfig(public_key=str(public_key)))

    assert (classifier.manifest.id, problems) == ("grey", ())


@pytest.mark.row(35, "a release without a signature")
def test_an_unsigned_release_is_refused(folder: Path, public_key: Path) -> None:
    (folder / "model.json.sig").unlink()

    with pytest.raises(ModelError, match=r"model.json.sig: cannot be read .*; expected a release that is signed"):
        load_release(folder, public_key)


@pytest.mark.parametrize("length", [0, 63, 64, 65])
def test_another_signature_is_refused(length: int, folder: Path, public_key: Path) -> None:
    (folder / "model.json.sig").write_bytes(bytes(length))

    with pytest.raises(ModelError, match=r"model.json.sig: is not by the private key of .*public.pem"):
        load_release(folder, public_key)


@pytest.mark.row(35, "a release with another key's signature")
def test_a_signature_by_another_key_is_refused(folder: Path, public_key: Path) -> None:
    public_key.write_bytes(pem(ed25519.Ed25519PrivateKey.generate().public_key()))

    with pytest.raises(ModelError, match="is not by the private key of"):
        load_release(folder, public_key)


def test_a_release_with_the_signature_of_another_is_refused(folder: Path, public_key: Path) -> None:
    for name in ("model.json", "model.tflite"):
        shutil.copyfile(TINY / "colour" / name, folder / name)

    load_release(folder)
    with pytest.raises(ModelError, match="was changed since"):
        load_release(folder, public_key)


@pytest.mark.row(35, "another model under a signed manifest")
def test_another_model_under_a_signed_manifest_is_refused(folder: Path, public_key: Path) -> None:
    shutil.copyfile(TINY / "colour" / "model.tflite", folder / "model.tflite")

    with pytest.raises(ModelError, match="sha256"):
        load_release(folder, public_key)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"public.pem: cannot be read \(No such file or directory\), expected a PEM file"),
        (b"ssh-ed25519 AAAA", r"public.pem: is not a public key in PEM form"),
        (pem(x25519.X25519PrivateKey.generate().public_key()), r"public.pem: is not an Ed25519 key"),
    ],
)
def test_a_file_that_is_no_such_key_is_named(
    content: bytes | None, message: str, folder: Path, public_key: Path
) -> None:
    public_key.unlink() if content is None else public_key.write_bytes(content)

    with pytest.raises(ConfigError, match=message):
        load_release(folder, public_key)


def test_without_the_library_the_way_out_is_named(
    folder: Path, public_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)

    with pytest.raises(ConfigError, match=r"without the package cryptography; install fer-edge\[sign\], or leave"):
        load_release(folder, public_key)
