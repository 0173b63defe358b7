"""Videos as cameras: clocks, rates, how they are shown, and every file that is not what its name says."""

from __future__ import annotations

import itertools
import os
import shutil
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest
from cv2.data import haarcascades

from edge.camera.replay import ReplayCamera
from edge.errors import CameraError
from edge.records import Pixels
from tests.support.h264 import write_h264
from tests.support.paths import CLIP
from tests.support.replay import images_of, levels_of, next_image


def write_video(path: Path, levels: list[int], fps: float = 8.0) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    for level in levels:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path


def test_a_fast_video_is_stamped_with_its_own_clock(tmp_path: Path) -> None:
    camera = ReplayCamera(write_video(tmp_path / "clip.avi", [50, 100, 150], fps=8), pace="fast", loop=False)

    times = [frame.captured_at_s for frame in images_of(camera)]

    assert not camera.live
    assert np.diff(times) == pytest.approx([1 / 8, 1 / 8])


def test_a_video_of_more_than_sixteen_megapixels_is_refused_by_its_header(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "huge.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5, (5000, 4000))
    writer.write(np.zeros((4000, 5000, 3), np.uint8))
    writer.release()

    with pytest.raises(CameraError, match=r"video of 5000x4000 pixels; expected at most 16 megapixels"):
        ReplayCamera(tmp_path / "huge.avi", pace="fast", loop=False)


def test_a_truncated_video_plays_what_it_holds_and_counts_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = write_video(tmp_path / "clip.avi", list(range(50, 90)))
    os.truncate(clip, clip.stat().st_size // 2)

    camera = ReplayCamera(clip, pace="fast", loop=False)
    levels = levels_of(camera)

    assert 1 <= len(levels) < 36
    assert len(levels) + camera.bad_frames == 40
    assert "it is truncated" in caplog.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("noise.mp4", bytes(range(256)) * 40),
        ("text.avi", b"not a video"),
        ("noise.mkv", b"\xff" * 99),
    ],
)
def test_a_file_that_is_no_video_is_one_clear_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CameraError, match=f"{name}: holds nothing readable; expected a video file"):
        ReplayCamera(tmp_path / name, pace="fast", loop=True)


def test_a_path_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"absent\.mp4: No such file or directory; expected a video file"):
        ReplayCamera(tmp_path / "absent.mp4", pace="fast", loop=False)


def test_opencv_stays_silent_about_a_bad_file(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(200))
    # In a process of its own: FFmpeg asks once how much it may say, and other tests have used it.
    script = """
        import sys
        from pathlib import Path
        from edge.camera.replay import ReplayCamera
        from edge.errors import CameraError
        try:
            ReplayCamera(Path(sys.argv[1]), pace="fast", loop=False)
        except CameraError:
            print("refused")
    """

    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), tmp_path / "noise.mp4"], capture_output=True, text=True
    )

    assert (run.stdout, run.stderr) == ("refused\n", "")


def test_haar_finds_the_one_face_on_every_frame_of_the_demo_clip() -> None:
    cascade = cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_alt2.xml")
    camera = ReplayCamera(CLIP, pace="fast", loop=False)

    faces = [
        len(cascade.detectMultiScale(frame.pixels, scaleFactor=1.1, minNeighbors=3, minSize=(40, 40)))
        for frame in images_of(camera)
    ]

    assert len(faces) == 50
    assert faces.count(1) >= 49


def test_the_demo_clip_loops_without_a_jump() -> None:
    camera = ReplayCamera(CLIP, pace="fast", loop=True)
    pixels = [next_image(camera).pixels.astype(int) for _ in range(51)]

    steps = [np.abs(after - before).mean() for before, after in itertools.pairwise(pixels)]

    assert steps[49] <= max(steps[:49])


