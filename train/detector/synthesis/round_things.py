"""Round things, drawn, that a detector takes for faces: balls, dials, wheels, lamps, coins.

Each function takes the side in pixels, a generator and a texture to print on it.
"""

from __future__ import annotations

import numpy as np

from train.detector.synthesis import pen
from train.detector.synthesis.drawing import Pixels
from train.detector.synthesis.pen import Drawing, Texture, circle, corners, ellipse, fill, grey, grid, in_range, line

_TURN = 2 * np.pi


def ball(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """Lit from a side, plain or printed on, with seams, patches or rings."""
    x, y = grid(side)
    angle, offset = random.uniform(0, _TURN), random.uniform(0.1, 0.6)
    from_light = (x - offset * np.cos(angle)) ** 2 + (y - offset * np.sin(angle)) ** 2
    low, high = sorted(pen.two_greys(random))
    shade = low + (high - low) * np.clip(1 - from_light * random.uniform(0.3, 1), 0, 1)
    if random.random() < 0.5:
        shade = shade + random.uniform(60, 200) * np.exp(-from_light / random.uniform(0.01, 0.12))
    if random.random() < 0.45:
        shade = shade * (1 - random.uniform(0.3, 1)) + texture(side, side) * random.uniform(0.3, 1)
    pixels, middle, kind = in_range(shade), side / 2, random.random()
    if kind < 0.25:
        colour = grey(random, 0, 90) if random.random() < 0.7 else grey(random, 150, 255)
        width = side * random.uniform(0.01, 0.05)
        for _ in range(random.integers(1, 5)):
            radii = 0.97 * middle, middle * random.uniform(0.02, 0.7)
            arc = 0, 360 if random.random() < 0.5 else 180
            ellipse(pixels, (middle, middle), radii, colour, width, random.uniform(0, 180), arc)
    elif kind < 0.4:
        for _ in range(random.integers(2, 9)):
            place = pen.around((middle, middle), random.uniform(0, _TURN), random.uniform(0, 0.8) * middle)
            count, radius = int(random.integers(5, 7)), random.uniform(0.1, 0.3) * middle
            fill(pixels, corners(place, count, radius, random.uniform(0, _TURN)), grey(random))
    elif kind < 0.5:
        _add_rings(pixels, random)
    return pixels, disc(side, random)


def dial(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """A clock, gauge, compass, knob or washing machine: a rim, marks, figures, smaller dials, hands."""
    middle = side / 2
    centre = middle, middle
    ink, paper = pen.two_greys(random)
    face = np.full((side, side), paper, np.float32)
    if random.random() < 0.5:
        face += pen.slope(side, random, 50)
    if random.random() < 0.25:
        face = 0.6 * face + 0.4 * texture(side, side)
    pixels, rim = in_range(face), random.uniform(0.02, 0.16) * side
    if random.random() < 0.8:
        circle(pixels, centre, middle - rim / 2, grey(random), rim)
    if random.random() < 0.3:
        _add_rings(pixels, random)
    if random.random() < 0.75:
        _add_marks(pixels, middle - rim - random.uniform(0.01, 0.06) * side, ink, random)
    if random.random() < 0.55 and side > 22:
        count, reach = int(random.choice((4, 6, 8, 12))), middle * random.uniform(0.55, 0.75)
        first, high = random.uniform(0, _TURN), side * random.uniform(0.07, 0.15)
        for index in range(count):
            place = pen.around(centre, first + _TURN * index / count, reach)
            pen.write(pixels, str(index * int(random.integers(1, 3)) + 1), place, high, ink, random)
    if random.random() < 0.25:
        for _ in range(random.integers(1, 4)):
            place = pen.around(centre, random.uniform(0, _TURN), middle * random.uniform(0.25, 0.5))
            radius = middle * random.uniform(0.12, 0.3)
            circle(pixels, place, radius, grey(random), -1 if random.random() < 0.5 else 0.2 * radius)
    if random.random() < 0.25:
        name = pen.some_text(random, "A", "Z", 2, 7)
        pen.write(pixels, name, (middle, middle * random.uniform(0.6, 1.4)), 0.1 * side, ink, random)
    for _ in range(random.integers(0, 4)):
        angle, reach = random.uniform(0, _TURN), middle * random.uniform(0.35, 0.85)
        back = pen.around(centre, angle + np.pi, reach * random.uniform(0, 0.25))
        colour = grey(random, 0, 80) if random.random() < 0.6 else ink
        line(pixels, back, pen.around(centre, angle, reach), colour, side * random.uniform(0.012, 0.05))
    if random.random() < 0.7:
        circle(pixels, centre, side * random.uniform(0.02, 0.1), grey(random))
    return pixels, disc(side, random)


def wheel(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """A tyre around spokes or holes."""
    middle = side / 2
    centre = middle, middle
    tyre, hub = pen.two_greys(random)
    pixels, radius = np.full((side, side), tyre, np.uint8), random.uniform(0.5, 0.9) * middle
    circle(pixels, centre, radius, hub)
    if random.random() < 0.4:
        pixels = in_range(pixels * (1 + pen.slope(side, random, 0.3)))
    count, first = int(random.integers(3, 13)), random.uniform(0, _TURN)
    angles = [first + _TURN * index / count for index in range(count)]
    if random.random() < 0.4:
        colour, hole = grey(random, 0, 100), radius * random.uniform(0.1, 0.3)
        for angle in angles:
            circle(pixels, pen.around(centre, angle, 0.6 * radius), hole, colour)
    else:
        circle(pixels, centre, 0.9 * radius, grey(random))
        colour, width = grey(random), side * random.uniform(0.02, 0.1)
        for angle in angles:
            line(pixels, centre, pen.around(centre, angle, 0.92 * radius), colour, width)
    circle(pixels, centre, side * random.uniform(0.03, 0.12), grey(random))
    if random.random() < 0.6:
        _add_rings(pixels, random)
    return pixels, disc(side, random)


def rings(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """A loudspeaker, lens, target, drain or plate from the front."""
    x, y = grid(side)
    radius = np.sqrt(x * x + y * y)
    edges = np.sort(random.random(int(random.integers(3, 9))))
    greys = random.uniform(5, 250, len(edges) + 2)
    soft = random.random() < 0.4
    shade = np.interp(radius, [0, *edges, 1.5], greys) if soft else greys[np.searchsorted(edges, radius)]
    if random.random() < 0.5:
        shade = shade * (1 + pen.slope(side, random, 0.4))
    if random.random() < 0.35:  # food on a plate, what a lens reflects
        share = np.clip((random.uniform(0.4, 0.75) - radius) * 10, 0, 1)
        shade = shade * (1 - share) + texture(side, side) * share
    if random.random() < 0.3:
        shade = shade + random.uniform(80, 200) * _spot(side, random, 0.4, random.uniform(0.01, 0.06))
    return in_range(shade), disc(side, random)


def coin(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """A coin, medal, badge, button or biscuit: relief or print within a rim."""
    middle = side / 2
    centre = middle, middle
    print_ = texture(side, side).astype(np.float32)
    if random.random() < 0.5:
        relief = print_ - np.roll(print_, (1, 1), (0, 1))
        shade = 128 + relief * random.uniform(2, 6)
    else:
        shade = (print_ - print_.mean()) * random.uniform(0.5, 1.6) + print_.mean()
    pixels, rim = in_range(shade + pen.slope(side, random, 40) + random.uniform(-50, 50)), random.uniform(0.02, 0.14)
    if random.random() < 0.8:
        circle(pixels, centre, middle - rim * side / 2, grey(random), rim * side)
    kind = random.random()
    if kind < 0.35:
        text = pen.some_text(random, "!", "z", 1, 4)
        pen.write(pixels, text, centre, side * random.uniform(0.2, 0.6), grey(random), random)
    elif kind < 0.55:
        holes, colour, radius = int(random.choice((2, 3, 4, 6))), grey(random), side * random.uniform(0.03, 0.08)
        for place in corners(centre, holes, 0.16 * side, random.uniform(0, _TURN)):
            circle(pixels, place, radius, colour)
    elif kind < 0.7:
        fill(pixels, corners(centre, 2 * int(random.integers(4, 8)), 0.7 * middle, inner=0.45), grey(random))
    return pixels, disc(side, random)


def lamp(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """A glow that fades into the dark, or a lampshade that is lit from within."""
    x, y = grid(side)
    glow = np.exp(-(x * x + y * y) / random.uniform(0.03, 0.5))
    if random.random() < 0.5:
        shade, alpha = np.full((side, side), random.uniform(180, 255)), in_range(255 * glow * random.uniform(1, 2.5))
        alpha = np.minimum(alpha, disc(side, random))
    else:
        low, high = sorted(pen.two_greys(random))
        shade, alpha = low + (high - low) * glow, disc(side, random)
    if random.random() < 0.3:
        bar = x * x * random.uniform(1, 5) + (y - random.uniform(-0.5, 0.5)) ** 2 * random.uniform(5, 30)
        shade = shade - random.uniform(20, 120) * np.exp(-bar)
    return in_range(shade), alpha


def egg(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """A plain ellipse or egg, flat, shaded or of cloth, perhaps with a border."""
    x, y = grid(side)
    print_ = texture(side, side) if random.random() < 0.4 else np.full((side, side), grey(random), np.uint8)
    pixels, narrow = in_range(print_ * (1 + pen.slope(side, random, 0.35))), random.uniform(0.6, 1)
    inside = 1 - (x / (narrow * (1 - random.uniform(0, 0.35) * y))) ** 2 - y * y
    if random.random() < 0.3:
        pixels = np.where(inside < random.uniform(0.05, 0.2), np.uint8(grey(random)), pixels)
    return pixels, in_range(255 * np.clip(inside * random.uniform(1.5, side / 4 + 1.6), 0, 1))


def rosette(side: int, random: np.random.Generator, texture: Texture) -> Drawing:
    """Rays, petals or spirals about a centre."""
    x, y = grid(side)
    radius, angle = np.sqrt(x * x + y * y), np.arctan2(y, x)
    wave = np.sin(angle * int(random.integers(2, 26)) + random.uniform(-14, 14) * radius)
    if random.random() < 0.5:
        wave = wave * np.sin(radius * random.uniform(6, 30) + random.uniform(0, 6))
    if random.random() < 0.5:
        wave = np.sign(wave)
    middle = random.uniform(-90, 90) * np.clip(1 - radius, 0, 1)
    return in_range(128 + random.uniform(20, 120) * wave + middle), disc(side, random)


def disc(side: int, random: np.random.Generator) -> Pixels:
    """The opacity of something round: mostly a circle, sometimes with five to eight corners or with teeth."""
    alpha, kind = np.zeros((side, side), np.uint8), random.random()
    centre, radius = (side / 2, side / 2), side / 2 - 0.7
    if kind < 0.8:
        circle(alpha, centre, radius, 255)
    elif kind < 0.9:
        fill(alpha, corners(centre, int(random.integers(5, 9)), radius, random.uniform(0, _TURN)), 255)
    else:
        teeth = 2 * int(random.integers(8, 40))
        fill(alpha, corners(centre, teeth, radius, inner=random.uniform(0.75, 0.95)), 255)
    return alpha


def _add_rings(pixels: Pixels, random: np.random.Generator) -> None:
    middle = len(pixels) / 2
    for _ in range(random.integers(1, 4)):
        width = len(pixels) * random.uniform(0.01, 0.08)
        circle(pixels, (middle, middle), middle * random.uniform(0.3, 0.97), grey(random), width)


def _add_marks(pixels: Pixels, radius: float, colour: int, random: np.random.Generator) -> None:
    """Marks along a scale, all around or not, every fourth part of them longer."""
    side = len(pixels)
    count, first = int(random.choice((4, 8, 12, 12, 12, 24, 36, 60))), -np.pi / 2
    if random.random() < 0.3:
        first = random.uniform(0, _TURN)
    span = _TURN if random.random() < 0.6 else random.uniform(3, 5.5)
    length, width = random.uniform(0.03, 0.12) * side, side * random.uniform(0.006, 0.03)
    for index in range(count):
        angle, longer = first + span * index / count, 1.0 if index % max(1, count // 4) else 1.6
        ends = [pen.around((side / 2, side / 2), angle, reach) for reach in (radius, radius - longer * length)]
        line(pixels, ends[0], ends[1], colour, width)


def _spot(side: int, random: np.random.Generator, off: float, size: float) -> np.typing.NDArray[np.float32]:
    x, y = grid(side)
    distance = (x - random.uniform(-off, off)) ** 2 + (y - random.uniform(-off, off)) ** 2
    return np.asarray(np.exp(-distance / size), np.float32)
