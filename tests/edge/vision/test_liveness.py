"""Faces drawn as coarse noise: what matters is whether they move, not what they show."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.records import Face, Pixels, Track
from edge.vision.liveness import CREDIT_S, PROOF_S, STILL_S, Liveness

FACE = Track(1, Face(280, 180, 340, 250, 0.9), True)
EVERY_S = 0.3

Light = npt.NDArray[np.float64]
Move = Callable[[float], tuple[float, float]]


def texture(size_px: tuple[int, int], seed: int) -> Pixels:
    width, height = size_px
    coarse = np.random.default_rng(seed).normal(128, 40, (height // 8, width // 8)).astype(np.float32)
    return cv2.resize(coarse, size_px, interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


ROOM, HEAD = texture((640, 480), 1), texture((80, 90), 2)


def still(_now_s: float) -> tuple[float, float]:
    return 0.0, 0.0


def sway(now_s: float) -> tuple[float, float]:
    return 1.5 * np.sin(1.3 * now_s), 1.0 * np.sin(2.1 * now_s)


def jump(now_s: float) -> tuple[float, float]:
    x, y = np.random.default_rng(round(1000 * now_s)).normal(0, 1.5, 2)
    return float(x), float(y)


def picture(now_s: float, head: Move, camera: Move = still, noise: float = 2.0, light: float | Light = 1.0) -> Pixels:
    scene = ROOM.copy()
    x, y = head(now_s)
    patch = cv2.warpAffine(HEAD, np.array([[1, 0, x], [0, 1, y]], np.float32), (80, 90), borderMode=cv2.BORDER_REFLECT)
    scene[170:260, 270:350] = patch
    shift = np.array([[1, 0, camera(now_s)[0]], [0, 1, camera(now_s)[1]]], np.float32)
    shaken = cv2.warpAffine(scene, shift, (640, 480), borderMode=cv2.BORDER_REPLICATE)
    grain = np.random.default_rng(round(1000 * now_s)).normal(0, noise, shaken.shape)
    return np.asarray(np.clip(light * shaken + grain, 0, 255), np.uint8)


def watch(seconds: float, draw: Callable[[float], Pixels]) -> tuple[Liveness, float | None]:
    """After so many seconds, and when the face was first alive."""
    liveness, proven_s = Liveness(), None
    for look in range(round(seconds / EVERY_S) + 1):
        now_s = look * EVERY_S
        liveness.look(draw(now_s), [FACE], now_s)
        if proven_s is None and liveness.is_alive(FACE, now_s):
            proven_s = now_s
    return liveness, proven_s


def test_a_head_that_sways_is_alive_within_two_seconds() -> None:
    _, proven_s = watch(3, lambda now_s: picture(now_s, sway))

    assert proven_s is not None
    assert PROOF_S <= proven_s <= 2


@pytest.mark.parametrize(
    "draw",
    [
        lambda now_s: picture(now_s, still),
        lambda now_s: picture(now_s, still, noise=8.0),
        lambda now_s: picture(now_s, still, light=1 + 0.2 * np.sin(20 * now_s)),
        lambda now_s: picture(now_s, still, light=1 + 0.3 * np.sin(np.linspace(0, 7, 640) + 2 * now_s)),
        lambda now_s: picture(now_s, still, sway),
        lambda now_s: picture(now_s, still, jump),
        lambda now_s: cv2.imdecode(cv2.imencode(".jpg", picture(now_s, still), [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 0),
    ],
    ids=[
        "in a quiet room",
        "in noise",
        "under flicker",
        "under light that wanders",
        "before a camera that sways",
        "before one that jumps",
        "in JPEG",
    ],
)
def test_a_poster_is_still(draw: Callable[[float], Pixels]) -> None:
    liveness, proven_s = watch(12, draw)

    assert proven_s is None
    assert liveness.is_still(FACE, 12.0)


def test_a_head_that_moves_against_a_camera_that_shakes_is_alive() -> None:
    _, proven_s = watch(6, lambda now_s: picture(now_s, lambda s: (3 * np.sin(s), 0), sway))

    assert proven_s is not None


def test_somebody_who_crosses_a_poster_does_not_bring_it_to_life() -> None:
    def draw(now_s: float) -> Pixels:
        image = picture(now_s, still)
        if now_s % 4 > 3.3:
            image[:, 260:330] = texture((70, 480), round(10 * now_s)).clip(0, 255).astype(np.uint8)[:, :70]
        return image

    _, proven_s = watch(20, draw)

    assert proven_s is None


def test_a_poster_that_was_covered_when_it_was_first_seen_does_not_come_to_life() -> None:
    def draw(now_s: float) -> Pixels:
        image = picture(now_s, still)
        if now_s < 0.5:
            image[170:260, 270:330] = texture((64, 96), 5).clip(0, 255).astype(np.uint8)[:90, :60]
        return image

    _, proven_s = watch(12, draw)

    assert proven_s is None


def test_while_people_hide_the_room_a_camera_that_shakes_brings_no_poster_to_life() -> None:
    def draw(now_s: float) -> Pixels:
        image = picture(now_s, still, jump)
        if 5 < now_s < 7.5:
            image[:, :250] = image[:, 370:620] = texture((256, 480), round(10 * now_s))[:, :250].clip(0, 255)
        return image

    liveness, proven_s = watch(12, draw)

    assert proven_s is None
    assert liveness.is_still(FACE, 12.0)


def test_somebody_before_a_plain_wall_is_alive_though_others_move_there_too() -> None:
    def draw(now_s: float) -> Pixels:
        image = np.full((480, 640), 90, np.uint8)
        body = texture((200, 240), 3).clip(0, 255).astype(np.uint8)
        left = round(60 + 20 * np.sin(now_s))
        image[240:, left : left + 200] = body
        image[170:260, 270:350] = picture(now_s, sway, noise=0)[170:260, 270:350]
        return image

    _, proven_s = watch(4, draw)

    assert proven_s is not None


def test_it_is_not_known_at_once_whether_a_face_is_still() -> None:
    liveness, _ = watch(3, lambda now_s: picture(now_s, still))

    assert not liveness.is_still(FACE, STILL_S - 0.1)
    assert liveness.is_still(FACE, STILL_S)


def test_a_proof_does_not_last() -> None:
    liveness, proven_s = watch(CREDIT_S + 9, lambda now_s: picture(now_s, sway if now_s < 3 else still))

    assert proven_s is not None
    assert liveness.is_alive(FACE, proven_s + CREDIT_S - 0.1)
    assert liveness.is_still(FACE, proven_s + CREDIT_S + RENEWED_LATEST_S)


RENEWED_LATEST_S = 12.0
"""The jump to the place where the head rests is a movement too, and may be the last proof."""


def test_after_a_pause_a_face_has_to_prove_itself_anew_and_no_pixel_is_kept() -> None:
    liveness, proven_s = watch(3, lambda now_s: picture(now_s, sway))

    liveness.forget()

    assert proven_s is not None
    assert not liveness.is_alive(FACE, 3.0)
    assert not liveness.is_still(FACE, 3.0 + STILL_S)
    assert vars(liveness) == vars(Liveness())


def test_a_track_that_was_never_seen_is_neither() -> None:
    liveness = Liveness()

    assert not liveness.is_alive(FACE, 0.0)
    assert not liveness.is_still(FACE, 0.0)


def test_before_a_plain_wall_the_camera_is_taken_to_stand_still() -> None:
    def draw(now_s: float) -> Pixels:
        image = np.full((480, 640), 90, np.uint8)
        image[170:260, 270:350] = picture(now_s, sway, noise=0)[170:260, 270:350]
        return image

    _, proven_s = watch(3, draw)

    assert proven_s is not None