@pytest.mark.shared_data
def test_every_shared_clip_plays_to_its_end(shared: Path) -> None:
    clips = [path for path in sorted((shared / "media").iterdir()) if path.suffix in (".gif", ".mp4")]

    assert clips
    for clip in clips:
        camera = ReplayCamera(clip, pace="fast", loop=False)
        count = sum(1 for _ in images_of(camera))

        assert count >= 20, clip
        assert camera.bad_frames == 0, clip


# How a phone marks a video that it recorded turned: the matrix of its track, 3 x 3 in 16.16 fixed point.
UPRIGHT_AFTER_90 = (0, 1, 0, -1, 0, 0, 0, 0, 16384)
UPRIGHT_AFTER_180 = (-1, 0, 0, 0, -1, 0, 0, 0, 16384)
TWICE_AS_WIDE = (2, 0, 0, 0, 1, 0, 0, 0, 16384)


def write_mp4(path: Path, pixels: Pixels, matrix: tuple[int, ...]) -> Path:
    """Five images of ``pixels``, to be shown as ``matrix`` says."""
    height, width = pixels.shape
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (width, height))
    for _ in range(5):
        writer.write(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
    writer.release()
    content = bytearray(path.read_bytes())
    begin = content.index(b"tkhd") + 4 + 40
    content[begin : begin + 36] = struct.pack(">9i", *(part * 65536 for part in matrix))
    path.write_bytes(content)
    return path


def quarters() -> Pixels:
    """160 x 96, each quarter in a grey of its own."""
    return np.repeat(np.repeat(np.array([[40, 90], [140, 190]], np.uint8), 48, axis=0), 80, axis=1)


@pytest.mark.parametrize(
    ("recorded", "matrix"),
    [
        (quarters()[::-1, ::-1], UPRIGHT_AFTER_180),
        (quarters().T[::-1], UPRIGHT_AFTER_90),
        (cv2.resize(quarters(), (80, 96), interpolation=cv2.INTER_AREA), TWICE_AS_WIDE),
    ],
    ids=["upside down", "90 degrees", "pixels twice as wide as high"],
)
def test_a_video_is_shown_as_its_flags_say(tmp_path: Path, recorded: Pixels, matrix: tuple[int, ...]) -> None:
    clip = write_mp4(tmp_path / "phone.mp4", np.ascontiguousarray(recorded), matrix)

    image = next_image(ReplayCamera(clip, pace="fast", loop=False))

    assert image.pixels.shape == (96, 160)
    assert np.abs(image.pixels.astype(int) - quarters()).mean() < 4


def test_a_raw_video_has_the_wished_rate(tmp_path: Path) -> None:
    raw = tmp_path / "rpicam.mjpeg"
    pictures = [np.full((48, 64), level, np.uint8) for level in (50, 100, 150)]
    raw.write_bytes(b"".join(cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures))

    images = list(images_of(ReplayCamera(raw, pace="fast", loop=False, fps=4)))

    assert np.diff([image.captured_at_s for image in images]) == pytest.approx([0.25, 0.25])


@pytest.fixture(scope="module")
def raw_clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Pixels]]:
    """The demo clip as raw H.264 which says of itself that it has 30 images a second, and its images."""
    images = [image.pixels for image in images_of(ReplayCamera(CLIP, pace="fast", loop=False))]
    return write_h264(tmp_path_factory.mktemp("raw") / "rpicam.h264", images, fps=30), images


@pytest.mark.parametrize("name", ["rpicam.h264", "rpicam.264", "rpicam.mp4", "rpicam"])
@pytest.mark.parametrize("fps", [4, 10, 50])
def test_raw_h264_plays_every_image_in_order_at_the_wished_rate(
    raw_clip: tuple[Path, list[Pixels]], tmp_path: Path, name: str, fps: int
) -> None:
    raw, expected = raw_clip
    clip = Path(shutil.copy(raw, tmp_path / name))

    camera = ReplayCamera(clip, pace="fast", loop=False, fps=fps)
    images = list(images_of(camera))

    assert len(images) == len(expected) == 50
    assert np.diff([image.captured_at_s for image in images]) == pytest.approx([1 / fps] * 49)
    for image, pixels in zip(images, expected, strict=True):
        assert np.abs(image.pixels.astype(int) - pixels).mean() < 4
    assert camera.bad_frames == 0


