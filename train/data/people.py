"""Tells from the names of pictures who is on them, and divides faces so that nobody is in two parts of a data set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from train.data.names import label_of

HELD_OUT = 5
"""One person in this many, or one picture where people are not known, is for measuring only."""

_KNOWN = (
    re.compile(r"^(S\d{3})_\d{3}_\d+$"),  # CK+
    re.compile(r"^([A-Z]{2})\.[A-Z]{2}\d\.\d+$"),  # JAFFE
    re.compile(r"^[AB]([FM]\d{2})[A-Z]{3,4}$"),  # KDEF
    re.compile(r"^Rafd\d+_(\d{2})_"),  # Radboud
    re.compile(r"(?:^|[_-])(?:person|subject|user|subj|p|s)[_-]?(\d+)(?=[_.-]|$)", re.IGNORECASE),
)
_FIRST_WORD = re.compile(r"^([^\W\d_]{2,})[\s_.-]*(?=.*\d|.+)")
_CAMERAS = frozenset({"dsc", "dscf", "dscn", "foto", "frame", "image", "img", "mvi", "p", "photo", "pic", "picture"})
_CAMERAS |= {"pxl", "screenshot", "snap", "training", "vid", "video", "wa", "webcam", "whatsapp", "face", "fer", "test"}


def people_of(names: Sequence[str], labels: Sequence[str], pattern: re.Pattern[str] | None = None) -> list[str | None]:
    """Who is on each picture, as far as its name says; all None if the names follow no rule.

    Args:
        names: paths.
        labels: the label of each, which is no person's name.
        pattern: its first group is the person; without it the rules of public data sets are tried, and then the first
            word, such as ``anna`` of ``anna_12.jpg``, where at least three of them return.
    """
    stems = [PurePosixPath(name).stem for name in names]
    if pattern:
        return _found(stems, pattern)
    for known in _KNOWN:
        people = _found(stems, known)
        if None not in people and len(set(people)) > 1:
            return people
    firsts = [match.group(1).lower() if match else None for match in map(_FIRST_WORD.match, stems)]
    counts = Counter(firsts)
    words = {word for word in counts if word}
    told = None not in firsts and len(words) >= 3 and min(counts.values()) > 1
    if not told or words & _CAMERAS or {label_of(word) for word in words} & set(labels):
        return [None] * len(names)
    return list(firsts)


def _found(stems: Sequence[str], pattern: re.Pattern[str]) -> list[str | None]:
    return [match.group(1) if match and match.groups() else None for match in map(pattern.search, stems)]


def divide(labels: Sequence[str], people: Sequence[str | None]) -> list[str]:
    """Training or PublicTest for each of several pictures in their order: one person in ``HELD_OUT`` is held out.

    People are taken so that each label keeps some pictures in both parts, if that is possible. Where they are not
    known, the last pictures of each label are held out, since those taken together look alike.
    """
    known = {person for person in people if person is not None}
    chosen = _held_out_people(labels, people) if len(known) > 1 else set()
    splits = ["PublicTest" if person in chosen else "Training" for person in people]
    for label in set(labels):
        mine = [i for i, each in enumerate(labels) if each == label]
        if len({splits[i] for i in mine}) < 2 and len(mine) > 1:
            for i in mine[-max(1, round(len(mine) / HELD_OUT)) :]:
                splits[i] = "PublicTest"
            for i in mine[: -max(1, round(len(mine) / HELD_OUT))]:
                splits[i] = "Training"
    return splits


def _held_out_people(labels: Sequence[str], people: Sequence[str | None]) -> set[str | None]:
    """People with about a fifth of the pictures of every label, those with few pictures first."""
    shown: dict[str, Counter[str]] = {}
    for label, person in zip(labels, people, strict=True):
        if person is not None:
            shown.setdefault(person, Counter())[label] += 1
    wanted = {label: count / HELD_OUT for label, count in Counter(labels).items()}
    have: Counter[str] = Counter()
    chosen: set[str | None] = set()
    for person in sorted(shown, key=lambda each: (shown[each].total(), each)):
        left = len(shown) - len(chosen)
        useful = any(have[label] < wanted[label] for label in shown[person])
        fits = have.total() + shown[person].total() <= 2 * sum(wanted.values()) or not chosen
        if left > 1 and useful and fits and not _takes_all(shown[person], have, labels):
            chosen.add(person)
            have += shown[person]
    return chosen


def _takes_all(added: Mapping[str, int], have: Mapping[str, int], labels: Sequence[str]) -> bool:
    """Whether a label would have no picture to train on."""
    counts = Counter(labels)
    return any(have.get(label, 0) + count >= counts[label] for label, count in added.items())


def shared_people(splits: Sequence[str], people: Sequence[str | None]) -> set[str]:
    """Who is in more than one part."""
    parts: dict[str, set[str]] = {}
    for split, person in zip(splits, people, strict=True):
        if person is not None:
            parts.setdefault(person, set()).add(split)
    return {person for person, found in parts.items() if len(found) > 1}
