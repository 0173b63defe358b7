"""Which faces belong to living people: those that have moved, measured to a small part of a pixel.

A poster, a photograph or a statue stays where it is. People cannot: even somebody who sits still sways by more than
``MOVED``. Each face is compared with itself a moment ago by least squares (Lucas and Kanade 1981, one step): shift,
gain and slope of the light are estimated together, so flicker and shadows are no movement. Squares of the background
tell how the camera shakes, which is subtracted.

Only a patch of 32x32 pixels per face is kept, for as long as its track is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Face, Pixels, Track

MOVED = 0.004
"""Shift in face heights that is a movement, a millimetre; ``make limits`` tries it in the noise of cameras and JPEG."""

CHANGED = 0.3
"""Part of a patch's contrast that differs after the shift: a face that turned, speaks, or is not there any more."""

PROOF_S = 1.0
"""How long a face must look different without a break. Somebody who walks past a poster covers it for less, or hides it
from the detector."""

PROOF_LOOKS = 3
"""In how many detections at least."""

CREDIT_S = 30.0
"""How long a proof lasts. A track that has moved may be a poster that was covered for a while."""

RENEW_S = 10.0
"""How long after a proof the next is looked for."""

STILL_S = 10.0
"""A face that has been in view for so long without a proof is reported as still."""

_SIDE = 32
_BLOCK_PX, _BLOCKS, _AGREE, _MIN_CONTRAST = 64, 6, 3, 10
SHAKES_PX = 0.3
"""A camera that never moved by more is taken to stand still while people hide the background."""
_PATIENCE = 10
"""Detections in a row without a view of the background, after which another part of it is chosen."""
_INNER = np.s_[2:-2, 2:-2]

_Patch = npt.NDArray[np.float32]
_ramp = np.linspace(-1, 1, _SIDE, dtype=np.float32)
_SLOPES = [
    np.broadcast_to(_ramp, (_SIDE, _SIDE))[_INNER].ravel(),
    np.broadcast_to(_ramp[:, None], (_SIDE, _SIDE))[_INNER].ravel(),
]


@dataclass(frozen=True, slots=True)
class _Change:
    """A patch against a later one: the shift and its standard deviation in pixels of the image, what differs beyond."""

    x_px: float
    y_px: float
    error_px: float
    rest: float


class _Reference:
    """A square of the image, ready to be compared with the same square later."""

    def __init__(self, pixels: Pixels, left: int, top: int, side_px: int) -> None:
        self.left, self.top, self.side_px = left, top, side_px
        patch = self._cut(pixels, 0, 0)
        inner = patch[_INNER].ravel()
        self.contrast = float(inner.std())
        slope_x = cv2.Sobel(patch, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)[_INNER].ravel()
        slope_y = cv2.Sobel(patch, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)[_INNER].ravel()
        self._patch = inner
        self._terms = np.stack(
            [-slope_x, -slope_y, inner - inner.mean(), np.ones_like(inner), *(inner * slope for slope in _SLOPES)]
        )
        self._inverse = np.linalg.pinv((self._terms @ self._terms.T).astype(np.float64))

    def _cut(self, pixels: Pixels, x_px: int, y_px: int) -> _Patch:
        height, width = pixels.shape
        side = self.side_px
        left, top = min(max(self.left + x_px, 0), width - 1), min(max(self.top + y_px, 0), height - 1)
        square = pixels[top : top + side, left : left + side]
        small = cv2.resize(square, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.0).astype(np.float32, copy=False)

    def compare(self, pixels: Pixels, x_px: int = 0, y_px: int = 0) -> _Change:
        """What became of the square; look for it at this offset."""
        difference = self._cut(pixels, x_px, y_px)[_INNER].ravel() - self._patch
        fit = self._inverse @ (self._terms @ difference)
        rest = difference - fit @ self._terms
        # Blurring makes neighbours alike, so that there are fewer independent pixels than pixels: hence the 3.
        variance = float(rest @ rest) / len(rest)
        error = math.sqrt(3 * variance * max(self._inverse[0, 0], self._inverse[1, 1], 0))
        scale = self.side_px / _SIDE
        return _Change(
            x_px + scale * fit[0], y_px + scale * fit[1], scale * error, math.sqrt(variance) / (self.contrast + 1)
        )


class _Backdrop:
    """Squares of the background with the most contrast, which tell how the camera has moved since."""

    def __init__(self, pixels: Pixels, faces: Sequence[Face], origin_px: tuple[float, float]) -> None:
        height, width = pixels.shape
        places = [
            # Beside people first: a body sways with its head.
            (
                not any(_covers(face, left, top, height) for face in faces),
                float(pixels[top : top + _BLOCK_PX : 4, left : left + _BLOCK_PX : 4].std()),
                left,
                top,
            )
            for top in range(0, height - _BLOCK_PX + 1, _BLOCK_PX)
            for left in range(0, width - _BLOCK_PX + 1, _BLOCK_PX)
            if pixels[top : top + _BLOCK_PX : 4, left : left + _BLOCK_PX : 4].std() >= _MIN_CONTRAST
            and not any(_covers(face, left, top, face.bottom_px) for face in faces)
        ]
        self._squares = [
            _Reference(pixels, left, top, _BLOCK_PX) for _, _, left, top in sorted(places, reverse=True)[:_BLOCKS]
        ]
        self._origin_px = origin_px
        self._whole_px = (0, 0)

    def shift_px(self, pixels: Pixels) -> tuple[float, float] | None:
        """How far the image has moved; None if the background cannot be seen. A plain wall is taken to stand still."""
        if len(self._squares) < _AGREE:
            return self._origin_px
        # The estimate is exact below a pixel: look again where the one before says.
        for error_px in (1.0, 0.5, 0.25):
            changes = [square.compare(pixels, *self._whole_px) for square in self._squares]
            seen = [change for change in changes if change.error_px < error_px and change.rest < CHANGED]
            if len(seen) < _AGREE:
                self._whole_px = (0, 0)
                return None
            x_px, y_px = median(change.x_px for change in seen), median(change.y_px for change in seen)
            if median(math.hypot(change.x_px - x_px, change.y_px - y_px) for change in seen) > SHAKES_PX:
                return None  # they are people or leaves, which move each in its own way
            before, self._whole_px = self._whole_px, (round(x_px), round(y_px))
            if before == self._whole_px:
                break
        return self._origin_px[0] + x_px, self._origin_px[1] + y_px


