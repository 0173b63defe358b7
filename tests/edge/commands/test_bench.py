"""What ``fer-edge bench`` measures, and what it says of a clip that measures little."""

from __future__ import annotations

import json
import time
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli import main
from edge.commands.bench import StageMeter
from tests.support.configuration import write
from tests.support.paths import CLIP


def test_bench_prints_speed_and_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["bench", "--json"])

    figures = json.loads(capsys.readouterr().out)
    assert status == 0
    assert figures["frames"] > 20
    assert figures["frames_per_s"] > 0
    assert figures["rss_mb"] > 0
    assert (figures["looks"]["whole"], figures["looks"]["at_once"]) == (1, 1)


def test_bench_says_which_stage_takes_how_much_processor_time(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bench", "--json"])

    figures = json.loads(capsys.readouterr().out)
    stages = figures["stage_ms"]
    assert set(stages) == {"decode", "detect", "track", "crop", "classify", "window", "publish"}
    assert min(stages.values()) > 0
    assert sum(stages.values()) < figures["cpu_ms_per_frame"]
    assert 0.9 < figures["faces_per_frame"] < 1.1
    assert 0 < figures["people_per_frame"] < figures["faces_per_frame"]


def test_bench_prints_processor_time_that_adds_up_and_apart_from_it_the_time_that_passed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["bench"])

    lines = capsys.readouterr().out.splitlines()
    (passed,) = [number for number, line in enumerate(lines) if line.startswith("  time that passed: ")]
    assert "frames/s" in lines[passed]
    assert lines[passed + 1] == "  processor time:"
    (whole,) = [number for number, line in enumerate(lines) if line.endswith(" ms for each frame after it, of which")]
    stages = list(takewhile(lambda line: "(median" not in line, lines[whole + 1 :]))
    assert stages[-1].endswith(" ms all else")
    parts = [float(line.split()[0]) for line in stages]
    assert sum(parts) == pytest.approx(float(lines[whole].split()[0]), abs=0.05)


def test_bench_times_a_stage_by_the_processor() -> None:
    meter = StageMeter()

    for _ in range(2):
        with meter.time("detect"):
            time.sleep(0.2)

    spent = meter.percentiles_ms("detect")
    assert spent is not None
    assert spent.p50 < 100


def test_bench_takes_a_clip_with_or_without_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "mine.png"), np.zeros((48, 64), np.uint8))
    (tmp_path / "kiosk.toml").write_text("[detector]\nmin_face_px = 120\n")

    for options in ([], ["--config", str(tmp_path / "kiosk.toml")]):
        assert main(["bench", str(tmp_path / "mine.png"), *options]) == 0
        assert capsys.readouterr().out.startswith("replay mine.png, ")


def test_bench_says_that_a_clip_is_absent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(tmp_path / "absent.mp4")]) != 0
    assert "absent.mp4" in capsys.readouterr().err


def test_bench_of_one_image_says_why_it_times_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((48, 64), np.uint8))
    (tmp_path / "one.toml").write_text('[camera]\nkind = "replay"\npath = "one.png"\n')

    status = main(["bench", "--config", str(tmp_path / "one.toml")])

    assert status == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].endswith(": 1 frame")
    assert "detection: too few to time; give a clip that is longer" in printed
    assert "frames/s" not in printed
    assert "0.00 faces a frame on average, 0.00 people: no face was found; faces have to be upright" in printed


def test_bench_of_a_face_that_never_moves_says_why_nobody_was_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = cv2.VideoCapture(str(CLIP))
    cv2.imwrite(str(tmp_path / "portrait.png"), video.read()[1])
    video.release()

    main(["bench", str(tmp_path / "portrait.png")])

    assert "0.00 people: nobody was counted; a face counts once it has moved" in capsys.readouterr().out


def test_bench_shows_nothing_that_native_code_says_of_a_damaged_image(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, jpeg = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (480, 640), np.uint8))
    (tmp_path / "damaged.jpg").write_bytes(jpeg.tobytes()[:1000] + b"\xff" + jpeg.tobytes()[1001:])
    cv2.imwrite(str(tmp_path / "whole.png"), np.zeros((48, 64), np.uint8))

    main(["bench", str(tmp_path)])

    assert [line for line in capfd.readouterr().err.splitlines() if not line.startswith("WARNING edge.")] == []


def test_bench_shows_what_all_of_a_large_frame_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(8):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((720, 1280), 20 * number, np.uint8))
    config = write(
        tmp_path,
        f'[camera]\nkind = "replay"\npace = "fast"\npath = "{tmp_path}"\n[detector]\nmax_looks = 4\nevery = 1\n',
    )

    assert main(["bench", "--config", str(config)]) == 0

    printed = capsys.readouterr().out
    assert "4 of 7 parts of a frame in each detection (detector.max_looks)" in printed
    assert "% of a core" in printed
