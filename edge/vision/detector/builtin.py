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
from edge.vision.detector.tiles import Tile, merge, plan_looks, seen_whole

PACKAGED_DETECTOR = Path(__file__).parents[2] / "models" / "face"
"""The release in the package."""


def load_detector(folder: Path, public_key: Path | None = None) -> Release[DetectorManifest]:
    """Read the release of a detector, see ``read_release``."""
    return read_release(folder, DetectorManifest, public_key)


class BuiltinDetector:
    """A released detector that looks at a frame as a whole and, if that is large, at tiles of it, see ``plan_looks``.

    With ``max_looks`` tiles take turns: each frame is looked at as a whole and in as many tiles as that leaves, and
    what the other tiles showed last still holds, for as long as frames keep their shape.

    Attributes:
        manifest: the release's manifest.
        device: where it runs, ``cpu`` or the delegate's name.
        name: name and version of the release.
        crop_rule: the manifest's.
        too_small: what the last ``detect`` found and left out, because it is lower than ``min_face_px``.
        unsure: the same, because its score is below the manifest's ``threshold``.
    """

    def __init__(
        self,
        release: Release[DetectorManifest],
        *,
        min_face_px: int = 40,
        max_looks: int | None = None,
        threads: int = 1,
        delegate: str | None = None,
    ) -> None:
        """Open the model, see ``Network``.

        Args:
            release: what to run.
            min_face_px: height of the smallest face to find, in pixels of the frame.
            max_looks: how often the network runs for a frame at most, 1 or more; None looks at all of every frame.
            threads: see ``Network``.
            delegate: see ``Network``.

        Raises:
            ModelError: the model's tensors or outputs are not what the manifest says.
            DelegateError: the accelerator named by ``delegate`` is absent.
        """
        self.manifest = release.manifest
        self._network = Network(release, threads=threads, delegate=delegate)
        self.device = self._network.device
        self.name, self.crop_rule = self.manifest.id, self.manifest.crop
        self._min_face_px, self._max_looks = min_face_px, max_looks
        self._shape: tuple[int, ...] = ()
        self._tiles: tuple[Tile, ...] = ()
        self._seen: list[Boxes] = []
        self._next = 0
        self.too_small: tuple[Face, ...] = ()
        self.unsure: tuple[Face, ...] = ()

    def detect(self, pixels: Pixels) -> tuple[Face, ...]:
        """Faces of one grey frame that are at least ``min_face_px`` high, best first.

        The others are ``too_small`` or ``unsure``.
        """
        boxes = self.find(pixels)
        clipped = (
            clip_box(pixels, sides, score)
            for sides, score in zip(boxes.sides.tolist(), boxes.scores.tolist(), strict=True)
        )
        found = [face for face in clipped if face]
        faces = [face for face in found if face.confidence >= self.manifest.threshold]
        self.too_small = tuple(face for face in faces if face.height_px < self._min_face_px)
        self.unsure = tuple(face for face in found[len(faces) :] if face.height_px >= self._min_face_px)
        return tuple(face for face in faces if face.height_px >= self._min_face_px)

    def find(self, pixels: Pixels) -> Boxes:
        """All boxes down to ``keep_threshold`` before any is rounded, clipped or left out: in pixels of the frame."""
        rows, columns = pixels.shape
        if pixels.shape != self._shape:
            _, height, width, _ = self.manifest.input.shape
            whole, *tiles = plan_looks((rows, columns), (height, width), self._min_face_px)
            self._shape, self._tiles, self._next = pixels.shape, (whole, *tiles), 0
            self._seen = [Boxes(np.empty((0, 4), np.float32), np.empty(0, np.float32))] * len(tiles)
        boxes = self._look(pixels)
        count = len(self._seen)
        if not count:
            return boxes
        for _ in range(count if self._max_looks is None else min(count, self._max_looks - 1)):
            tile = self._tiles[1 + self._next]
            self._seen[self._next] = seen_whole(self._look(tile.of(pixels)), tile, (rows, columns))
            self._next = (self._next + 1) % count
        return merge([boxes, *self._seen], self.manifest.max_overlap)

    @property
    def looks(self) -> int:
        """How often the network would have to run to look at all of a frame like the last one."""
        return len(self._tiles)

    @property
    def looks_at_once(self) -> int:
        """How often it runs for one frame like the last one; tiles that are left take their turn in later frames."""
        return self.looks if self._max_looks is None else min(self.looks, self._max_looks)

    def _look(self, pixels: Pixels) -> Boxes:
        manifest = self.manifest
        _, height, width, _ = manifest.input.shape
        image, scale = letterbox(pixels, height, width)
        steps = self._network.run(image[np.newaxis, :, :, np.newaxis])
        maps = [
            int8.dequantize(each[0], spec.scale, spec.zero_point)
            for each, spec in zip(steps, manifest.outputs, strict=True)
        ]
        count = len(manifest.strides)
        boxes = decode(maps[:count], maps[count:], manifest.strides, manifest.keep_threshold, manifest.max_overlap)
        return Boxes(boxes.sides / scale, boxes.scores)
