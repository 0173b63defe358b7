"""Packs a release into one file for ``fer-edge model install``: counted, signed, and with the file for the Edge TPU."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

from edge.errors import ConfigError, ModelError
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.manifest import Manifest
from edge.model.release import EDGETPU_FILE, MANIFEST_FILE, MODEL_FILE, read_release, read_schema
from edge.vision.detector.manifest import DetectorManifest
from quantize.sign import sign

CUSTOM_OPERATOR = b"edgetpu-custom-op"
"""The operator that a compiled file consists of."""


def pack(release: Path, to: Path, *, counter: int, edgetpu: Path | None, key: Path | None) -> Manifest:
    """Write the archive ``to``, which is the same for the same files, counter and key; the release stays as it is.

    Args:
        release: a release folder.
        to: the archive.
        counter: higher than that of every release before; devices refuse a lower one.
        edgetpu: what Coral's compiler made of the release's model; by default the file in the release, if it has one.
        key: PEM file with an Ed25519 private key, to sign it.

    Raises:
        ModelError: the release is damaged, or ``edgetpu`` is not a compiled file.
        ConfigError: a file cannot be read or written, or the key is of another kind.
    """
    kind: type[Manifest] = DetectorManifest if read_schema(release) == DetectorManifest.schema else ClassifierManifest
    found = read_release(release, kind)
    compiled = _compiled(edgetpu) if edgetpu else found.edgetpu
    sha256 = hashlib.sha256(compiled).hexdigest() if compiled else ""
    manifest: Manifest = replace(found.manifest, counter=counter, edgetpu_sha256=sha256)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        (files / MODEL_FILE).write_bytes(found.model)
        (files / MANIFEST_FILE).write_text(manifest.to_json(), "utf-8")
        if compiled:
            (files / EDGETPU_FILE).write_bytes(compiled)
        if key:
            sign(files / MANIFEST_FILE, key)
        try:
            with tarfile.open(files / "archive", "w", format=tarfile.USTAR_FORMAT) as archive:
                for path in sorted(files.glob("model*")):
                    archive.add(path, path.name, filter=_plain)
            shutil.copyfile(files / "archive", to)
        except OSError as error:
            raise ConfigError(f"archive {to}: cannot be written ({error.strerror})") from error
    return manifest


def _compiled(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"model {path}: cannot be read ({error.strerror})") from error
    if CUSTOM_OPERATOR not in content:
        raise ModelError(
            f"model {path}: is not compiled for the Edge TPU; fer-quantize edgetpu --compile DIR compiles it"
        )
    return content


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member
