"""The command line: exit statuses and the one sentence that goes with each."""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
import types
from importlib.util import find_spec
from pathlib import Path

import pytest

import edge
from edge.cli import main
from edge.vision.classifier import PACKAGED_MODEL, load_release
from tests.support.configuration import write
from tests.support.paths import CLIP


def replay(folder: Path, extra: str = "") -> Path:
    """A configuration that needs no hardware; its broker port is closed."""
    return write(
        folder,
        f'device.id = "test"\n[camera]\nkind = "replay"\npace = "fast"\npath = "{CLIP}"\n[mqtt]\nport = 1\n{extra}',
    )


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["run"],
        ["walk"],
        ["check", "--config", "a.toml", "--model", "b"],
        ["watch", "--port", "x"],
        ["watch", "--host", "a:b"],
        ["demo", "--windows", "0"],
    ],
)
def test_wrong_usage_ends_with_2(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(command)

    assert ending.value.code == 2
    assert "usage: fer-edge" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["bench", ""],
        ["demo", "--clip", ""],
        ["run", "--config", ""],
        ["check", "--model", ""],
        ["setup", "--answers", ""],
        ["record", ""],
        ["report", "windows.sqlite", "--out", ""],
        ["model", "install", ""],
        ["model", "fetch", "yunet", "--url", ""],
    ],
)
def test_an_empty_name_is_not_the_current_folder(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(command)

    assert ending.value.code == 2
    assert capsys.readouterr().err.endswith(": the name is empty\n")


@pytest.mark.parametrize(
    ("command", "missing"), [(["record"], "FILE"), (["report"], "FILE"), (["model", "install"], "FILE|FOLDER|URL")]
)
def test_only_what_has_to_be_given_is_named_as_missing(
    command: list[str], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(command)

    assert capsys.readouterr().err.endswith(f"error: the following arguments are required: {missing}\n")


@pytest.mark.parametrize("command", ["run", "check", "watch", "demo", "bench"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main([command, "--help"])

    assert ending.value.code == 0
    assert f"usage: fer-edge {command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "preview", "check", "bench"])
def test_a_missing_configuration_ends_with_78(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main([command, "--config", str(tmp_path / "absent.toml")])

    assert status == 78
    assert capsys.readouterr().err == (
        f"fer-edge: config {tmp_path}/absent.toml: cannot be read (No such file or directory); "
        "name a TOML file with --config\n"
    )


def test_every_problem_of_a_configuration_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["run", "--config", str(write(tmp_path, "[camera]\nfps = 0\nsize = 3\n"))])

    assert status == 78
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("command", [["watch"], ["simulate", "--devices", "1", "--minutes", "0.05"]])
@pytest.mark.parametrize(
    ("arguments", "broker"),
    [
        (["--host", "127.0.0.1:1"], "127.0.0.1:1"),
        (["--host", "127.0.0.1", "--port", "2"], "127.0.0.1:2"),
        (["--host", "[::1]:3"], "::1:3"),
        (["--host", "::1", "--port", "4"], "::1:4"),
    ],
)
def test_a_broker_is_named_by_its_host_with_or_without_the_port(
    command: list[str], arguments: list[str], broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([*command, *arguments])

    assert status == 1
    assert f"broker {broker} cannot be reached" in capsys.readouterr().err


def test_two_ports_of_a_broker_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["watch", "--host", "127.0.0.1:1", "--port", "2"])

    assert status == 78
    assert capsys.readouterr().err == "fer-edge: --host and --port name two ports, 1 and 2; leave one out\n"


def test_a_missing_model_ends_with_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["run", "--config", str(replay(tmp_path, '[model]\nfolder = "nowhere"'))])

    assert status == 78
    assert f"{tmp_path}/nowhere" in capsys.readouterr().err


def test_a_truncated_model_ends_with_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(PACKAGED_MODEL, tmp_path / "cut")
    model = tmp_path / "cut" / "model.tflite"
    model.write_bytes(model.read_bytes()[:-100])

    status = main(["check", "--model", str(tmp_path / "cut")])

    assert status == 78
    assert "sha256" in capsys.readouterr().err


def test_an_archive_of_the_packaged_model_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tarfile.open(tmp_path / "mine.tar", "w") as archive:
        for name in ("model.json", "model.tflite"):
            archive.add(PACKAGED_MODEL / name, name)

    status = main(["check", "--model", str(tmp_path / "mine.tar")])

    assert status == 0
    assert capsys.readouterr().out.startswith(f"ok    classifier {load_release(PACKAGED_MODEL).manifest.id}, ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "absent: cannot be read (No such file or directory)"),
        ("mine.tflite", "mine.tflite: is not a whole tar archive, as fer-quantize pack makes of a release folder"),
        ("empty", "empty/model.json: cannot be read"),
    ],
)
def test_what_is_no_release_is_refused_by_its_own_name(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.tflite").write_bytes((PACKAGED_MODEL / "model.tflite").read_bytes())
    (tmp_path / "empty").mkdir()

    status = main(["check", "--model", str(tmp_path / name)])

    assert status == 78
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "model.tflite"])
def test_the_packaged_model_is_accepted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["check", "--model", str(PACKAGED_MODEL / name)])

    assert status == 0
    assert capsys.readouterr().out.startswith(f"ok    classifier {load_release(PACKAGED_MODEL).manifest.id}, ")


