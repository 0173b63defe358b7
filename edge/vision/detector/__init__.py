"""Face detectors: grey frame in, faces out, behind one protocol."""

from __future__ import annotations

from typing import Protocol

from edge.records import Face, Pixels
from edge.vision.crop import CropRule
from edge.vision.movement import Cells


class FaceDetector(Protocol):
    """A loaded face detector. Used by one thread only."""

    @property
    def name(self) -> str:
        """The detector for people and for ``info``, such as ``haar-alt2``."""

    @property
    def crop_rule(self) -> CropRule:
        """How its boxes are cut so that the face sits as in FER2013."""

    @property
    def unsure(self) -> tuple[Face, ...]:
        """What the last ``detect`` found and left out as too uncertain: enough to keep a track, not to begin one."""

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
        """Faces of one grey frame (height, width), each at least partly in it, best first.

        ``moved`` are the parts that differ from the frame before, None if all may; a detector may look at all the same.
        """
