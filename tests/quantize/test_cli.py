from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.labels import EMOTIONS
from edge.vision.detector.builtin import PACKAGED_DETECTOR, load_detector
from quantize.classifier.calibration import Calibration
from quantize.cli import main
from tests.support.paths import TINY
from train.data.fer2013 import FaceSet

Faces = dict[str, FaceSet]


def write_csv(path: Path, *splits: FaceSet) -> None:
    """The challenge's layout."""
    lines = ["emotion,pixels,Usage"]
    for faces in splits:
        for label, pixels in zip(faces.labels, faces.pixels, strict=True):
            lines.append(f"{label},{' '.join(map(str, pixels.ravel()))},{faces.split}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def workplace(quarters: Any, with_both_heads: Any, faces: Faces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, calibration sample and run, as a user has them."""
    folder = tmp_path_factory.mktemp("workplace")
    write_csv(folder / "training.csv", faces["Training"])
    write_csv(folder / "faces.csv", *faces.values())
    (folder / "sample.json").write_text(Calibration.draw(faces["Training"], 0, 8).to_json())
    (folder / "run").mkdir()
    with_both_heads(quarters).save(folder / "run" / "model.keras")
    quarters.save(folder / "theirs.keras")
    (folder / "run" / "run.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def data(workplace: Path) -> list[str]:
    return ["--data", str(workplace / "faces.csv"), "--cache", str(workplace / "cache")]


def test_a_run_becomes_a_release_with_a_table_at_the_end(
    workplace: Path, data: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    sample, run, out = str(workplace / "sample.json"), str(workplace / "run"), str(workplace / "release")

    released = main(["release", run, *data, "--calibration", sample, "--out", out, "--python", sys.executable])
    alone = shutil.copyfile(f"{out}/model.tflite", workplace / "alone.tflite")
    verified = main(["verify", out]) or main(["verify", str(alone)])
    compared = main(["compare", f"{run}/model.keras", out, *data, "--plot", str(workplace / "plot.png")])

    before = (workplace / "release" / "model.json").read_bytes()
    again = [
        main(["release", run, *data, "--calibration", sample, "--out", out, *more]) for more in ([], ["--replace"])
    ]

    assert (released, verified, compared, again) == (0, 0, 0, [78, 0])
    assert (workplace / "release" / "model.json").read_bytes() == before
    assert (workplace / "plot.png").read_bytes().startswith(b"\x89PNG")
    shown, complaint = capsys.readouterr()
    assert f"{out}: holds a release already; name another folder with --out, or add --replace" in complaint
    assert "FER2013 accuracy" in shown
    assert "Edge TPU, predicted: 4 of 4 operators map; the whole model" in shown
    assert "passes every check" in shown
    assert "may be released for 7 labels" in shown
    assert "Noisiest of 4 layers" in shown


def test_a_model_that_somebody_else_trained_becomes_a_release_and_can_be_examined(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keras_file, out = str(workplace / "theirs.keras"), str(workplace / "imported")
    model = f"{out}/model.tflite"
    (workplace / "labels.txt").write_text("\n".join(EMOTIONS))
    labels, images = ["--labels", str(workplace / "labels.txt")], ["--calibration", str(workplace / "faces.csv")]

    statuses = [
        main(["convert", keras_file, *labels, *images, "--cache", str(workplace / "cache"), "--out", out]),
        main(["verify", out]),
        main(["runtimes", model, "--images", "4"]),
        main(["edgetpu", model]),
    ]

    assert statuses == [0] * 4
    assert main(["convert", keras_file, "--out", out]) == 78
    shown = capsys.readouterr().out
    assert "int8 agrees with float on 100.00 % of 63 faces" in shown
    assert "Right in float: 100.00 %, in int8: 100.00 % of 63 faces" in shown
    assert "passes every check" in shown
    assert "images: 4; int8 steps from TensorFlow's reference kernels" in shown


def test_a_sample_of_other_data_is_drawn_by_command(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training, cache, sample = workplace / "training.csv", workplace / "cache", workplace / "drawn.json"

    status = main(
        ["calibration", "--data", str(training), "--cache", str(cache), "--per-emotion", "4", "--out", str(sample)]
    )

    assert status == 0
    assert Calibration.read(sample).per_emotion == 4
    assert "28 faces of Training, 4 of each emotion" in capsys.readouterr().out


def test_operators_that_an_edge_tpu_refuses_are_listed(
    float_file: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.tflite").write_bytes(float_file)

    status = main(["edgetpu", str(tmp_path)])

    assert status == 0
    shown = capsys.readouterr().out
    assert "is FLOAT32, not 8 bit" in shown
    assert "Edge TPU, predicted: 0 of" in shown


def test_a_wrong_file_ends_with_one_sentence_and_status_78(
    float_file: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.tflite").write_bytes(float_file)

    statuses = [main(["verify", str(tmp_path / name)]) for name in ("model.tflite", "absent.tflite")]

    assert statuses == [78, 78]
    refused, absent = capsys.readouterr().err.splitlines()
    assert refused.startswith(f"fer-quantize: {tmp_path}/model.tflite: model operator 0 CONV_2D, tensor ")
    assert absent.endswith("absent.tflite: cannot be read (No such file or directory); expected a .tflite file")


@pytest.mark.parametrize("command", ["verify", "edgetpu", "runtimes"])
@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x1c\0\0\0TFL3" + bytes(40)], ids=["empty", "short", "hollow"])
def test_a_damaged_file_is_named(
    command: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.tflite").write_bytes(content)

    status = main([command, str(tmp_path / "broken.tflite")])

    assert status == 78
    assert f"fer-quantize: {tmp_path}/broken.tflite: " in capsys.readouterr().err


def test_a_variant_for_the_browser_replaces_no_release_unless_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["browser", str(TINY / "grey"), "--out", str(tmp_path)]
    main(command)
    (tmp_path / "model.tflite").write_bytes(b"mine")

    statuses = [main(command), main([*command, "--replace"])]

    assert statuses == [78, 0]
    assert "holds a release already; name another folder with --out, or add --replace" in capsys.readouterr().err
    assert (tmp_path / "model.tflite").read_bytes() != b"mine"


def test_a_detector_passes_with_the_name_of_its_refiner(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["verify", str(PACKAGED_DETECTOR)])

    assert status == 0
    name = load_detector(PACKAGED_DETECTOR).name
    assert " with refiner " in name
    assert f"{name} passes every check" in capsys.readouterr().out


def test_a_release_of_three_labels_and_one_output_passes_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["verify", str(TINY / "three")])

    assert status == 0
    assert "three passes every check" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["three", "face", "refined", "refined/refiner"])
def test_the_file_of_a_release_is_checked_with_its_manifest(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["verify", str(TINY / name / "model.tflite")])

    assert status == 0
    assert "passes every check" in capsys.readouterr().out


def test_a_file_alone_may_have_any_number_of_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = shutil.copyfile(TINY / "three" / "model.tflite", tmp_path / "alone.tflite")

    status = main(["verify", str(alone)])

    assert status == 0
    assert "alone.tflite: may be released for 3 labels; " in capsys.readouterr().out


def test_an_unknown_split_is_a_usage_error(data: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["compare", "m.keras", "m.tflite", *data, "--split", "Test"])

    assert ended.value.code == 2


def test_help_needs_no_tensorflow_and_names_every_command() -> None:
    code = "import sys, quantize.cli as c\ntry: c.main(['--help'])\nfinally: assert 'tensorflow' not in sys.modules"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    for command in ("release", "detector", "convert", "verify", "compare", "edgetpu", "runtimes", "calibration"):
        assert command in shown