def test_raw_h264_loops_at_the_wished_rate(raw_clip: tuple[Path, list[Pixels]]) -> None:
    camera = ReplayCamera(raw_clip[0], pace="fast", loop=True, fps=5)

    times = [next_image(camera).captured_at_s for _ in range(120)]

    assert np.diff(times) == pytest.approx([0.2] * 119)


def test_raw_h264_without_its_beginning_plays_from_the_next_key_picture(
    raw_clip: tuple[Path, list[Pixels]], tmp_path: Path
) -> None:
    content = raw_clip[0].read_bytes()
    (tmp_path / "cut.h264").write_bytes(content[len(content) // 2 :])

    images = list(images_of(ReplayCamera(tmp_path / "cut.h264", pace="fast", loop=False)))

    assert 10 <= len(images) <= 25
    assert np.abs(images[-1].pixels.astype(int) - raw_clip[1][-1]).mean() < 4


def test_raw_h264_that_holds_no_picture_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "empty.h264").touch()

    with pytest.raises(CameraError, match=r"no frame can be decoded; it is empty, damaged, or without its beginning"):
        ReplayCamera(tmp_path / "empty.h264", pace="fast", loop=False)


def test_of_a_faster_video_the_wished_rate_is_used(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.avi", list(range(40, 100)), fps=30)

    images = list(images_of(ReplayCamera(clip, pace="fast", loop=False, fps=10)))

    assert 20 <= len(images) <= 21
    assert np.diff([image.captured_at_s for image in images]).mean() == pytest.approx(0.1, rel=0.05)


def with_pause(path: Path) -> Path:
    """A GIF of three images, the second of which is shown for 2.5 s: a video with a variable rate."""
    image = pytest.importorskip("PIL.Image")
    pictures = [image.new("L", (48, 32), level) for level in (10, 100, 200)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[200, 2500, 200])
    return path


def test_a_video_with_a_variable_rate_keeps_its_times_and_what_it_shows_stays_in_view(tmp_path: Path) -> None:
    images = list(images_of(ReplayCamera(with_pause(tmp_path / "a.gif"), pace="fast", loop=False)))

    times_s = [image.captured_at_s - images[0].captured_at_s for image in images]
    assert times_s == pytest.approx([0, 0.2, 1.2, 2.2, 2.7], abs=0.02)
    assert [round(float(image.pixels.mean()), -1) for image in images] == [10, 100, 100, 100, 200]


def test_a_loop_goes_on_where_the_clip_ended(tmp_path: Path) -> None:
    camera = ReplayCamera(write_video(tmp_path / "clip.avi", [50, 100, 150], fps=8), pace="fast", loop=True)

    times = [next_image(camera).captured_at_s for _ in range(8)]

    assert np.diff(times) == pytest.approx([1 / 8] * 7)


@pytest.mark.parametrize("name", [b"gr\xfc\xdfe.avi", b"100%03d.avi"])
def test_a_video_may_have_any_name(tmp_path: Path, name: bytes) -> None:
    clip = write_video(tmp_path / "clip.avi", [50, 100])
    renamed = bytes(tmp_path) + b"/" + name
    os.rename(bytes(clip), renamed)  # noqa: PTH104 - the name is no text

    camera = ReplayCamera(Path(os.fsdecode(renamed)), pace="fast", loop=False)

    assert len(levels_of(camera)) == 2
    assert camera.name.encode()


@pytest.mark.shared_data
def test_a_codec_that_opencv_cannot_decode_is_named(shared: Path) -> None:
    clip = shared / "findings" / "inputs" / "device" / "clips" / "av1.mp4"

    with pytest.raises(CameraError, match=r"av1\.mp4: is AV01 video, of which no frame can be decoded"):
        ReplayCamera(clip, pace="fast", loop=False)
