"""Heads without a face: seen from behind, hooded, or with a face that is taken away or hidden wholly; and hands."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Floats
from train.detector.synthesis.drawing import Pixels, Sprite, blend, oval, polygon, stretch
from train.detector.synthesis.pen import Drawing, Texture, ellipse, fill, grey, in_range
from train.detector.synthesis.sprites import NO_FACES, Collection, around, light, outline, pick


def faceless_head(collection: Collection, size_px: float, random: np.random.Generator, texture: Texture) -> Sprite:
    """A photograph of a head whose face, ``size_px`` high, nobody could see; mostly cut out like a head."""
    loose = collection.loose and random.random() < 0.15
    pixels, face = around(pick(collection.loose if loose else collection.heads, random), size_px)
    pixels = light(_hide(pixels, face, collection, random, texture), random)
    whole = random.random() < 0.4
    alpha = np.full_like(pixels, 255) if whole else outline(pixels.shape, face, random)
    return Sprite(pixels, alpha, NO_FACES)


def _hide(
    pixels: Pixels, face: Floats, collection: Collection, random: np.random.Generator, texture: Texture
) -> Pixels:
    width, height = (float(length) for length in face[2:] - face[:2])
    centre = float(face[0] + face[2]) / 2, float(face[1]) + 0.47 * height
    skin, kind = _skin(pixels, face), random.random()
    rows, columns = pixels.shape
    if kind < 0.3:  # smooth, lit from a side
        y, x = np.ogrid[:rows, :columns]
        across, down = random.uniform(-0.35, 0.35, 2)
        shade = 1 + across * (x - centre[0]) / width + down * (y - centre[1]) / height
        over = in_range(skin * random.uniform(0.7, 1.25) * shade)
    elif kind < 0.5:
        over = texture(rows, columns)
    elif kind < 0.58:
        over = np.full_like(pixels, grey(random, 0, 256))
    elif kind < 0.72:
        over = _hair((rows, columns), width, random)
    elif kind < 0.8:
        side = 2 * int(max(1, 0.35 * width)) + 1
        over = in_range(cv2.blur(pixels, (side, side)) * random.uniform(0.7, 1.2))
    else:
        return _behind(pixels, face, collection, random, texture)
    feather = random.uniform(0, 0.1) * height
    half = width * random.uniform(0.47, 0.62), height * random.uniform(0.52, 0.64)
    alpha = oval(pixels.shape, centre, half, feather)
    if random.random() < 0.15:
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        alpha = polygon(pixels.shape, centre + corners * half, feather)
    return blend(pixels, over, alpha)


def _behind(
    pixels: Pixels, face: Floats, collection: Collection, random: np.random.Generator, texture: Texture
) -> Pixels:
    """The face behind two hands or a thing, and what these leave of it smooth."""
    width, height = (float(length) for length in face[2:] - face[:2])
    centre = (face[:2] + face[2:]) / 2
    skin = np.full_like(pixels, round(_skin(pixels, face)))
    alpha = oval(pixels.shape, (float(centre[0]), float(centre[1])), (0.55 * width, 0.58 * height), 1)
    hidden = blend(pixels, skin, alpha)
    if collection.things and random.random() < 0.5:
        thing = collection.things[int(random.integers(len(collection.things)))]
        above, alpha = (stretch(each, 1.3 * width, 1.3 * height) for each in (thing.pixels, thing.alpha))
        _lay(hidden, above, alpha, centre)
        return hidden
    for side in (-1, 1):
        above, alpha = hand(max(10, round(height * random.uniform(0.8, 1.1))), random, texture)
        off = np.array([side * 0.22 * width, random.uniform(-0.1, 0.2) * height])
        _lay(hidden, above, alpha, centre + off)
    return hidden


def _lay(pixels: Pixels, above: Pixels, alpha: Pixels, centre: npt.NDArray[np.float64]) -> None:
    left, top = np.round(centre - np.array(above.shape[::-1]) / 2)
    Sprite(above, alpha, NO_FACES).lay(pixels, np.array([[1.0, 0, left], [0, 1.0, top]]))


def _skin(pixels: Pixels, face: Floats) -> float:
    left, top, right, bottom = (max(0, int(value)) for value in face)
    part = pixels[top : bottom + 1, left : right + 1]
    return float(part.mean()) if part.size else 120.0


def _hair(shape: tuple[int, int], width: float, random: np.random.Generator) -> Pixels:
    """Strands from top to bottom, a head of ``width`` wide."""
    strands = random.normal(0, 1, (4, max(3, int(width / 2)))).astype(np.float32)
    return in_range(random.uniform(10, 150) + random.uniform(4, 20) * cv2.resize(strands, shape[::-1]))


def hood(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """Hair, a hood, cap or helmet over neck and shoulders, drawn; sometimes with an opening that shows no face."""
    rows = columns = round(2.2 * side)
    middle, height, wide = columns / 2, 0.75 * side, 0.46 * side * random.uniform(0.85, 1.1)
    head, neck, body, ears = (np.zeros((rows, columns), np.uint8) for _ in range(4))
    half, top = side * random.uniform(0.75, 1.1), height + side * random.uniform(0.5, 0.75)
    ellipse(body, (middle, top + 0.9 * side), (half, 0.95 * side), 255, arc_deg=(180, 360))
    reach = side * random.uniform(0.2, 0.33)
    fill(neck, _band(middle, reach, height, top + 0.2 * side), 255)
    ellipse(head, (middle, height), (wide, 0.6 * side), 255)
    if random.random() < 0.35:  # long hair
        fill(head, _band(middle, wide, height, height + side * random.uniform(0.3, 1)), 255)
    if random.random() < 0.5:
        for ear in (middle - wide, middle + wide):
            ellipse(ears, (ear, height + 0.05 * side), (0.08 * side, 0.14 * side), 255)
    y, x = np.ogrid[:rows, :columns]
    across, skin = (x - middle) / (0.5 * side), random.uniform(60, 210)
    shine = (across - random.uniform(-0.5, 0.5)) ** 2 + ((y - height) / (0.6 * side) + random.uniform(0, 0.6)) ** 2
    hair = _hair((rows, columns), side, random) + random.uniform(-30, 50) * np.exp(-2 * shine)
    shade: npt.NDArray[np.float64] = np.full((rows, columns), float(grey(random)))
    if random.random() < 0.5:
        shade = 0.5 * shade + 0.5 * stretch(texture(side, side), columns, rows)
    shade = np.where((neck > 127) | (ears > 127), skin * (1 + 0.2 * across), shade)
    shade = np.where(head > 127, hair, shade)
    if random.random() < 0.3:
        opening = np.zeros_like(head)
        radii = side * random.uniform(0.25, 0.38), side * random.uniform(0.35, 0.48)
        ellipse(opening, (middle, height + side * random.uniform(0, 0.15)), radii, 255)
        dark, smooth = np.full_like(shade, random.uniform(0, 60)), skin * (1 + random.uniform(-0.4, 0.4) * across)
        cloth = stretch(texture(side, side), columns, rows)
        shade = np.where(opening > 127, (dark, dark, smooth, cloth)[int(random.integers(4))], shade)
    return in_range(shade), np.maximum.reduce([head, neck, body, ears])


def hand(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """Skin in rolls: a hand, a fist, an arm, a knee."""
    y, x = np.ogrid[:side, :side]
    angle, count, thick = random.uniform(0, 2 * np.pi), int(random.integers(2, 6)), side * random.uniform(0.07, 0.13)
    along = np.array([np.cos(angle), np.sin(angle)])
    across, middle, length = np.array([-along[1], along[0]]), np.full(2, side / 2), side * random.uniform(0.15, 0.4)
    rolls = [(middle - 0.15 * side * along, middle - 0.6 * side * along, side * random.uniform(0.12, 0.24))]
    rolls += [(middle, middle - 0.05 * side * along, side * random.uniform(0.16, 0.28))]
    for index in range(count):
        start = middle + across * (index - (count - 1) / 2) * 2.05 * thick
        spread = across * (index - count / 2) * side * random.uniform(-0.02, 0.05)
        rolls.append((start, start + along * length * random.uniform(0.7, 1.2) + spread, thick))
    alpha, shade = np.zeros((side, side)), np.zeros((side, side))
    for begin, end, radius in rolls:
        way = end - begin
        share = np.clip(((x - begin[0]) * way[0] + (y - begin[1]) * way[1]) / max(float(way @ way), 1e-3), 0, 1)
        away = np.hypot(x - begin[0] - share * way[0], y - begin[1] - share * way[1]) / radius
        inside = np.clip((1 - away) * radius + 0.5, 0, 1)
        shade = np.where(inside > 0, np.sqrt(np.clip(1 - away**2, 0, 1)), shade)
        alpha = np.maximum(alpha, inside)
    lit = 1 + random.uniform(-0.3, 0.3) * (x / side - 0.5)
    return in_range(random.uniform(60, 225) * (0.5 + 0.5 * shade) * lit), in_range(255 * alpha)


def _band(middle: float, half: float, top: float, bottom: float) -> list[tuple[float, float]]:
    return [(middle - half, top), (middle + half, top), (middle + half, bottom), (middle - half, bottom)]
