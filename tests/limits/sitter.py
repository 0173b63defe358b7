"""Somebody who hardly moves, drawn from a portrait: the head sways before the body, and the eyes blink."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Pixels

_FACE_MM = 230
_BLINK_EVERY_S, _BLINK_S = 4.0, 0.2


@dataclass(frozen=True)
class Sitter:
    """A portrait with its face (left, top, width, height), where the face is in the picture, and how it sways."""

    portrait: Pixels
    face: tuple[float, float, float, float]
    at_px: tuple[float, float]
    height_px: float
    sway_mm: float
    phases: npt.NDArray[np.float64]

    def draw(self, picture: npt.NDArray[np.float32], now_s: float) -> None:
        """Put body and head where they are now."""
        left, top, width, height = self.face
        down, across = np.mgrid[: self.portrait.shape[0], : self.portrait.shape[1]]
        body = (down > top + 0.9 * height).astype(np.float32)
        from_middle = ((across - left - width / 2) / (0.75 * width)) ** 2 + (
            (down - top - height / 2) / (0.8 * height)
        ) ** 2
        head = np.clip((1.1 - from_middle) / 0.15, 0, 1).astype(np.float32)
        self._paste(picture, self.portrait, body, 0, 0, 0)
        one, two, three, four, five, blinks = self.phases
        sway_px = self.sway_mm / _FACE_MM * self.height_px
        x = sway_px * (0.8 * np.sin(2 * np.pi * 0.23 * now_s + one) + 0.4 * np.sin(2 * np.pi * 0.61 * now_s + two))
        y = sway_px * (0.6 * np.sin(2 * np.pi * 0.27 * now_s + three) + 0.3 * np.sin(2 * np.pi * 0.11 * now_s + four))
        turn = np.radians(0.1 * self.sway_mm) * np.sin(2 * np.pi * 0.17 * now_s + five)
        is_shut = (now_s + blinks) % _BLINK_EVERY_S < _BLINK_S
        self._paste(picture, self._blink() if is_shut else self.portrait, head, x, y, turn)

    def _blink(self) -> Pixels:
        left, top, width, height = self.face
        eyes = np.s_[int(top + 0.36 * height) : int(top + 0.46 * height) + 1, max(int(left), 0) : int(left + width)]
        shut = self.portrait.copy()
        shut[eyes] = cv2.blur(self.portrait, (1, max(1, int(0.2 * height))))[eyes]
        return shut

    def _paste(
        self,
        picture: npt.NDArray[np.float32],
        image: Pixels,
        mask: npt.NDArray[np.float32],
        x: float,
        y: float,
        turn: float,
    ) -> None:
        left, top, width, height = self.face
        scale = self.height_px / height
        matrix = scale * np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]])
        matrix[:, 2] = np.add(self.at_px, (x, y)) - matrix[:, :2] @ (left + width / 2, top + height / 2)
        size = picture.shape[1], picture.shape[0]
        drawn = cv2.warpAffine(image.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.warpAffine(mask, matrix, size)
        picture += share * (drawn - picture)
