"""Images as cameras: order, sizes, and every file that is not what its name says."""

from __future__ import annotations

import logging
import os
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.luma import MAX_SIDE_PX, shortcoming
from edge.camera.replay import ReplayCamera
from edge.errors import CameraError
from tests.support.replay import images_of, levels_of, next_image


def write_image(path: Path, level: int, size: tuple[int, int] = (48, 32)) -> Path:
    cv2.imwrite(str(path), np.full((size[1], size[0]), level, np.uint8))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, level in (("b.png", 20), ("a.png", 10), ("c.png", 30)):
        write_image(tmp_path / name, level)
    return tmp_path


def test_a_folder_plays_in_the_order_of_names_and_ends(folder: Path) -> None:
    camera = ReplayCamera(folder, pace="fast", loop=False)

    assert levels_of(camera) == [10, 20, 30]
    assert camera.read() is None


def test_a_loop_begins_again(folder: Path) -> None:
    camera = ReplayCamera(folder, pace="fast", loop=True)

    images = [next_image(camera) for _ in range(7)]

    assert [int(image.pixels[0, 0]) for image in images] == [10, 20, 30, 10, 20, 30, 10]


def test_frames_are_luma_of_one_block_of_memory(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 6, 3), (0, 0, 255), np.uint8))

    frame = next_image(ReplayCamera(tmp_path, pace="fast", loop=False))

    assert (frame.pixels.shape, frame.pixels.dtype) == ((4, 6), np.dtype(np.uint8))
    assert frame.pixels.flags.c_contiguous
    assert np.all(np.abs(frame.pixels.astype(int) - 76) <= 1)  # 0.299 x 255, ITU-R BT.601


def test_the_rate_of_a_folder_is_what_was_asked(folder: Path) -> None:
    camera = ReplayCamera(folder, pace="fast", loop=False, fps=4)

    first, second = next_image(camera), next_image(camera)

    assert second.captured_at_s - first.captured_at_s == pytest.approx(0.25)


def test_at_real_pace_no_frame_comes_before_it_is_due(folder: Path) -> None:
    camera = ReplayCamera(folder, pace="real", loop=True, fps=50)

    begun_s = time.monotonic()
    times = [next_image(camera).captured_at_s for _ in range(6)]

    assert camera.live
    assert all(time_s >= begun_s + index / 50 for index, time_s in enumerate(times))


def test_images_of_different_sizes_keep_their_own(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 10, (40, 30))
    write_image(tmp_path / "b.png", 10, (1, 1))

    camera = ReplayCamera(tmp_path, pace="fast", loop=False)

    assert [frame.pixels.shape for frame in images_of(camera)] == [(30, 40), (1, 1)]


