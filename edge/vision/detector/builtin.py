"""The built-in detector: a single-shot int8 network on luma, which runs where the classifier runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.model import int8
from edge.model.release import Network, Release, read_release
from edge.records import Face, Pixels
from edge.vision.detector.box import clip_box
from edge.vision.detector.decode import Boxes, decode
from edge.vision.detector.letterbox import letterbox
from edge.vision.detector.manifest import DetectorManifest

PACKAGED_DETECTOR = Path(__file__).parents[2] / "models" / "face"
"""The release in the package."""


def load_detector(folder: Path, public_key: Path | None = None) -> Release[DetectorManifest]:
    """Read the release of a detector, see ``read_release``."""
    return read_release(folder, DetectorManifest, public_key)


class BuiltinDetector:
    """A detector release ready to find faces, in frames reduced to its input size.

    Attributes:
        manifest: the release's manifest.
        device: where it runs, ``cpu`` or the delegate's name.
        name: name and version of the release.
        crop_rule: the manifest's.
    """

    def __init__(
        self,
        release: Release[DetectorManifest],
        *,
        min_face_px: int = 40,
        threads: int = 1,
        delegate: str | None = None,
    ) -> None:
        """Open the model, see ``Network``.

        Raises:
            ModelError: the model's tensors or outputs are not what the manifest says.
            DelegateError: the accelerator named by ``delegate`` is absent.
        """
        self.manifest = release.manifest
        self._network = Network(release, threads=threads, delegate=delegate)
        self.device = self._network.device
        self.name, self.crop_rule = self.manifest.id, self.manifest.crop
        self._min_face_px = min_face_px

    def detect(self, pixels: Pixels) -> tuple[Face, ...]:
        """Faces of one grey frame that are at least ``min_face_px`` high, best first."""
        boxes = self.find(pixels)
        faces = (
            clip_box(pixels, sides, score)
            for sides, score in zip(boxes.sides.tolist(), boxes.scores.tolist(), strict=True)
        )
        return tuple(face for face in faces if face and face.height_px >= self._min_face_px)

    def find(self, pixels: Pixels) -> Boxes:
        """The same boxes before rounding, clipping and the size limit, in pixels of the frame."""
        manifest = self.manifest
        _, height, width, _ = manifest.input.shape
        image, scale = letterbox(pixels, height, width)
        steps = self._network.run(image[np.newaxis, :, :, np.newaxis])
        maps = [
            int8.dequantize(each[0], spec.scale, spec.zero_point)
            for each, spec in zip(steps, manifest.outputs, strict=True)
        ]
        count = len(manifest.strides)
        boxes = decode(maps[:count], maps[count:], manifest.strides, manifest.threshold, manifest.max_overlap)
        return Boxes(boxes.sides / scale, boxes.scores)
