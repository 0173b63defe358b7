"""Things that are drawn to resemble faces in some way; the kinds and how frequent each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from train.detector.synthesis import faceless, round_things, signs
from train.detector.synthesis.drawing import Pixels, Sprite, stretch
from train.detector.synthesis.pen import Drawing, Texture
from train.detector.synthesis.sprites import NO_FACES, Collection, light, pick

Kind: TypeAlias = Callable[[int, np.random.Generator, Texture], Drawing]

KINDS: Mapping[Kind, float] = {
    round_things.ball: 0.13,
    round_things.dial: 0.15,
    round_things.wheel: 0.05,
    round_things.rings: 0.08,
    round_things.coin: 0.09,
    round_things.lamp: 0.05,
    round_things.egg: 0.07,
    round_things.rosette: 0.03,
    signs.letters: 0.2,
    signs.text: 0.02,
    signs.sun: 0.03,
    signs.smiley: 0.012,
    signs.figure: 0.05,
    signs.window: 0.04,
    signs.spots: 0.05,
    faceless.hood: 0.09,
    faceless.hand: 0.05,
}
"""How frequent each kind is, in shares of the sum. Of the 29 false faces that decided the threshold of ``detector-1``,
ten were round things, six heads without a face and five letters."""

_SMALLEST_PX, _LARGEST_PX = 12, 130
"""Sides at which things are drawn; beyond them they are resized."""

_SOFT = 0.35
"""Share of the things that are drawn smaller and enlarged, as in a photograph without more detail."""


def drawn_thing(collection: Collection, size_px: float, random: np.random.Generator) -> Sprite:
    """One of ``KINDS``, 0.8 to 1.5 times as high as a face of ``size_px``."""
    shares = np.array(list(KINDS.values()))
    kind = list(KINDS)[int(random.choice(len(KINDS), p=shares / shares.sum()))]
    return draw(kind, collection, size_px * random.uniform(0.8, 1.5), random)


def draw(kind: Kind, collection: Collection, size_px: float, random: np.random.Generator) -> Sprite:
    """A thing of ``kind`` whose shorter side has ``size_px``."""
    side = float(np.clip(size_px, _SMALLEST_PX, _LARGEST_PX))
    if random.random() < _SOFT:
        side *= random.uniform(0.3, 0.8)
    pixels, alpha = kind(max(_SMALLEST_PX - 1, round(side)), random, texture(collection, random))
    scale = size_px / min(pixels.shape)
    pixels, alpha = (stretch(each, each.shape[1] * scale, each.shape[0] * scale) for each in (pixels, alpha))
    return Sprite(light(pixels, random) if random.random() < 0.6 else pixels, alpha, NO_FACES)


def texture(collection: Collection, random: np.random.Generator) -> Texture:
    """Pieces of the photographs without faces, half as large to three times as large as what they cover."""

    def piece(height: int, width: int) -> Pixels:
        pixels = pick(collection.empty, random).pixels
        scale = random.uniform(0.5, 3)
        rows, columns = (
            min(have, max(4, round(need * scale))) for have, need in zip(pixels.shape, (height, width), strict=True)
        )
        top, left = int(random.integers(len(pixels) - rows + 1)), int(random.integers(pixels.shape[1] - columns + 1))
        return stretch(pixels[top : top + rows, left : left + columns], width, height)

    return piece
