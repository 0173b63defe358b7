"""Bytes and JSON that were well formed once: what a bad card, a bad link or a bad person makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
"""Sizes and counts at which arithmetic goes wrong."""


def corpus(kind: str) -> dict[str, bytes]:
    """The committed seeds of ``kind`` by name."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / kind).iterdir())}


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of ``seeds`` with a few bytes changed, or anything at all."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        damage = draw(st.sampled_from(("flip", "number", "cut", "remove", "repeat", "insert", "splice")))
        if damage == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif damage == "number":
            order: Literal["little", "big"] = draw(st.sampled_from(("little", "big")))
            number = draw(st.sampled_from(EXTREMES)).to_bytes(4, order)[: draw(st.sampled_from((1, 2, 4)))]
            data[at : at + len(number)] = number
        elif damage == "cut":
            del data[at:]
        elif damage == "remove":
            del data[at : at + draw(st.integers(1, 64))]
        elif damage == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 64))] * draw(st.integers(1, 64))
        elif damage == "insert":
            data[at:at] = draw(st.binary(max_size=16))
        else:
            other = draw(st.sampled_from(seeds))
            data[at:] = other[draw(st.integers(0, len(other))) :]
    return bytes(data)


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([-1, 0, 2**32, 10**400, 1e308, "1", "\x1b[2J", "\x9b2J", "\ud800", "\u202e", "x" * 70_000])
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
"""Anything that JSON can hold."""


@st.composite
def warped(draw: st.DrawFn, documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One of ``documents`` with a few values replaced or swapped, at any depth."""
    document: dict[str, Any] = deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        place, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            place[key] = draw(values)
        else:
            other, its_key = draw(st.sampled_from(places))
            place[key], other[its_key] = deepcopy(other[its_key]), deepcopy(place[key])
    return document


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key below ``value``."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
