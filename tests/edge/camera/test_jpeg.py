"""Cutting JPEGs out of a stream of bytes, whatever the pieces and whatever is between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.camera.jpeg import MAX_BETWEEN_BYTES, MAX_JPEG_BYTES, JpegReader
from edge.errors import CameraError
from tests.support.http_camera import bar, jpeg, part

NOISE = np.random.default_rng(14)
IMAGES = [jpeg(bar(number)) for number in range(3)] + [jpeg(NOISE.integers(0, 256, (40, 56), np.uint8))]


def read_all(pieces: Iterable[bytes]) -> list[bytes | None]:
    script = iter(pieces)
    reader, images = JpegReader(lambda: next(script, b"")), []
    while True:
        try:
            images.append(reader.next())
        except EOFError:
            return images


@given(cuts=st.lists(st.integers(1, 4000), max_size=30))
def test_images_come_whole_however_the_network_cut_them(cuts: list[int]) -> None:
    stream = b"".join(part(image) for image in IMAGES)
    edges = [0, *sorted({cut for cut in cuts if cut < len(stream)}), len(stream)]

    images = read_all(stream[begin:end] for begin, end in itertools.pairwise(edges))

    assert images == IMAGES


def test_a_thumbnail_is_part_of_its_image() -> None:
    thumbnail = IMAGES[0]
    with_thumbnail = IMAGES[1][:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + IMAGES[1][2:]

    assert read_all([with_thumbnail, IMAGES[2]]) == [with_thumbnail, IMAGES[2]]


def test_two_extra_bytes_before_the_end_belong_to_the_image() -> None:
    extra = IMAGES[0][:-2] + b"\x12\x34" + IMAGES[0][-2:]

    assert read_all([extra, IMAGES[1]]) == [extra, IMAGES[1]]


@pytest.mark.parametrize("kept", [0.4, 0.7, 0.9, 0.99])
def test_a_cut_image_is_damaged_and_the_next_one_whole(kept: float) -> None:
    for image in IMAGES:
        assert read_all([part(image[: int(len(image) * kept)]), part(IMAGES[2])]) == [None, IMAGES[2]]


@given(st.binary(max_size=400))
def test_any_bytes_are_no_image_or_an_image_but_never_a_crash(content: bytes) -> None:
    try:
        images = read_all([content, b"\xff\xd8\xff" + content, b"\xff\xd8\xff\xda" + content])
    except CameraError:  # an image of too many megapixels
        return

    assert all(image is None or image.startswith(b"\xff\xd8\xff") for image in images)


def test_an_image_without_end_is_refused_at_eight_megabytes() -> None:
    taken = 0

    def endless() -> bytes:
        nonlocal taken
        taken += 65536
        return b"a" * 65536 if taken > 65536 else IMAGES[0][:-2]

    with pytest.raises(CameraError, match="sends an image of more than 8 MB"):
        JpegReader(endless).next()

    assert taken <= MAX_JPEG_BYTES + 3 * 65536


def test_a_stream_without_images_is_refused_soon() -> None:
    pieces = iter([b"a" * 1000] * (MAX_BETWEEN_BYTES // 1000 + 5))

    with pytest.raises(CameraError, match="sends no JPEG images"):
        JpegReader(lambda: next(pieces)).next()