def test_a_huge_image_is_reduced(tmp_path: Path) -> None:
    write_image(tmp_path / "huge.png", 77, (8000, 6000))

    frame = next_image(ReplayCamera(tmp_path, pace="fast", loop=False))

    assert frame.pixels.shape == (MAX_SIDE_PX * 6000 // 8000, MAX_SIDE_PX)
    assert np.all(frame.pixels == 77)


def black_png(width: int, height: int, rows: int) -> bytes:
    """A PNG that announces ``height`` rows and holds ``rows``."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header, pixels = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), zlib.compress(bytes((width + 1) * rows), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


UNREADABLE = {
    "empty.jpg": b"",
    "noise.png": bytes(range(256)) * 4,
    "signature.png": b"\x89PNG\r\n\x1a\n",
    "text.gif": b"not an image",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_image_is_skipped_once_and_counted(
    folder: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / name).write_bytes(UNREADABLE[name])

    with caplog.at_level(logging.WARNING):
        camera = ReplayCamera(folder, pace="fast", loop=True)
        levels = [int(next_image(camera).pixels[0, 0]) for _ in range(9)]

    assert levels == [10, 20, 30] * 3
    assert camera.bad_frames == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"replay {folder / name}: skipped, it is not a readable image"
    ]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("large.jpg", " (8000x7000 pixels)"),
        ("large.png", " (8000x7000 pixels)"),
        ("bomb.png", " (60000x60000 pixels)"),
        ("large.tif", ""),
    ],
)
def test_an_image_of_more_pixels_than_are_read_is_called_too_large(
    folder: Path, name: str, size: str, caplog: pytest.LogCaptureFixture
) -> None:
    if name == "bomb.png":
        (folder / name).write_bytes(black_png(60000, 60000, rows=1))
    else:
        cv2.imwrite(str(folder / name), np.zeros((7000, 8000), np.uint8))

    with caplog.at_level(logging.WARNING):
        camera = ReplayCamera(folder, pace="fast", loop=False)
        while camera.read() is not None:
            pass

    assert camera.bad_frames == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"replay {folder / name}: skipped, it is too large{size}; make it smaller, at most 50 megapixels are read"
    ]


@pytest.mark.parametrize(("rows", "readable"), [(5000, True), (5001, False)])
def test_an_image_of_more_than_fifty_megapixels_is_refused_by_its_header(
    tmp_path: Path, rows: int, readable: bool
) -> None:
    (tmp_path / "huge.png").write_bytes(black_png(10_000, rows, rows))
    write_image(tmp_path / "small.png", 10)

    camera = ReplayCamera(tmp_path, pace="fast", loop=False)

    assert len(levels_of(camera)) == 1 + readable
    assert camera.bad_frames == 1 - readable


def test_other_files_in_the_folder_are_none_of_its_business(folder: Path) -> None:
    (folder / "README.md").write_text("three greys")
    (folder / "folder.png").mkdir()

    camera = ReplayCamera(folder, pace="fast", loop=False)

    assert levels_of(camera) == [10, 20, 30]
    assert camera.bad_frames == 0


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((8, 8), 200 * 257, np.uint16))

    assert levels_of(ReplayCamera(tmp_path, pace="fast", loop=False)) == [200]


def test_the_readable_part_of_a_truncated_jpeg_is_a_frame_and_that_it_is_cut_off_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (64, 64), np.uint8)
    for name in ("cut.jpg", "whole.jpg"):
        cv2.imwrite(str(tmp_path / name), picture)
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])

    camera = ReplayCamera(tmp_path, pace="fast", loop=True)
    frames = [next_image(camera).pixels for _ in range(5)]

    assert {frame.shape for frame in frames} == {(64, 64)}
    assert [record.getMessage() for record in caplog.records] == [
        f"replay {tmp_path / 'cut.jpg'}: is cut off, and what is missing is shown grey"
    ]


def test_a_photo_with_a_thumbnail_or_with_something_behind_it_is_whole(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("L", (64, 64), 90).save(tmp_path / "photo.jpg")
    photo = (tmp_path / "photo.jpg").read_bytes()
    thumbnail = b"\xff\xe1" + (len(photo) + 2).to_bytes(2, "big") + photo
    (tmp_path / "photo.jpg").write_bytes(photo[:2] + thumbnail + photo[2:] + b"\0" * 100)
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(photo[:2] + thumbnail + photo[2:-2])

    assert shortcoming(tmp_path / "photo.jpg") == ""
    assert "is cut off" in shortcoming(cut)


@pytest.mark.parametrize(
    ("mode", "suffix"), [("CMYK", ".jpg"), ("CMYK", ".tif"), ("RGBA", ".png"), ("P", ".png"), ("1", ".tif")]
)
def test_an_image_in_a_rare_colour_mode_is_a_frame_or_skipped(tmp_path: Path, mode: str, suffix: str) -> None:
    image = pytest.importorskip("PIL.Image")
    write_image(tmp_path / "a.png", 90)
    image.new(mode, (48, 32)).save(tmp_path / f"rare{suffix}")

    camera = ReplayCamera(tmp_path, pace="fast", loop=False)

    assert len(levels_of(camera)) + camera.bad_frames == 2


def test_an_animated_image_plays_as_a_video_and_counts_once_in_a_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = pytest.importorskip("PIL.Image")
    pictures = [image.new("L", (48, 32), level) for level in (10, 100, 200)]
    pictures[0].save(tmp_path / "moving.gif", save_all=True, append_images=pictures[1:], duration=100)

    pictures[0].save(tmp_path / "still.png")
    as_video = levels_of(ReplayCamera(tmp_path / "moving.gif", pace="fast", loop=False))
    in_folder = ReplayCamera(tmp_path, pace="fast", loop=False)

    assert len(as_video) == 3
    assert len(levels_of(in_folder)) + in_folder.bad_frames == 2  # OpenCV 4.11 reads no GIF as an image
    (told,) = [record.getMessage() for record in caplog.records]
    assert "is animated, of which a folder shows the first picture" in told or "is not a readable image" in told


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_an_animation_that_opencv_may_crash_on_is_skipped(folder: Path, suffix: str) -> None:
    image = pytest.importorskip("PIL.Image")
    pictures = [image.new("L", (48, 32), level) for level in (100, 200)]
    pictures[0].save(folder / f"d.{suffix}", save_all=True, append_images=pictures[1:], duration=100)
    pictures[0].save(folder / f"e.{suffix}", lossless=True)

    camera = ReplayCamera(folder, pace="fast", loop=False)

    assert levels_of(camera) == [10, 20, 30, 100]
    assert camera.bad_frames == 1


def test_a_png_that_announces_more_than_it_holds_is_skipped(folder: Path) -> None:
    whole = black_png(48, 32, rows=32)
    (folder / "d.png").write_bytes(whole[:33] + (len(whole) - 33 - 11).to_bytes(4, "big") + whole[37:])

    camera = ReplayCamera(folder, pace="fast", loop=False)

    assert levels_of(camera) == [10, 20, 30]
    assert camera.bad_frames == 1


def test_a_folder_without_a_readable_image_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()

    with pytest.raises(CameraError, match=f"{tmp_path}: holds nothing readable; expected a video file"):
        ReplayCamera(tmp_path, pace="fast", loop=True)


def test_a_closed_replay_gives_no_more_frames(folder: Path) -> None:
    camera = ReplayCamera(folder, pace="fast", loop=True)
    camera.read()

    camera.close()
    camera.close()

    assert camera.read() is None


@pytest.mark.parametrize("name", [b"gr\xfc\xdfe.png", "größe.png".encode(), b"100%d.png"])
def test_a_picture_may_have_any_name(tmp_path: Path, name: bytes) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 6), 70, np.uint8))
    os.rename(bytes(tmp_path / "a.png"), bytes(tmp_path) + b"/" + name)  # noqa: PTH104 - the name is no text

    assert levels_of(ReplayCamera(tmp_path, pace="fast", loop=False)) == [70]


def test_folders_in_the_folder_belong_to_it(tmp_path: Path) -> None:
    for day, level in (("2026-11-02", 20), ("2026-11-01", 10)):
        (tmp_path / day).mkdir()
        write_image(tmp_path / day / "12-00-00.jpg", level)
    write_image(tmp_path / "z.png", 30)

    assert levels_of(ReplayCamera(tmp_path, pace="fast", loop=False)) == [10, 20, 30]


def test_one_picture_is_a_recording_too(tmp_path: Path) -> None:
    assert levels_of(ReplayCamera(write_image(tmp_path / "a%d.jfif.png", 70), pace="fast", loop=False)) == [70]


def test_heic_is_told_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    write_image(tmp_path / "a.png", 10)

    camera = ReplayCamera(tmp_path, pace="fast", loop=False)
    with pytest.raises(CameraError, match="is HEIC, which OpenCV does not read; convert it to JPEG"):
        ReplayCamera(tmp_path / "IMG_1.HEIC", pace="fast", loop=False)

    assert levels_of(camera) == [10]
    assert camera.bad_frames == 1
    assert "skips HEIC images (1), which OpenCV does not read; convert them to JPEG" in caplog.text


def test_a_folder_of_videos_is_told_so(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "notes.txt"):
        (tmp_path / name).touch()

    with pytest.raises(CameraError, match=r"holds nothing readable but 2 \.mp4, 1 \.txt; expected a video file"):
        ReplayCamera(tmp_path, pace="fast", loop=False)
