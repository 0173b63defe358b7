"""Packs a release into one file for ``fer-edge model install``: counted, signed, and with the file for the Edge TPU."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.errors import ConfigError, ModelError
from edge.model.manifest import M, Manifest
from edge.model.release import EDGETPU_FILE, MANIFEST_FILE, MODEL_FILE, REFINER_FOLDER, Release, read_schema
from edge.vision.classifier import load_release
from edge.vision.detector.builtin import DetectorRelease, load_detector
from edge.vision.detector.manifest import DetectorManifest
from quantize.sign import sign

CUSTOM_OPERATOR = b"edgetpu-custom-op"
"""The operator that a compiled file consists of."""


def pack(
    release: Path,
    to: Path,
    *,
    counter: int,
    edgetpu: Path | None = None,
    refiner_edgetpu: Path | None = None,
    key: Path | None = None,
) -> Manifest:
    """Write the archive ``to``, which is the same for the same files, counter and key; the release stays as it is.

    Args:
        release: a release folder.
        to: the archive.
        counter: higher than that of every release before; devices refuse a lower one.
        edgetpu: what Coral's compiler made of the release's model; by default the file in the release, if it has one.
        refiner_edgetpu: the same for the refiner of a detector.
        key: PEM file with an Ed25519 private key, to sign it.

    Raises:
        ModelError: the release is damaged, or ``edgetpu`` is not a compiled file.
        ConfigError: a file cannot be read or written, the key is of another kind, or there is no refiner.
    """
    is_detector = read_schema(release) in DetectorManifest.schemas
    found: Release[Any] = load_detector(release) if is_detector else load_release(release)
    refiner = found.refiner if isinstance(found, DetectorRelease) else None
    if refiner_edgetpu and not refiner:
        raise ConfigError(f"release {release}: has no refiner; leave --refiner-edgetpu out")
    changes: dict[str, Any] = {"counter": counter}
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        if refiner:
            packed = _write(files / REFINER_FOLDER, refiner, refiner_edgetpu)
            changes["refiner_sha256"] = hashlib.sha256(packed.to_json().encode()).hexdigest()
        manifest: Manifest = _write(files, found, edgetpu, **changes)
        if key:
            sign(files / MANIFEST_FILE, key)
        try:
            with tarfile.open(files / "archive", "w", format=tarfile.USTAR_FORMAT) as archive:
                for path in sorted(files.rglob("model*")):
                    archive.add(path, path.relative_to(files), filter=_plain)
            shutil.copyfile(files / "archive", to)
        except OSError as error:
            raise ConfigError(f"archive {to}: cannot be written ({error.strerror})") from error
    return manifest


def _write(folder: Path, release: Release[M], edgetpu: Path | None, **changes: Any) -> M:
    """Write the files of a release, with ``changes`` of its manifest, which is returned."""
    compiled = _compiled(edgetpu) if edgetpu else release.edgetpu
    sha256 = hashlib.sha256(compiled).hexdigest() if compiled else ""
    manifest = replace(release.manifest, edgetpu_sha256=sha256, **changes)
    folder.mkdir(exist_ok=True)
    (folder / MODEL_FILE).write_bytes(release.model)
    (folder / MANIFEST_FILE).write_text(manifest.to_json(), "utf-8")
    if compiled:
        (folder / EDGETPU_FILE).write_bytes(compiled)
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
