"""Which faces belong to living people: those that have moved, measured to a small part of a pixel.

A poster, a photograph or a statue stays where it is. People cannot: even somebody who sits still sways by more than
``MOVED``. Each face is compared with itself a moment ago, and the room with itself, which tells how the camera has
moved meanwhile; see ``shift.py``.

Only a patch of 32x32 pixels per face is kept, for as long as its track is, and a small picture of the room.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.records import Face, Pixels, Track
from edge.vision.shift import Change, Patch, Values, inner, whole_px

MOVED = 0.004
"""Shift in face heights that is a movement, a millimetre; ``make limits`` tries it in the noise of cameras and JPEG."""

CHANGED = 0.3
"""Part of a patch's contrast that differs after the shift: a face that turned, speaks, or is not there any more."""

PROOF_S = 1.0
"""How long a face must look different. Somebody who walks past a poster covers it for less, or hides it from the
detector."""

PROOF_LOOKS = 3
"""In how many looks at least."""

CALM_LOOKS = 2
"""Looks in a row without a difference after which it begins anew."""

MISSED_S = 0.75
"""A face that was not looked at for longer may have been covered, or the track has gone over to another."""

LOOK_EVERY_S = 0.2
"""Faces change little in less time."""

CREDIT_S = 30.0
"""How long a proof lasts. A track that has moved may be a poster that was covered for a while."""

RENEW_S = 10.0
"""How long after a proof the next is looked for."""

STILL_S = 10.0
"""A face that has been in view for so long without a proof is reported as still."""

SHAKES_PX = 0.3
"""A camera that has not moved by more lately is taken to stand still while people hide the room."""

_PATH_LOOKS = 8
"""In so many looks a living head goes on moving."""
_FACE_SIDE, _ROOM_WIDTH, _MARGIN_PX = 32, 128, 16
_CELLS = 8, 6
"""Parts of the room that vote on how the camera has moved, across and down."""
_SEES_PX = 0.5
"""Standard deviation of a shift up to which a part votes; plain walls do not."""
_LEAST_VOTES = 3
"""Fewer do not tell how the camera has moved."""
_MANY_VOTES = 16
"""Before a plainer wall it cannot be told that the room is hidden."""
_CHAOS = 4.0
"""Variance that is more than a plain wall's noise, in percent of the light, squared."""
_EXPLAINED = 0.3
"""Part of the energy of a part that may differ where a shift explains what became of it."""
_BETTER = 0.8
"""Part of what differs elsewhere that makes a vote."""
_TRIES = 3
_STEADY = 5
"""Looks in a row without a shake that are called lately."""
_PATIENCE = 10
"""Looks in a row without a view of the room, after which it has changed."""


@dataclass(frozen=True, slots=True)
class _Camera:
    """How far the image has moved to the right and down, and the standard deviation."""

    x_px: float = 0.0
    y_px: float = 0.0
    error_px: float = 0.0


