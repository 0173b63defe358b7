"""Flat things, drawn, that a detector takes for faces: letters, pictograms, drawn suns, windows, spots.

Each function takes the side in pixels, a generator and a texture to print on it.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from train.detector.synthesis import pen
from train.detector.synthesis.drawing import Pixels, stretch
from train.detector.synthesis.pen import Drawing, Texture, circle, ellipse, fill, grey, grid, in_range
from train.detector.synthesis.round_things import disc

_TURN = 2 * np.pi

_ROUND = "OQ0Gao6989B8@&egnm3S"
"""Letters and digits that were taken for faces, or resemble them."""


def letters(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """One to six letters or digits, filled or as an outline, alone or on a plate; each as high as a face."""
    ink, paper = pen.two_greys(random)
    count = 1 if random.random() < 0.45 else int(random.integers(2, 7))
    any_ = pen.some_text(random, "0", "z", count, count + 1)
    written = "".join(random.choice(list(_ROUND), count)) if random.random() < 0.5 else any_
    printed = np.zeros((side, round(side * (0.7 * count + 0.4))), np.uint8)
    middle = printed.shape[1] / 2, side / 2
    pen.write(printed, written, middle, 0.7 * side, 255, random, bold=random.uniform(0, 0.3))
    if random.random() < 0.15:
        edge = cv2.dilate(printed, np.ones((3, 3), np.uint8), iterations=max(1, side // 24))
        printed = in_range(edge.astype(np.int16) - printed)
    if random.random() < 0.35:
        return np.full_like(printed, ink), printed
    plate = np.full(printed.shape, paper, np.float32)
    if random.random() < 0.35:
        plate = stretch(texture(side, side), printed.shape[1], side).astype(np.float32)
    if random.random() < 0.4:
        plate += np.linspace(random.uniform(-40, 40), random.uniform(-40, 40), printed.shape[1], dtype=np.float32)
    share = printed / np.float32(255)
    pixels = in_range(plate * (1 - share) + ink * share)
    if random.random() < 0.2:
        cv2.rectangle(pixels, (1, 1), (pixels.shape[1] - 2, side - 2), ink, max(1, side // 20))
    return pixels, np.full_like(pixels, 255)


def text(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """Lines of small writing: a label, a page, a notice."""
    ink, paper = pen.two_greys(random)
    pixels, line = (
        np.full((side, round(side * random.uniform(0.7, 2))), paper, np.uint8),
        side * random.uniform(0.1, 0.25),
    )
    while line < 0.95 * side:
        high = side * random.uniform(0.08, 0.28)
        words = "".join(" " if random.random() < 0.15 else each for each in pen.some_text(random, "a", "z", 3, 12))
        pen.write(pixels, words, (pixels.shape[1] / 2, line), high, ink, random)
        line += high * random.uniform(1.3, 2)
    return pixels, np.full_like(pixels, 255)


def sun(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """A drawn sun, flower or cog, on paper or cut out; one in eight smiles."""
    ink, paper = pen.two_greys(random)
    pixels, alpha = np.full((side, side), paper, np.uint8), np.zeros((side, side), np.uint8)
    centre, reach, radius = (side / 2, side / 2), 0.475 * side, side * random.uniform(0.18, 0.33)
    count, first, kind = int(random.integers(6, 24)), random.uniform(0, _TURN), random.random()
    hollow, width = random.random() < 0.5, side * random.uniform(0.015, 0.05)
    for image, colour in ((pixels, ink), (alpha, 255)):
        for index in range(count):
            angle = first + _TURN * index / count
            start, end = pen.around(centre, angle, 1.1 * radius), pen.around(centre, angle, reach)
            if kind < 0.45:
                pen.line(image, start, end, colour, width)
            elif kind < 0.75:
                feet = [pen.around(centre, angle + turn, radius) for turn in (-2.5 / count, 2.5 / count)]
                fill(image, [*feet, end], colour)
            else:
                circle(image, start, 2.8 * radius / count, colour)
        circle(image, centre, radius, colour, width if hollow else -1)
    if not hollow and random.random() < 0.6:
        circle(pixels, centre, radius * random.uniform(0.5, 0.95), grey(random))
    if random.random() < 0.12:
        _add_smile(pixels, radius, random)
    return pixels, alpha if random.random() < 0.5 else np.full_like(alpha, 255)


def smiley(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """Two dots and a mouth: a drawn face is nobody."""
    ink, paper = pen.two_greys(random)
    pixels = np.full((side, side), paper, np.uint8)
    if random.random() < 0.7:
        circle(pixels, (side / 2, side / 2), 0.46 * side, ink, side * random.uniform(0.015, 0.06))
    _add_smile(pixels, 0.48 * side, random)
    return pixels, disc(side, random)


def figure(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """A round head on a body without features: a pictogram, keyhole, skittle, bottle."""
    rows, columns = round(1.8 * side), round(1.5 * side)
    alpha, middle, radius = np.zeros((rows, columns), np.uint8), columns / 2, side * random.uniform(0.3, 0.48)
    ellipse(alpha, (middle, radius + 2), (radius * random.uniform(0.7, 1), radius), 255)
    half, top = side * random.uniform(0.35, 0.75), radius + 2 + radius * random.uniform(0.8, 1.3)
    ellipse(alpha, (middle, top + half), (half, half), 255, arc_deg=(180, 360))
    fill(alpha, _box(middle - half, top + half, middle + half, rows), 255)
    if random.random() < 0.6:
        fill(alpha, _box(middle - 0.45 * radius, radius, middle + 0.45 * radius, top + half), 255)
    shade = np.full((rows, columns), grey(random), np.float32)
    if random.random() < 0.4:
        shade = stretch(texture(side, side), columns, rows).astype(np.float32)
    if random.random() < 0.5:
        shade *= np.linspace(random.uniform(0.5, 1.4), random.uniform(0.5, 1.4), columns, dtype=np.float32)
    if random.random() < 0.35:
        y, x = np.ogrid[:rows, :columns]
        off = random.uniform(-0.4, 0.4, 2) * radius
        light = ((x - middle - off[0]) / radius) ** 2 + ((y - radius - 2 - off[1]) / radius) ** 2
        shade = shade + random.uniform(30, 110) * np.exp(-2 * light)
    return in_range(shade), alpha


def window(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """Frames in frames: a window, a radio, a socket, or a pattern of squares, often the same on both sides."""
    rows, columns = round(side * random.uniform(0.8, 1.3)), round(side * random.uniform(0.6, 1.5))
    ink, paper = pen.two_greys(random)
    pixels, kind = np.full((rows, columns), paper, np.uint8), random.random()
    if kind < 0.5:
        border = max(1, round(side * random.uniform(0.03, 0.1)))
        pixels[:border] = pixels[-border:] = ink
        pixels[:, :border] = pixels[:, -border:] = ink
        down, across = (np.linspace(0, length, random.integers(2, 5)).astype(int) for length in pixels.shape)
        for top, bottom in itertools.pairwise(down):
            for left, right in itertools.pairwise(across):
                pane = pixels[top + border : bottom - border, left + border : right - border]
                if pane.size:
                    glass = random.random() < 0.5
                    pane[...] = stretch(texture(16, 16), pane.shape[1], pane.shape[0]) if glass else grey(random)
    elif kind < 0.75:
        count = int(random.integers(3, 9))
        squares = random.random((count, count)) < 0.5
        if random.random() < 0.5:
            squares |= squares[:, ::-1]
        colours = np.where(squares, ink, paper).astype(np.uint8)
        pixels = np.asarray(cv2.resize(colours, (columns, rows), interpolation=cv2.INTER_NEAREST), np.uint8)
    else:
        for _ in range(random.integers(2, 8)):
            left, top = random.uniform(0, columns), random.uniform(0, rows)
            right, bottom = left + random.uniform(1, columns / 2 + 2), top + random.uniform(1, rows / 2 + 2)
            fill(pixels, _box(left, top, right, bottom), grey(random))
            if random.random() < 0.5:
                place = random.uniform(0, columns), random.uniform(0, rows)
                circle(pixels, place, side * random.uniform(0.03, 0.18), grey(random), random.choice((-1, 1)))
    return pixels, np.full_like(pixels, 255)


def spots(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """Soft light and dark: leaves, stains, smoke, folds."""
    count = int(random.integers(3, 9))
    heights = random.normal(0, 1, (count, count)).astype(np.float32)
    if random.random() < 0.4:
        heights += heights[:, ::-1]
    shade = cv2.resize(heights, (side, side), interpolation=cv2.INTER_CUBIC) * random.uniform(15, 80)
    shade += 128 + random.uniform(-80, 80)
    x, y = grid(side)
    alpha = np.full((side, side), 255, np.uint8)
    if random.random() < 0.7:
        alpha = in_range(255 * np.clip((1 - x * x - y * y) * random.uniform(1, 8), 0, 1))
    return in_range(shade), alpha


def _add_smile(pixels: Pixels, radius: float, random: np.random.Generator) -> None:
    """Two eyes and a mouth in the middle, dark on light or light on dark."""
    side = len(pixels)
    middle = side / 2
    colour = grey(random, 0, 70) if pixels[side // 2, side // 2] > 110 else grey(random, 170, 255)
    apart, eyes = radius * random.uniform(0.25, 0.45), middle - radius * random.uniform(0.1, 0.35)
    for x in (middle - apart, middle + apart):
        circle(pixels, (x, eyes), max(0.6, radius * random.uniform(0.07, 0.16)), colour)
    half = radius * random.uniform(0.3, 0.6)
    mouth = middle, middle + radius * random.uniform(0, 0.3)
    width = side * random.uniform(0.01, 0.05)
    ellipse(pixels, mouth, (half, half * random.uniform(0.3, 1)), colour, width, arc_deg=(20, 160))


def _box(left: float, top: float, right: float, bottom: float) -> list[pen.Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
