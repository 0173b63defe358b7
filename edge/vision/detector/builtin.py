"""The built-in detector: a single-shot int8 network on luma, which runs where the classifier runs.

A second network, the refiner, may look at what it finds.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.errors import ModelError
from edge.model import int8
from edge.model.release import REFINER_FOLDER, Network, Release, read_release
from edge.model.resize import resized
from edge.records import Face, Pixels
from edge.vision.detector.box import clip_box
from edge.vision.detector.decode import NO_BOXES, Boxes, decode, suppress
from edge.vision.detector.letterbox import letterbox
from edge.vision.detector.manifest import DetectorManifest, map_shapes
from edge.vision.detector.refiner import PART, Refiner, RefinerManifest
from edge.vision.detector.tiles import merge, plan_looks, seen_whole, usual_scale
from edge.vision.detector.windows import ALONE, REFINED, Look, Sight, Size, plan_windows
from edge.vision.movement import Cells

PACKAGED_DETECTOR = Path(__file__).parents[2] / "models" / "face"
"""The release in the package."""


@dataclass(frozen=True, slots=True)
class DetectorRelease(Release[DetectorManifest]):
    """The release of a detector, and that of its second stage if it has one."""

    refiner: Release[RefinerManifest] | None = None

    @property
    def name(self) -> str:
        """Its id, and that of the refiner."""
        return f"{self.manifest.id} with refiner {self.refiner.name}" if self.refiner else self.manifest.id


def load_detector(folder: Path, public_key: Path | None = None) -> DetectorRelease:
    """Read the release of a detector, see ``read_release``; its signature covers the refiner, which it names."""
    release = read_release(folder, DetectorManifest, public_key)
    sha256 = release.manifest.refiner_sha256
    refiner = read_release(folder / REFINER_FOLDER, RefinerManifest, sha256=sha256) if sha256 else None
    return DetectorRelease(release.manifest, release.model, release.edgetpu, refiner)


LEAST_SHARE = 0.7
"""Of ``min_face_px``: what is lower is not refined, as it would hardly become high enough."""


def input_sizes(whole: Size, stride: int, sight: Sight) -> tuple[Size, ...]:
    """The sizes of input that are used, smallest first: multiples of the largest stride."""

    def part(side: int, share: float) -> int:
        return min(side, stride * math.ceil(max(share * side, sight.smallest_px) / stride))

    return tuple(dict.fromkeys((part(whole[0], share), part(whole[1], share)) for share in sight.shares))


class BuiltinDetector:
    """A released detector that looks at a frame as a whole and, if that is large, at tiles of it, see ``plan_looks``.

    With ``max_looks`` tiles take turns: each frame is looked at as a whole and in as many tiles as that leaves, and
    what the other tiles showed last still holds, for as long as frames keep their shape. Where it is known what has
    moved, only that is looked at, see ``plan_windows``. What a look of a release with a refiner shows are candidates,
    which are refined before anything else is made of them.

    Attributes:
        manifest: the release's manifest.
        release: what it runs.
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
        self.release, self._threads = release, threads
        network = Network(release, threads=threads, delegate=delegate)
        self.device = network.device
        self.name, self.crop_rule = self.manifest.id, self.manifest.crop
        _, height, width, _ = self.manifest.input.shape
        self._networks = {(height, width): network}
        refiner = release.refiner if isinstance(release, DetectorRelease) else None
        self._refiner = Refiner(refiner, threads=threads, delegate=delegate) if refiner else None
        self._sight = REFINED if refiner else ALONE
        self._sizes: tuple[Size, ...] = ((height, width),)
        if delegate is None:  # an accelerator takes the whole input only
            with contextlib.suppress(ModelError):  # so does a network that is not fully convolutional
                sizes = input_sizes((height, width), max(self.manifest.strides), self._sight)
                for size in sizes:  # now, as what only the start needs is given back soon
                    self._network(size)
                self._sizes = sizes
        self._min_face_px, self._max_looks = min_face_px, max_looks
        self._shape = 0, 0
        self._looks: tuple[Look, ...] = ()
        self._known = NO_BOXES
        self._next = 0
        self.too_small: tuple[Face, ...] = ()
        self.unsure: tuple[Face, ...] = ()

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
        """Faces of one grey frame that are at least ``min_face_px`` high, best first.

        The others are ``too_small`` or ``unsure``.
        """
        boxes = self.find(pixels, moved)
        clipped = (
            clip_box(pixels, sides, score)
            for sides, score in zip(boxes.sides.tolist(), boxes.scores.tolist(), strict=True)
        )
        found = [face for face in clipped if face]
        faces = [face for face in found if face.confidence >= self.manifest.threshold]
        self.too_small = tuple(face for face in faces if face.height_px < self._min_face_px)
        self.unsure = tuple(face for face in found[len(faces) :] if face.height_px >= self._min_face_px)
        return tuple(face for face in faces if face.height_px >= self._min_face_px)

    def find(self, pixels: Pixels, moved: Cells | None = None) -> Boxes:
        """All boxes down to ``keep_threshold`` before any is rounded, clipped or left out: in pixels of the frame.

        ``moved`` are the cells that differ from the frame before; None looks everywhere.
        """
        if pixels.shape != self._shape:
            self._shape, self._known, self._next, moved = (pixels.shape[0], pixels.shape[1]), NO_BOXES, 0, None
            self._looks = self._plan()
        whole, *tiles = self._looks
        turns = len(tiles) if self._max_looks is None else min(len(tiles), self._max_looks - 1)
        due = [whole, *(tiles[(self._next + turn) % len(tiles)] for turn in range(turns))]
        if moved is not None and not moved.all() and self._find_moved(pixels, moved, due):
            turns = len(due[1:2])
        else:
            if turns == len(tiles):
                self._known = NO_BOXES
            self._look_at(pixels, due)
        self._next = (self._next + turns) % max(1, len(tiles))
        return self._known

    def _find_moved(self, pixels: Pixels, moved: Cells, due: Sequence[Look]) -> bool:
        """Look where something has moved, and at the next tile; false if the looks that are ``due`` anyway cost no
        more, or if a face is lost by it.
        """
        tile, most = due[1:2], sum(look.cost for look in (due[0], *due[2:]))
        known, closest = self._known.sides, self._looks[-1].scale
        looks = plan_windows(moved, self._shape, known, self._sizes, self._sight, closest, self._min_face_px, most)
        if looks is None:
            return False
        before = np.count_nonzero(self._known.scores >= self.manifest.threshold)
        self._look_at(pixels, (*looks, *tile))
        return bool(len(self._known) >= before)

    def _look_at(self, pixels: Pixels, looks: Sequence[Look]) -> None:
        """What they show now is known; what none of them would find again stays."""
        closest = self._looks[-1].scale
        stays = np.ones(len(self._known), bool)
        for look in looks:
            stays &= ~look.answers(self._known.sides, self._shape, closest, self._sight.least_px)
        seen = [seen_whole(self._look(pixels, look), look.tile, self._shape) for look in looks]
        kept = Boxes(self._known.sides[stays], self._known.scores[stays])
        self._known = merge([kept, *seen], self.manifest.max_overlap)

    def _plan(self) -> tuple[Look, ...]:
        """The looks at all of a frame. Where only large faces are asked for, one is by the smallest input for them."""
        full = self._sizes[-1]
        whole, *tiles = plan_looks(self._shape, full, self._min_face_px)
        size, least = full, self._sight.sure_px / self._min_face_px
        if not tiles and least < usual_scale(full):
            size = next((each for each in self._sizes if whole.scale(each) >= least), full)
        return Look(whole, size), *(Look(tile, full) for tile in tiles)

    @property
    def input_px(self) -> Size:
        """Height and width of the input that shows the whole of a frame like the last one."""
        return self._looks[0].input_px

    @property
    def looks(self) -> int:
        """How often the network would have to run to look at all of a frame like the last one."""
        return len(self._looks)

    @property
    def looks_at_once(self) -> int:
        """How often it runs for one frame like the last one; tiles that are left take their turn in later frames."""
        return self.looks if self._max_looks is None else min(self.looks, self._max_looks)

    def _look(self, pixels: Pixels, look: Look) -> Boxes:
        """Boxes in pixels of the frame."""
        manifest = self.manifest
        image, scale = letterbox(look.tile.of(pixels), *look.input_px)
        steps = self._network(look.input_px).run(image[np.newaxis, :, :, np.newaxis])
        maps = [
            int8.dequantize(each[0], spec.scale, spec.zero_point)
            for each, spec in zip(steps, manifest.outputs, strict=True)
        ]
        count = len(manifest.strides)
        least = manifest.candidate_threshold if self._refiner else manifest.keep_threshold
        found = decode(maps[:count], maps[count:], manifest.strides, least, manifest.max_overlap)
        corner = np.array([look.tile.left_px, look.tile.top_px] * 2, np.float32)
        boxes = Boxes(found.sides / scale + corner, found.scores)
        if self._refiner is None:
            return boxes
        least_px = LEAST_SHARE * self._min_face_px
        refined = self._refiner.refine(pixels, boxes, least_px, manifest.keep_threshold)
        return suppress(refined, manifest.max_overlap, PART)

    def _network(self, size: Size) -> Network[DetectorManifest]:
        """The network for images of this height and width."""
        if size not in self._networks:
            manifest, model = self.manifest, self.release.model
            shape = (1, *size, 1)
            outputs = zip(manifest.outputs, map_shapes(shape, manifest.strides), strict=True)
            smaller = replace(
                manifest,
                input=replace(manifest.input, shape=shape),
                outputs=tuple(replace(output, shape=each) for output, each in outputs),
                golden=(),  # that of the whole input has been checked
            )
            release = Release(smaller, resized(model, (manifest.input.shape[1], manifest.input.shape[2]), size))
            self._networks[size] = Network(release, threads=self._threads)
        return self._networks[size]
