"""Measures whether a classifier is as good for one group of people as for another, by any column of a data set.

Groups differ in what they show: who smiles more is easier to read. So each group is compared with what everybody gets
on faces of the same expressions, and the test is that of Cochran, Mantel and Haenszel over the expressions (Mantel and
Haenszel, "Statistical aspects of the analysis of data from retrospective studies of disease", 1959), with Holm's
correction for the number of groups (1979). Intervals of shares are Wilson's (1927), those of macro F1 are from 2000
bootstrap samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from statistics import NormalDist
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.labels import EMOTIONS
from train.classifier.evaluate import Logits
from train.classifier.metrics import wilson
from train.classifier.pipeline import Answer
from train.data.fer2013 import FaceSet
from train.data.ferplus import CONTEMPT, NEUTRAL, majority

CHANCE = 0.05
"""A difference that chance makes less often than this, in all groups together, is called one."""
WIDEST = 0.05
"""An interval that reaches further than this from its middle says too little to call a group equal."""
MOST_GROUPS = 50
MISSED = -1
"""Prediction for a photograph on which no face was found."""

_SAMPLES = 2000

Verdict: TypeAlias = Literal["better", "worse", "no difference", "too few faces"]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share 0..1 with its 95 % interval, of ``faces`` faces."""

    value: float
    low: float
    high: float
    faces: int


@dataclass(frozen=True, slots=True)
class Group:
    """The faces with one value of the column.

    ``expected`` is the accuracy that everybody gets on faces of the same expressions, and ``p`` the probability that
    chance alone makes a difference as large, corrected for the number of groups. ``recall`` is by emotion, for those
    that occur. ``found`` is the share of photographs on which a face was found, None where faces were given.
    """

    name: str
    accuracy: Estimate
    expected: float
    p: float
    verdict: Verdict
    macro_f1: Estimate
    recall: dict[str, Estimate]
    found: float | None


@dataclass(frozen=True, slots=True)
class Fairness:
    """A model's figures by the values of ``column``; ``without`` faces have none and are left out.

    ``labels`` are what it tells apart.
    """

    model: str
    column: str
    accuracy: Estimate
    without: int
    groups: tuple[Group, ...]
    labels: tuple[str, ...] = EMOTIONS

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, ready for JSON."""
        return asdict(self)


def measure(
    model: str,
    column: str,
    values: Sequence[str | None],
    labels: Whole,
    predicted: Whole,
    classes: tuple[str, ...] = EMOTIONS,
    *,
    detected: bool = False,
) -> Fairness:
    """Compare the groups of faces that have the same of the ``values``.

    Args:
        model: name of what predicted.
        column: name of what the values say.
        values: for each face its group, None where it is not known.
        labels: (n,) int64, positions in ``classes``.
        predicted: (n,) int64, likewise, or ``MISSED``.
        classes: what the model tells apart.
        detected: whether faces had to be found, so that ``found`` is of interest.

    Raises:
        DataError: no face has a value, all have the same, or there are too many groups.
    """
    known = np.array([value is not None for value in values], np.bool_)
    groups = np.array([value or "" for value in values])[known]
    names = sorted(set(groups.tolist()))
    if not 2 <= len(names) <= MOST_GROUPS:
        found = "none" if not names else f"only {names[0]!r}" if len(names) == 1 else f"{len(names)} of them"
        raise DataError(
            f"column {column}: needs 2 to {MOST_GROUPS} different values to compare, and has {found}; "
            "give another column, or make groups of its values"
        )
    labels, predicted = labels[known], predicted[known]
    measured = [_measure_group(name, groups == name, labels, predicted, classes, detected=detected) for name in names]
    return Fairness(
        model=model,
        column=column,
        accuracy=_share(labels == predicted),
        without=int((~known).sum()),
        groups=_judge(measured),
        labels=classes,
    )


def measure_faces(model: str, column: str, values: Mapping[str, str], faces: FaceSet, logits: Logits) -> Fairness:
    """Compare the groups of ``faces``, by the numbers of their rows; with votes against those, of the other head.

    Faces on whose emotion the annotators did not agree are left out; contempt counts as neutral.

    Raises:
        DataError: see ``measure``.
    """
    of_votes, of_labels = logits[:, 0], logits[:, -1]
    labels, predicted = faces.labels.astype(np.int64), of_labels.argmax(axis=1)
    if faces.votes is not None:
        labels, predicted = majority(faces.votes).astype(np.int64), of_votes.argmax(axis=1)
        labels = np.where(labels == CONTEMPT, NEUTRAL, labels)
    agreed = labels >= 0
    groups = [values.get(str(row)) for row in faces.rows[agreed]]
    return measure(model, column, groups, labels[agreed], predicted[agreed].astype(np.int64), faces.classes)


def measure_photographs(
    model: str,
    column: str,
    values: Mapping[str, str],
    answers: Sequence[Answer],
    classes: tuple[str, ...] = EMOTIONS,
) -> Fairness:
    """Compare the groups of photographs, by their paths in their folder or their names alone.

    ``classes`` are what the model tells apart.

    Raises:
        DataError: see ``measure``.
    """
    answers = [each for each in answers if not each.left_out]
    groups = [values.get(each.name, values.get(PurePosixPath(each.name).name)) for each in answers]
    labels = np.array([classes.index(each.emotion) for each in answers], np.int64)
    named = np.array([classes.index(each.named) if each.named else MISSED for each in answers], np.int64)
    return measure(model, column, groups, labels, named, classes, detected=True)


def table(result: Fairness) -> str:
    """The figures for a terminal."""
    lines = [
        f"{result.model} by {result.column}: {result.accuracy.faces} faces, {_told(result.accuracy)} right; "
        f"{result.without} without {result.column} are left out",
        "",
        f"{'':18}{'faces':>7}{'accuracy':>21}{'everybody':>11}{'macro F1':>21}{'p':>8}",
    ]
    for group in result.groups:
        f1 = group.macro_f1
        lines.append(
            f"{group.name[:17]:18}{group.accuracy.faces:7}{_told(group.accuracy):>21}{group.expected:>11.1%}"
            f"{f'{f1.value:.3f} ({f1.low:.3f}-{f1.high:.3f})':>21}{group.p:8.3f}  {group.verdict}"
        )
    if any(group.found is not None for group in result.groups):
        lines += ["", *(f"{group.name[:17]:18}a face found on {group.found or 0:.1%}" for group in result.groups)]
    lines += ["", f"{'recall':18}" + "".join(f"{name[:12]:>14}" for name in (group.name for group in result.groups))]
    for emotion in result.labels:
        shares = [group.recall.get(emotion) for group in result.groups]
        cells = [f"{share.value:.0%} of {share.faces}" if share else "-" for share in shares]
        lines.append(f"{emotion:18}" + "".join(f"{cell:>14}" for cell in cells))
    lines += [
        "",
        "everybody: what all groups together get on faces of the same expressions; in parentheses 95 % intervals.",
        f"better, worse: chance alone makes such a difference in fewer than {CHANCE:.0%} of all cases (p).",
        f"too few faces: the interval is wider than {WIDEST:.0%} to either side, so a difference may be hidden.",
    ]
    return "\n".join(lines)


def _measure_group(
    name: str,
    group: npt.NDArray[np.bool_],
    labels: Whole,
    predicted: Whole,
    classes: tuple[str, ...],
    *,
    detected: bool,
) -> Group:
    expected, p = _against_everybody(group, labels, labels == predicted)
    mine, guessed = labels[group], predicted[group]
    recall = {
        emotion: _share(guessed[mine == number] == number)
        for number, emotion in enumerate(classes)
        if (mine == number).any()
    }
    found = float((guessed != MISSED).mean()) if detected else None
    accuracy = _share(mine == guessed)
    return Group(name, accuracy, expected, p, "no difference", _macro_f1(mine, guessed, len(classes)), recall, found)


def _against_everybody(
    group: npt.NDArray[np.bool_], labels: Whole, right: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """The accuracy that everybody gets on the group's expressions, and the p-value of Cochran, Mantel and Haenszel."""
    seen = expected = variance = 0.0
    for emotion in np.unique(labels):
        here = labels == emotion
        faces, hits, mine = int(here.sum()), int(right[here].sum()), int((group & here).sum())
        if not mine:
            continue
        seen += float(right[group & here].sum())
        expected += mine * hits / faces
        if faces > 1:
            variance += mine * (faces - mine) * hits * (faces - hits) / (faces**2 * (faces - 1))
    p = 2 * (1 - NormalDist().cdf(abs(seen - expected) / math.sqrt(variance))) if variance else 1.0
    return expected / int(group.sum()), p