def _covers(face: Face, left: int, top: int, down_to_px: int) -> bool:
    """Whether a face, and what is below it down to a row, may be in the square at this place."""
    return (
        left < face.right_px + face.width_px / 2
        and left + _BLOCK_PX > face.left_px - face.width_px / 2
        and top < down_to_px
        and top + _BLOCK_PX > face.top_px - face.height_px / 2
    )


@dataclass(slots=True)
class _Suspect:
    """What is known of one track."""

    first_s: float
    seen_s: float
    reference: _Reference | None = None
    camera_px: tuple[float, float] = (0.0, 0.0)
    different_s: float | None = None
    looks: int = 0
    alive_until_s: float = -math.inf
    next_look_s: float = -math.inf


class Liveness:
    """Watches faces from one detection to the next. Used by one thread only; its clock is the frames'."""

    def __init__(self) -> None:
        self._suspects: dict[int, _Suspect] = {}
        self._backdrop: _Backdrop | None = None
        self._camera_px = (0.0, 0.0)
        self._shakes = False
        self._unseen = 0

    def forget(self) -> None:
        """Keep nothing of any face or of the room: the camera was closed."""
        self._suspects, self._backdrop, self._unseen = {}, None, 0

    def look(self, pixels: Pixels, tracks: Sequence[Track], now_s: float) -> None:
        """Take in a frame in which ``tracks`` were detected, not carried."""
        for track in tracks:
            self._suspects.setdefault(track.id, _Suspect(now_s, now_s)).seen_s = now_s
        self._suspects = {key: each for key, each in self._suspects.items() if now_s - each.seen_s <= CREDIT_S}
        due = [track for track in tracks if now_s >= self._suspects[track.id].next_look_s]
        if not due:
            return
        if not self._sees_background(pixels, [track.face for track in tracks]):
            return
        for track in due:
            self._look_at(self._suspects[track.id], pixels, track.face, now_s)

    def is_alive(self, track: Track, now_s: float) -> bool:
        """Whether the face has moved lately."""
        suspect = self._suspects.get(track.id)
        return suspect is not None and now_s < suspect.alive_until_s

    def is_still(self, track: Track, now_s: float) -> bool:
        """Whether it has had the time to move and did not."""
        suspect = self._suspects.get(track.id)
        return suspect is not None and now_s >= max(suspect.alive_until_s, suspect.first_s + STILL_S)

    def _sees_background(self, pixels: Pixels, faces: Sequence[Face]) -> bool:
        """Whether it is known how the camera has moved. Where it is not for long, all is looked at anew."""
        shift = None if self._backdrop is None else self._backdrop.shift_px(pixels)
        if shift is not None:
            self._camera_px, self._unseen = shift, 0
            self._shakes |= math.hypot(*shift) > SHAKES_PX
            return True
        self._unseen += 1
        if self._backdrop is not None and self._unseen <= _PATIENCE:
            return not self._shakes
        self._backdrop, self._unseen = _Backdrop(pixels, faces, self._camera_px), 0
        for suspect in self._suspects.values():
            suspect.reference, suspect.different_s, suspect.looks = None, None, 0
        return True

    def _look_at(self, suspect: _Suspect, pixels: Pixels, face: Face, now_s: float) -> None:
        if suspect.reference is None:
            self._refer(suspect, pixels, face)
            return
        camera_x, camera_y = (now - then for now, then in zip(self._camera_px, suspect.camera_px, strict=True))
        change = suspect.reference.compare(pixels, round(camera_x), round(camera_y))
        moved = math.hypot(change.x_px - camera_x, change.y_px - camera_y)
        size = suspect.reference.side_px
        if not (moved > max(MOVED * size, 3 * change.error_px) or change.rest > CHANGED):
            suspect.different_s, suspect.looks = None, 0
            return
        suspect.looks += 1
        if suspect.different_s is None:
            suspect.different_s = now_s
        if now_s - suspect.different_s >= PROOF_S and suspect.looks >= PROOF_LOOKS:
            suspect.alive_until_s, suspect.next_look_s = now_s + CREDIT_S, now_s + RENEW_S
            suspect.reference, suspect.different_s, suspect.looks = None, None, 0

    def _refer(self, suspect: _Suspect, pixels: Pixels, face: Face) -> None:
        side = face.height_px
        left, top = (round(centre - side / 2) for centre in face.centre_px)
        suspect.reference, suspect.camera_px = _Reference(pixels, left, top, side), self._camera_px
