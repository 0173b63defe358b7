"""What data sets call facial expressions: synonyms, numbers and the order of labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from edge.errors import DataError
from edge.labels import EMOTIONS

SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "scared": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "suprise": "surprise",
    "surprised": "surprise",
    "neutrality": "neutral",
}
"""Other names for ``EMOTIONS``, in data sets and repositories; the misspelt one is common on Kaggle."""

NUMBERINGS = {
    "fer2013": dict(enumerate(EMOTIONS)),
    "raf-db": dict(enumerate(("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"), 1)),
    "affectnet": dict(
        enumerate(("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt", *["none"] * 3))
    ),
    "ck+": dict(enumerate(("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise"))),
}
"""What the numbers of public data sets stand for, by the name of the set."""

_SPLITS = {
    "Training": ("training", "train", "fer2013train"),
    "PublicTest": ("publictest", "validation", "valid", "val", "dev", "fer2013valid"),
    "PrivateTest": ("privatetest", "test", "testing", "eval", "fer2013test"),
}
_SPLIT_OF_WORD = {word: split for split, words in _SPLITS.items() for word in words}

_NUMBER = re.compile(r"\d+(\.0+)?(e\+00)?")
_ORDINAL = re.compile(r"^\d+[\s._-]+")


def split_of(word: str) -> str | None:
    """The split of FER2013 that ``word`` stands for in any case, such as ``Training`` for train, or None."""
    return _SPLIT_OF_WORD.get(re.sub(r"[\s_-]", "", word).lower().removesuffix("set"))


def label_of(name: str) -> str:
    """The label that a folder or a cell names: in small letters, with single blanks and no slash, one of ``EMOTIONS``
    if it is a synonym, also behind a number as in ``3_Happy``.
    """
    word = " ".join(unicodedata.normalize("NFC", re.sub(r"[/\\]", " ", name)).split()).lower()
    plain = _ORDINAL.sub("", word)
    return SYNONYMS.get(plain, plain if plain in EMOTIONS else word)


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Each label once: first ``EMOTIONS`` in their order, then others by the alphabet."""
    found = set(labels)
    return (*(each for each in EMOTIONS if each in found), *sorted(found.difference(EMOTIONS)))


def are_numbers(names: Collection[str]) -> bool:
    """Whether all ``names`` are whole numbers."""
    return bool(names) and all(_NUMBER.fullmatch(name.strip()) for name in names)


def numbering_of(names: Collection[str], hint: str, chosen: str | None, place: str) -> dict[str, str]:
    """What each of the numbers ``names`` stands for.

    Args:
        names: whole numbers.
        hint: text, such as a path, in which the name of a data set may occur.
        chosen: one of ``NUMBERINGS``, or None to find it.
        place: begins the message of an error.

    Raises:
        DataError: several numberings fit, or none.
    """
    numbers = {name: int(float(name)) for name in names}
    fitting = [name for name, meaning in NUMBERINGS.items() if meaning.keys() >= set(numbers.values())]
    plain = re.sub(r"[\W_]", "", hint.lower())
    hinted = [name for name in fitting if re.sub(r"\W", "", name) in plain]
    if not chosen and len(hinted or fitting) == 1:
        (chosen,) = hinted or fitting
    # Exactly 1 to 7 is RAF-DB, since the other sets of seven begin with 0.
    if not chosen and set(numbers.values()) == set(NUMBERINGS["raf-db"]):
        chosen = "raf-db"
    if chosen not in fitting:
        found = ", ".join(sorted(names, key=numbers.__getitem__))
        raise DataError(
            f"{place}: the labels are the numbers {found}, which mean different things in "
            f"{', '.join(fitting or NUMBERINGS)}; say which with --numbering of fer-train import, or give names"
        )
    return {name: NUMBERINGS[chosen][number] for name, number in numbers.items()}
