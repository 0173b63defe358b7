"""Makes the variant of a release that runs in a browser, for the page in ``deploy/browser``."""

from __future__ import annotations

import shutil
from pathlib import Path

from edge.errors import ConfigError
from edge.model.manifest import Manifest, TensorSpec
from edge.model.release import MANIFEST_FILE, MODEL_FILE, REFINER_FOLDER
from edge.vision.detector.manifest import DetectorManifest
from quantize.release import check_release, read_model
from quantize.tflite.float_edges import with_float_edges
from train.tflite.graph import Tensor, read_graph


def make_browser_release(folder: Path, out: Path) -> Manifest:
    """Write the release in ``folder`` with float32 edges, and its outputs in the manifest's order, into ``out``.

    The manifest is copied as it is: its sha256 is that of the release. The second stage of a detector comes along.

    Raises:
        ModelError: ``folder`` is no release.
        ConfigError: ``out`` cannot be written.
    """
    manifest: Manifest = check_release(folder).manifest
    model = read_model(folder)
    variant = with_float_edges(model, _order(read_graph(model).outputs, manifest))
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / MODEL_FILE).write_bytes(variant)
        shutil.copyfile(folder / MANIFEST_FILE, out / MANIFEST_FILE)
    except OSError as error:
        raise ConfigError(f"folder {out}: cannot be written ({error.strerror}); name another with --out") from error
    if isinstance(manifest, DetectorManifest) and manifest.refiner_sha256:
        make_browser_release(folder / REFINER_FOLDER, out / REFINER_FOLDER)
    return manifest


def _order(outputs: tuple[Tensor, ...], manifest: Manifest) -> list[int]:
    """Where the file has each output of the manifest; two alike stay in order, as when a device loads them."""
    found = [TensorSpec(tensor.shape, tensor.scales[0], tensor.zero_points[0]) for tensor in outputs]
    positions: list[int] = []
    for spec in manifest.outputs:
        positions.append(next(i for i, each in enumerate(found) if each == spec and i not in positions))
    return positions