def test_a_recording_that_does_not_exist_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera = 'kind = "replay"\npath = "absent.mp4"'

    status = main(["run", "--config", str(write(tmp_path, f'device.id = "test"\n[camera]\n{camera}'))])

    assert status == 1
    error = capsys.readouterr().err
    assert "absent.mp4" in error
    assert len([line for line in error.splitlines() if line.startswith("fer-edge: ")]) == 1


@pytest.mark.skipif(find_spec("picamera2") is not None, reason="needs a machine without picamera2")
def test_a_camera_without_its_library_ends_with_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["run", "--config", str(write(tmp_path, 'device.id = "test"\n[mqtt]\nport = 1\n'))])

    assert status == 78
    error = capsys.readouterr().err
    assert "fer-edge: camera csi: picamera2 cannot be imported" in error
    assert "Traceback" not in error


def test_check_tries_the_file_of_the_service_unless_it_is_told_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edge.commands.arguments.CONFIG", tmp_path / "of-the-service.toml")

    status = main(["check"])

    assert status == 78
    assert "of-the-service.toml: cannot be read (No such file or directory)" in capsys.readouterr().err


def test_check_names_everything_and_ends_with_the_worst(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["check", "--config", str(replay(tmp_path))])

    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    assert [line.split()[:2] for line in lines] == [
        ["ok", "runtime"],
        ["ok", "device"],
        ["NOTE", "place"],
        ["ok", "model"],
        ["ok", "detector"],
        ["ok", "camera"],
        ["NOTE", "outbox"],
        ["WRONG", "broker"],
    ]
    assert lines[-1].endswith(
        "localhost:1 cannot be reached: nothing listens there; see mqtt.host and mqtt.port. "
        f"Run: fer-edge setup --config {tmp_path}/fer-edge.toml"
    )


@pytest.mark.parametrize(
    ("arguments", "windows", "clip"),
    [
        ([], 3, None),
        (["--clip"], 3, CLIP),
        (["--clip", "--windows", "1"], 1, CLIP),
        (["--clip", "mine.mp4"], 3, Path("mine.mp4")),
    ],
)
def test_a_demo_plays_the_clip_asked_for_and_without_a_terminal_ends_by_itself(
    arguments: list[str], windows: int, clip: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def run_demo(**options: object) -> int:
        asked.update(options)
        return 0

    demo = types.ModuleType("edge.commands.demo")
    monkeypatch.setattr(demo, "run_demo", run_demo, raising=False)
    monkeypatch.setitem(sys.modules, "edge.commands.demo", demo)

    status = main(["demo", *arguments])

    assert status == 0
    assert asked == {"windows": windows, "json": False, "clip": clip, "browse": False}


def test_the_version_names_the_models_on_the_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    shown = capsys.readouterr()
    model = json.loads((Path(edge.__file__).parent / "models/model.json").read_bytes())["id"]
    assert (ended.value.code, shown.err) == (0, "")
    assert shown.out.startswith(f"fer-edge {edge.__version__}\nmodels ")
    assert model in shown.out
