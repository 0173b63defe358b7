"""The second stage of the built-in detector: a small network looks at each candidate again, in the frame's own pixels.

The first sees a reduced frame, in which a round thing is hard to tell from a face. Such a cascade is that of Zhang et
al. 2016, "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks",
https://arxiv.org/abs/1604.02878; the refiner stands where their R-Net does. Training cuts with the functions that cut
on the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import cv2
import numpy as np
import numpy.typing as npt

from edge.model import int8
from edge.model.manifest import Manifest, SharedFields, TensorSpec
from edge.model.release import Network, Release
from edge.records import Pixels
from edge.vision.crop import cut_square
from edge.vision.detector.box import BEYOND
from edge.vision.detector.decode import NO_BOXES, Boxes, Floats

CANDIDATES_REFINED = 120
"""How many candidates of a look are refined, the best: more than there are people of whom one look shows the faces."""

SMALLEST_SQUARE_PX = 8
"""Side of the smallest square that is cut out."""

SCORE_RANGE = 0.02, 0.98
"""A detector's score counts as at least and at most this: beyond it the refiner could not overrule the detector."""

PART = 0.8
"""Share of a box that lies in a better one, over twice as high, from which it shows a part of that face: an eye.

A face in front of another one is nearer, and so no smaller than that; a small child's is over half as high."""

MEAN_GREY, SPREAD, LEAST_SPREAD = 128, 50, 5
"""Mean and standard deviation of a square as the refiner sees it; a flatter one than the last becomes less spread."""


_GREYS = np.arange(256)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinerManifest(Manifest):
    """The manifest of a refiner.

    ``input`` is a grey square, which shows ``side`` heights of a candidate's box around its centre. ``outputs`` are the
    logit (1, 1), to be added to that of the detector's score, and the face's box (1, 4): left, top, right and bottom,
    from the left top corner of the square, in sides of it.
    """

    schemas: ClassVar[tuple[str, ...]] = ("fer-edge/refiner/1",)

    outputs: tuple[TensorSpec, ...] = field()  # without field(), the inherited property would be its default
    side: float

    @classmethod
    def _parse(cls, document: Mapping[str, Any], shared: SharedFields) -> Self:
        outputs = tuple(TensorSpec.read(output) for output in document["outputs"])
        manifest = cls(**shared, outputs=outputs, side=float(document["side"]))
        shape = manifest.input.shape
        if len(shape) != 4 or (shape[0], shape[3]) != (1, 1) or shape[1] != shape[2]:
            raise ValueError(f"input shape {shape} is no grey square (1, side, side, 1)")
        if tuple(output.shape for output in outputs) != ((1, 1), (1, 4)):
            raise ValueError("outputs have other shapes than (1, 1) and (1, 4), logit and box")
        if not 1 <= manifest.side <= 4:
            raise ValueError(f"side {manifest.side} is outside 1..4")
        return manifest


class Refiner:
    """A released refiner. Used by one thread only."""

    def __init__(self, release: Release[RefinerManifest], *, threads: int = 1, delegate: str | None = None) -> None:
        """Open the model, see ``Network``; without a file that is compiled for the ``delegate`` it runs on the CPU."""
        self._manifest = release.manifest
        self._network = Network(release, threads=threads, delegate=delegate if release.edgetpu else None)

    def refine(self, pixels: Pixels, candidates: Boxes, least_px: float, threshold: float) -> Boxes:
        """The candidates that are faces, with the scores and boxes that both networks give them, best first.

        Args:
            pixels: the grey frame.
            candidates: in its pixels, best first.
            least_px: height from which a candidate may be a face.
            threshold: score of both networks from which it is one.
        """
        cut = cut_out(pixels, candidates, self._manifest.side, self._manifest.input.shape[1], least_px)
        if not len(cut):
            return NO_BOXES
        crops = normalised(cut.pixels).reshape(-1, *self._manifest.input.shape)
        steps = zip(*map(self._network.run, crops), strict=True)
        logits, sides = (
            int8.dequantize(np.concatenate(each), spec.scale, spec.zero_point)
            for each, spec in zip(steps, self._manifest.outputs, strict=True)
        )
        return cut.refined(logits[:, 0], sides, threshold)


