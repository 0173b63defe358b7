"""Evaluates detectors on the development set, side by side."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge.vision.detector.decode import Boxes
from train.detector.candidates import SMALLEST_PX, Candidate
from train.detector.development import SETS_WITH_FACES, SETS_WITHOUT_FACES, Frame
from train.detector.metrics import Matches, match_boxes

MAX_FALSE_POSITIVES_PER_IMAGE = 0.02
"""False positives per image that the chosen threshold allows: in images without faces, and in all. Photographs that
nobody has chosen hold more that resembles a face: earlier releases, at 0.05 here, had up to three times as many there.
"""

SIZES_PX = (20, 40, 80, 160, 384)
"""Heights at which the bins of size start; the last one is 80 % of a frame's height."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of one detector at ``threshold``.

    Recall, 0..1, is that of faces of at least 20 px unless said otherwise, over all ``SETS_WITH_FACES``; ``sizes`` by
    height, ``sets`` by set. ``scales`` are the median heights of boxes in heights of their faces, by height, and
    ``scale_error`` is the median error of all of them. ``false_faces`` are false positives per image of each set
    without faces, ``false_beside`` those in images with faces. ``time_ms`` is for a frame of 640x480 on this machine,
    one thread.
    """

    name: str
    threshold: float
    recall_40: float
    recall_20: float
    average_precision: float
    sizes: Mapping[str, float]
    sets: Mapping[str, float]
    scales: Mapping[str, float]
    scale_error: float
    false_faces: Mapping[str, float]
    false_beside: float
    time_ms: float | None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


Found = Mapping[str, Sequence[Boxes]]
"""The boxes of every frame of every set."""


def find_faces(candidate: Candidate, development: Mapping[str, Sequence[Frame]]) -> Found:
    """Run ``candidate`` over all frames."""
    return {
        name: list(candidate.find([frame.pixels for frame in frames])) for name, frames in development.items() if frames
    }


def evaluate(candidate: Candidate, found: Found, development: Mapping[str, Sequence[Frame]]) -> Evaluation:
    """Compare what ``candidate`` found with the faces of ``development``.

    A candidate without a threshold gets the lowest one that allows ``MAX_FALSE_POSITIVES_PER_IMAGE``.
    """

    def matches(*names: str) -> Matches:
        here = [name for name in names if name in found]
        return match_boxes(_pairs(here, found, development), SMALLEST_PX)

    faces = matches(*SETS_WITH_FACES)
    threshold = candidate.threshold
    if threshold is None:
        threshold = max(
            matches(*sets).threshold(MAX_FALSE_POSITIVES_PER_IMAGE)
            for sets in (SETS_WITHOUT_FACES, (*SETS_WITHOUT_FACES, *SETS_WITH_FACES))
        )
    bins = {_size(low, high): (low, high) for low, high in itertools.pairwise((*SIZES_PX, math.inf))}
    return Evaluation(
        candidate.name,
        threshold,
        faces.recall(threshold, 40),
        faces.recall(threshold),
        faces.average_precision(),
        {name: faces.recall(threshold, *edges) for name, edges in bins.items()},
        {name: matches(name).recall(threshold) for name in found if name not in SETS_WITHOUT_FACES},
        {name: faces.scale(threshold, *edges) for name, edges in bins.items()},
        faces.scale_error(threshold),
        {name: matches(name).false_positives(threshold) for name in found if name in SETS_WITHOUT_FACES},
        faces.false_positives(threshold),
        candidate.time_ms(development["scenes"][0].pixels),
    )


def _pairs(
    names: Iterable[str], found: Found, development: Mapping[str, Sequence[Frame]]
) -> Iterable[tuple[Boxes, Any]]:
    for name in names:
        for boxes, frame in zip(found[name], development[name], strict=True):
            yield boxes, frame.faces


def markdown(rows: Sequence[Evaluation]) -> str:
    """A Markdown table with a line per metric and a column per detector."""
    lines = [["", *(row.name for row in rows)], ["---"] * (len(rows) + 1)]

    def add(title: str, values: Iterable[str]) -> None:
        lines.append([title, *values])

    add("threshold", (f"{row.threshold:.3f}" for row in rows))
    add("recall, faces of 40 px and more", (_percent(row.recall_40) for row in rows))
    add("recall, 20 px and more", (_percent(row.recall_20) for row in rows))
    add("average precision", (_percent(row.average_precision) for row in rows))
    for kind, title, write in (
        ("sizes", "recall, {}", _percent),
        ("sets", "recall in {}", _percent),
        ("false_faces", "false faces in {}", "{:.3f}".format),
        ("scales", "box height / face height, {}", _ratio),
    ):
        for key in getattr(rows[0], kind):
            add(title.format(key), (write(getattr(row, kind)[key]) for row in rows))
    add("box height off by, median", (_percent(row.scale_error) for row in rows))
    add("false faces beside faces", (f"{row.false_beside:.3f}" for row in rows))
    if any(row.time_ms is not None for row in rows):
        add("time, 640x480, one thread", ("" if row.time_ms is None else f"{row.time_ms:.2f} ms" for row in rows))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _size(low: float, high: float) -> str:
    return f"{low:g} px and more" if math.isinf(high) else f"{low:g}-{high:g} px"


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{share:.1%}"


def _ratio(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"