def _judge(groups: list[Group]) -> tuple[Group, ...]:
    """Correct the p-values by Holm's method, and say what they mean."""
    ranked = sorted(range(len(groups)), key=lambda index: groups[index].p)
    corrected, largest = [0.0] * len(groups), 0.0
    for rank, index in enumerate(ranked):
        largest = max(largest, min(1.0, groups[index].p * (len(groups) - rank)))
        corrected[index] = largest
    return tuple(replace(group, p=p, verdict=_verdict(group, p)) for group, p in zip(groups, corrected, strict=True))


def _verdict(group: Group, p: float) -> Verdict:
    if p < CHANCE:
        return "better" if group.accuracy.value > group.expected else "worse"
    wide = (group.accuracy.high - group.accuracy.low) / 2 > WIDEST
    return "too few faces" if wide else "no difference"


def _macro_f1(labels: Whole, predicted: Whole, classes: int) -> Estimate:
    """The plain mean of F1 over the emotions that occur, with a bootstrap interval (seed 0)."""
    wide = classes + 1  # the last column: missed
    cells = np.bincount(labels * wide + predicted % wide, minlength=classes * wide)
    shown = np.bincount(labels, minlength=classes) > 0
    samples = np.random.default_rng(0).multinomial(len(labels), cells / len(labels), _SAMPLES)
    low, high = np.quantile(_f1(samples, shown), (0.025, 0.975))
    return Estimate(float(_f1(cells[np.newaxis], shown)[0]), float(low), float(high), len(labels))


def _f1(cells: npt.NDArray[np.int64], shown: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Macro F1 of each confusion matrix (n, emotions * (emotions + 1))."""
    confusion = cells.reshape(len(cells), len(shown), -1)
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    either = confusion.sum(axis=2) + confusion[:, :, :-1].sum(axis=1)
    return np.asarray((2 * hits / np.maximum(either, 1))[:, shown].mean(axis=1), np.float64)


def _share(right: npt.NDArray[np.bool_]) -> Estimate:
    hits, of = int(right.sum()), len(right)
    return Estimate(hits / of, *wilson(hits, of), of)


def _told(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({100 * estimate.low:.1f}-{100 * estimate.high:.1f})"
