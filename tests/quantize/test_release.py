from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edge.classifier import EmotionClassifier, load_release
from edge.contract import EMOTIONS
from edge.errors import ConfigError, DataError, ModelError
from quantize.calibration import Calibration
from quantize.release import Outcome, prove, release
from train.fer2013 import FaceSet

Faces = dict[str, FaceSet]


@pytest.fixture(scope="module")
def sample(faces: Faces) -> Calibration:
    return Calibration.draw(faces["Training"], 0, 8)


@pytest.fixture(scope="module")
def run(quarters: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as fer-train leaves it."""
    folder = tmp_path_factory.mktemp("runs") / "quarters-0"
    folder.mkdir()
    quarters.save(folder / "model.keras")
    (folder / "run.json").write_text('{"recipe": {"name": "quarters"}}')
    return folder


@pytest.fixture(scope="module")
def released(
    run: Path, faces: Faces, sample: Calibration, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("releases") / "quarters"
    return folder, release(run, faces, sample, folder)


def test_a_release_loads_on_the_device_and_names_the_emotions(released: tuple[Path, Outcome], faces: Faces) -> None:
    folder, _ = released
    held_out = faces["PublicTest"]

    scores = EmotionClassifier(load_release(folder)).classify(list(held_out.pixels))

    assert [each.dominant for each in scores] == [EMOTIONS[label] for label in held_out.labels]


def test_a_release_folder_explains_itself(released: tuple[Path, Outcome]) -> None:
    folder, outcome = released

    card = (folder / "MODEL_CARD.md").read_text()
    page = (folder / "comparison.md").read_text()
    assert outcome.manifest.id in card
    assert "| FER2013 accuracy | 100.00 % | 100.00 % | +0.00 |" in card
    assert "| FULLY_CONNECTED |" in page
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_the_manifest_tells_run_data_tools_and_figures(released: tuple[Path, Outcome], sample: Calibration) -> None:
    manifest = load_release(released[0]).manifest

    assert manifest.id.startswith("quarters-0-")
    assert manifest.training["recipe"] == {"name": "quarters"}
    assert manifest.training["calibration"] == {"faces": 56, "sha256": sample.sha256}
    assert manifest.metrics["PublicTest"]["int8"]["fer2013"]["accuracy"] == 1
    assert manifest.tools.keys() >= {"tensorflow", "keras", "ai-edge-litert"}
    assert len(manifest.golden) == 8
    assert manifest.golden_tolerance >= 4


def test_the_same_run_gives_the_same_release(
    released: tuple[Path, Outcome], run: Path, faces: Faces, sample: Calibration, tmp_path: Path
) -> None:
    release(run, faces, sample, tmp_path)

    for file in released[0].iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_flipped_bits_and_truncations_are_all_refused(released: tuple[Path, Outcome], tmp_path: Path) -> None:
    whole = (released[0] / "model.tflite").read_bytes()
    (tmp_path / "model.json").write_bytes((released[0] / "model.json").read_bytes())
    random = np.random.RandomState(0)

    for attempt in range(50):
        damaged = bytearray(whole)
        if attempt % 2:
            damaged[random.randint(len(whole))] ^= 1 << random.randint(8)
        else:
            del damaged[random.randint(len(whole)) :]
        (tmp_path / "model.tflite").write_bytes(damaged)
        with pytest.raises(ModelError, match="sha256"):
            prove(tmp_path)


def test_a_manifest_with_labels_in_another_order_is_refused(released: tuple[Path, Outcome], tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes((released[0] / "model.tflite").read_bytes())
    document = json.loads((released[0] / "model.json").read_text())
    document["labels"] = document["labels"][::-1]
    (tmp_path / "model.json").write_text(json.dumps(document))

    with pytest.raises(ModelError, match=r"labels are neutral, surprise, .*; accepted is the order angry, disgust"):
        prove(tmp_path)


def test_a_network_that_quantises_badly_is_not_released(
    quarters: Any, faces: Faces, sample: Calibration, tmp_path: Path
) -> None:
    lopsided = keras.models.clone_model(quarters)
    kernel, bias = quarters.layers[-1].get_weights()
    bias[EMOTIONS.index("disgust")] = -20_000  # one logit takes the whole range of int8
    lopsided.set_weights([*quarters.get_weights()[:-2], kernel, bias])
    lopsided.save(tmp_path / "model.keras")
    (tmp_path / "run.json").write_text("{}")

    with pytest.raises(ModelError, match=r"int8 loses .* points on PublicTest"):
        release(tmp_path, faces, sample, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_run_is_refused(faces: Faces, sample: Calibration, tmp_path: Path) -> None:
    advice = "expected a folder of fer-train fit"
    with pytest.raises(ConfigError, match=f"run.json cannot be read .*; {advice}"):
        release(tmp_path, faces, sample, tmp_path / "out")
    for content, reason in (("{", "is not JSON"), ("[]", "holds no settings")):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(ConfigError, match=f"run.json {reason}.*; {advice}"):
            release(tmp_path, faces, sample, tmp_path / "out")


def test_a_place_that_cannot_be_written_is_named(run: Path, faces: Faces, sample: Calibration, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigError, match=r"release folder .*file: cannot be written \(File exists\)"):
        release(run, faces, sample, tmp_path / "file")


def test_a_missing_split_is_named(run: Path, faces: Faces, sample: Calibration, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="data has no PrivateTest split, it has Training, PublicTest"):
        release(run, faces, sample, tmp_path / "out", splits=["PrivateTest"])


def test_other_data_than_the_sample_was_drawn_from_is_refused(
    run: Path, faces: Faces, sample: Calibration, tmp_path: Path
) -> None:
    swapped = {"Training": faces["PublicTest"], "PublicTest": faces["PublicTest"]}

    with pytest.raises(DataError, match="calibration: "):
        release(run, swapped, sample, tmp_path / "out")