class _Room:
    """The picture beside the people, with which later ones are compared."""

    def __init__(self, pixels: Pixels, faces: Sequence[Face], origin: _Camera) -> None:
        height, width = pixels.shape
        margin = min(_MARGIN_PX, width // 8, height // 8)
        size = width - 2 * margin, height - 2 * margin
        columns = min(_ROOM_WIDTH, size[0])
        self._small = columns, max(8, round(columns * size[1] / size[0]))
        self._patch = Patch(pixels, margin, margin, size, self._small)
        self._margin_px, self._origin, self._noise = margin, origin, math.inf
        self._walls = self._beside(faces)
        across, down = (np.arange(2, side - 2) * n // side for side, n in zip(self._small, _CELLS, strict=True))
        self._cells = (across[None, :] + _CELLS[0] * down[:, None]).ravel()

    def _beside(self, faces: Sequence[Face]) -> Values:
        """1 where there are no people, 0 at their heads and at what is below."""
        mask = np.ones(self._small[::-1], np.float32)
        for face in faces:
            width, height = face.width_px, face.height_px
            for aside, top, bottom in (
                (0.5, face.top_px - 0.5 * height, float(face.bottom_px)),
                (1.2, float(face.bottom_px), math.inf),
            ):
                left, right = face.left_px - aside * width, face.right_px + aside * width
                rows, columns = self._range(top, bottom), self._range(left, right)
                mask[rows, columns] = 0
        return inner(mask)

    def _range(self, from_px: float, to_px: float) -> slice:
        """Pixels of the image in those of the patch."""
        first, last = (
            min(max(0.0, (at_px - self._margin_px) / self._patch.zoom), self._small[0]) for at_px in (from_px, to_px)
        )
        return slice(int(first), int(last) + 1)

    def camera(self, pixels: Pixels, faces: Sequence[Face]) -> _Camera | None:
        """How the camera has moved; None if people or something else hide the room.

        Before a plain wall, and where the parts of the room disagree, it stands still.
        """
        mask = self._walls * self._beside(faces)
        stays, moves = self._compare(pixels, mask)
        within = max(abs(moves.x_px), abs(moves.y_px)) <= self._margin_px
        detail, energy, unlike, unlike_moved = (
            np.bincount(self._cells, mask * each, math.prod(_CELLS)).astype(np.float64)
            for each in (self._patch.detail, self._patch.values**2, stays.difference**2, moves.rest**2)
        )
        self._noise = min(self._noise, moves.variance)
        votes = self._patch.error_px(self._noise, detail) < _SEES_PX
        explained = np.minimum(unlike, unlike_moved) < _EXPLAINED * energy
        stayed = (votes & explained & (unlike < _BETTER * unlike_moved)).sum()
        moved = (votes & explained & (unlike_moved < _BETTER * unlike)).sum()
        if (votes & explained).sum() < max(votes.sum() / 2, 1):
            enough = _LEAST_VOTES if moves.variance > _CHAOS else _MANY_VOTES
            return None if votes.sum() >= enough else self._origin
        if within and moved >= _LEAST_VOTES and moved > 5 * stayed:
            return _Camera(self._origin.x_px + moves.x_px, self._origin.y_px + moves.y_px, moves.error_px)
        if votes.sum() < _LEAST_VOTES or stayed > moved:
            return self._origin
        unsure_px = max(moves.error_px, math.hypot(moves.x_px, moves.y_px) / 2)
        return _Camera(self._origin.x_px, self._origin.y_px, unsure_px)

    def _compare(self, pixels: Pixels, mask: Values) -> tuple[Change, Change]:
        """What became of the room, and the same looked for where it went: the estimate is exact below a pixel."""
        first = change = self._patch.compare(pixels, (0, 0), mask)
        at_px = 0, 0
        for _ in range(_TRIES):
            next_px = whole_px(change.x_px, change.y_px)
            if next_px == at_px or max(map(abs, next_px)) > self._margin_px:
                break
            at_px, change = next_px, self._patch.compare(pixels, next_px, mask)
        return first, change


@dataclass(slots=True)
class _Suspect:
    """What is known of one track."""

    first_s: float
    seen_s: float
    patch: Patch | None = None
    camera: _Camera = _Camera()
    looked_s: float = -math.inf
    different_s: float = 0.0
    looks: int = 0
    path: list[tuple[float, float]] = field(default_factory=list)
    calm: int = 0
    alive_until_s: float = -math.inf
    next_look_s: float = -math.inf


class Liveness:
    """Watches faces from one detection to the next. Used by one thread only; its clock is the frames'."""

    def __init__(self) -> None:
        self._suspects: dict[int, _Suspect] = {}
        self._room: _Room | None = None
        self._camera = _Camera()
        self._steady = 0
        self._unseen = 0
        self._looked_s = -math.inf

    def forget(self) -> None:
        """Keep nothing of any face or of the room: the camera was closed."""
        self.__init__()  # type: ignore[misc]

    def look(self, pixels: Pixels, tracks: Sequence[Track], now_s: float) -> None:
        """Take in a frame in which ``tracks`` were detected, not carried."""
        for track in tracks:
            self._suspects.setdefault(track.id, _Suspect(now_s, now_s)).seen_s = now_s
        self._suspects = {key: each for key, each in self._suspects.items() if now_s - each.seen_s <= CREDIT_S}
        due = [track for track in tracks if now_s >= self._suspects[track.id].next_look_s]
        if not due or now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        if not self._sees_room(pixels, [track.face for track in tracks]):
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

    def _sees_room(self, pixels: Pixels, faces: Sequence[Face]) -> bool:
        """Whether it is known how the camera has moved. Where it is not for long, all is looked at anew."""
        camera = None if self._room is None else self._room.camera(pixels, faces)
        if camera is not None:
            self._camera, self._unseen = camera, 0
            self._steady = self._steady + 1 if math.hypot(camera.x_px, camera.y_px) < SHAKES_PX else 0
            return True
        self._unseen += 1
        if self._room is not None and self._unseen <= _PATIENCE:
            return self._steady > _STEADY
        self._camera = _Camera(self._camera.x_px, self._camera.y_px)
        self._room, self._unseen = _Room(pixels, faces, self._camera), 0
        for suspect in self._suspects.values():
            suspect.patch, suspect.looks = None, 0
        return True

    def _look_at(self, suspect: _Suspect, pixels: Pixels, face: Face, now_s: float) -> None:
        missed = now_s - suspect.looked_s > MISSED_S
        suspect.looked_s = now_s
        if suspect.patch is None or missed:
            suspect.looks = 0
            self._refer(suspect, pixels, face)
            return
        camera_x, camera_y = self._camera.x_px - suspect.camera.x_px, self._camera.y_px - suspect.camera.y_px
        change = suspect.patch.compare(pixels, whole_px(camera_x, camera_y))
        x_px, y_px = change.x_px - camera_x, change.y_px - camera_y
        least_px = max(MOVED * suspect.patch.size_px[1], 3 * math.hypot(change.error_px, self._camera.error_px))
        changed = change.rest_share > CHANGED
        if math.hypot(x_px, y_px) <= least_px and not changed:
            suspect.calm += 1
            if suspect.calm >= CALM_LOOKS:
                suspect.looks = 0
            return
        if suspect.looks == 0:
            suspect.different_s, suspect.path = now_s, []
        suspect.looks, suspect.calm = suspect.looks + 1, 0
        suspect.path = [*suspect.path[1 - _PATH_LOOKS :], (x_px, y_px)]
        # A reference of the wrong place, because the camera was not seen then, would differ for ever.
        moves_on = changed or _extent(suspect.path) > least_px
        if changed:
            # If somebody covered the face then or covers it now, all that follows would differ from it.
            self._refer(suspect, pixels, face)
        if moves_on and now_s - suspect.different_s >= PROOF_S and suspect.looks >= PROOF_LOOKS:
            suspect.alive_until_s, suspect.next_look_s = now_s + CREDIT_S, now_s + RENEW_S
            suspect.patch, suspect.looks = None, 0

    def _refer(self, suspect: _Suspect, pixels: Pixels, face: Face) -> None:
        side = face.height_px
        left, top = (round(centre - side / 2) for centre in face.centre_px)
        suspect.patch = Patch(pixels, left, top, (side, side), (_FACE_SIDE, _FACE_SIDE))
        suspect.camera = self._camera


def _extent(path: list[tuple[float, float]]) -> float:
    """Diagonal of the rectangle in which a path stays."""
    across, down = zip(*path, strict=True)
    return math.hypot(max(across) - min(across), max(down) - min(down))