@dataclass(frozen=True, slots=True)
class CutOut:
    """The candidates of a frame that lie in it, n of them, and what it shows there.

    ``squares`` (n, 3): left, top and side in whole pixels; ``pixels`` uint8 (n, side, side): the same resized.
    """

    candidates: Boxes
    squares: npt.NDArray[np.intp]
    pixels: Pixels

    def __len__(self) -> int:
        return len(self.squares)

    @property
    def logits(self) -> Floats:
        """Those of the scores, (n,)."""
        scores = self.candidates.scores.clip(*SCORE_RANGE)
        return np.asarray(np.log(scores / (1 - scores)), np.float32)

    def refined(self, logits: Floats, sides: Floats, threshold: float) -> Boxes:
        """The faces among them by a refiner's answers, logits (n,) and sides (n, 4), see ``Refiner.refine``."""
        scores = 0.5 + 0.5 * np.tanh((self.logits + logits) / 2)  # the logistic function
        sides = self.squares[:, [0, 1, 0, 1]] + sides * self.squares[:, 2:]
        best = np.argsort(-scores, kind="stable")
        best = best[((scores >= threshold) & (sides[:, :2] < sides[:, 2:]).all(axis=1))[best]]
        return Boxes(np.asarray(sides[best], np.float32), np.asarray(scores[best], np.float32))


def cut_out(pixels: Pixels, candidates: Boxes, side: float, size_px: int, least_px: float = 0) -> CutOut:
    """The best of the ``candidates``, each as a square of ``side`` heights of it, resized to ``size_px``."""
    heights = candidates.sides[:, 3] - candidates.sides[:, 1]
    squares = squares_around(candidates.sides, side, size_px)
    corners, (rows, columns) = squares[:, :2], pixels.shape
    inside = ((corners < (columns, rows)) & (corners + squares[:, 2:] > 0)).all(axis=1)
    fits = (heights >= least_px) & (heights <= (1 + 2 * BEYOND) * rows)
    chosen = np.flatnonzero(inside & fits)[:CANDIDATES_REFINED]
    squares = squares[chosen]
    cut = [cut_square(pixels, left, top, side_px, size_px) for left, top, side_px in squares.tolist()]
    kept = Boxes(candidates.sides[chosen], candidates.scores[chosen])
    return CutOut(kept, squares, np.array(cut, np.uint8).reshape(-1, size_px, size_px))


def squares_around(sides: Floats, heights: float, size_px: int) -> npt.NDArray[np.intp]:
    """The square around each box (n, 4): left, top and side in whole pixels, (n, 3); it has ``heights`` of the box.

    Halving reduces the side to ``size_px`` or somewhat more without a rest, as that is how ``cut_square`` is fast.
    """
    exact = sides.astype(np.float64)
    side_px = (heights * (exact[:, 3:] - exact[:, 1:2])).clip(SMALLEST_SQUARE_PX)
    step_px = np.exp2(np.floor(np.log2(side_px / size_px))).clip(1)
    side_px = step_px * np.rint(side_px / step_px)
    corners = np.rint((exact[:, :2] + exact[:, 2:] - side_px) / 2)
    return np.concatenate([corners, side_px], axis=1).astype(np.intp)


def normalised(crops: Pixels) -> Pixels:
    """Grey squares (n, side, side) with ``MEAN_GREY`` and ``SPREAD``, whatever the light."""
    return np.array([_normalised(crop) for crop in crops], np.uint8).reshape(crops.shape)


def _normalised(crop: Pixels) -> Pixels:
    (((mean,),), ((spread,),)) = cv2.meanStdDev(crop)
    # A table of all greys takes a ninth of the work that all pixels would.
    steps = np.rint((_GREYS - mean) * (SPREAD / max(spread, LEAST_SPREAD)) + MEAN_GREY)
    return np.asarray(cv2.LUT(crop, steps.clip(0, 255).astype(np.uint8)), np.uint8)
