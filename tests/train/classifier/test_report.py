from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError  # noqa: E402
from edge.labels import EMOTIONS  # noqa: E402
from edge.model.classifier_manifest import ClassifierManifest  # noqa: E402
from edge.model.golden import golden_input  # noqa: E402
from tests.support.paths import TINY  # noqa: E402
from tests.train.classifier.brightness import save_brightness_classifier  # noqa: E402
from tests.train.faces import face_set  # noqa: E402
from train.classifier.evaluate import evaluate, table  # noqa: E402
from train.classifier.report import write_report  # noqa: E402
from train.data.fer2013 import FaceSet  # noqa: E402

GREY = TINY / "grey"
HAPPY, SAD, NEUTRAL = (EMOTIONS.index(emotion) for emotion in ("happy", "sad", "neutral"))


@pytest.fixture
def faces() -> FaceSet:
    """Bright happy and dark sad masks, which the tiny models distinguish, and one bright face labelled neutral."""
    masks = np.stack([golden_input(seed, (1, 48, 48, 1))[0, ..., 0] // 4 for seed in range(12)])
    labels = np.array([HAPPY, SAD] * 6, np.uint8)
    pixels = masks + np.where(labels == HAPPY, 160, 0)[:, None, None].astype(np.uint8)
    labels[0] = NEUTRAL
    votes = [{"happiness": 9}, {"sadness": 9}] * 6
    return face_set(labels.tolist(), votes, pixels)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose model calls bright images happy and dark ones sad."""
    save_brightness_classifier(tmp_path / "model.keras")
    settings = {"recipe": {"name": "<sensor>", "epochs": 1}, "parameters": 14000}
    (tmp_path / "run.json").write_text(json.dumps(settings), "utf-8")
    (tmp_path / "history.csv").write_text(
        "epoch,loss,accuracy,val_loss,val_accuracy,val_ferplus,learning_rate\n1,2,.3,1,.4,.5,.1\n2,1,.5,1,.6,.7,0\n",
        "utf-8",
    )
    return tmp_path


def figures(page: Path) -> Any:
    return json.loads(page.with_name("report.json").read_text("utf-8"))


def test_a_report_shows_figures_plots_and_settings_of_a_run(run: Path, faces: FaceSet) -> None:
    page = write_report(run, run / "model.keras", faces, sample=6)

    text, document = page.read_text("utf-8"), figures(page)
    shown = {Path(name).stem for name in re.findall(r'<img src="([^"]+)"', text)}
    assert page == run / "report" / "index.html"
    reliability = {"reliability-ferplus", "reliability-fer2013"}
    assert shown == {"curves", "confusion", "ferplus", "mistakes", "degradations"} | reliability
    assert shown == {path.stem for path in page.parent.glob("*.png")}
    assert "<h1>model.keras on PublicTest: 91.67%</h1>" in text
    assert "recipe.name</td><td>&lt;sensor&gt;</td>" in text
    assert "parameters</td><td>14,000</td>" in text
    assert "://" not in text  # nothing is fetched
    assert document["evaluation"]["fer2013"]["accuracy"] == pytest.approx(11 / 12)
    assert document["evaluation"]["ferplus"]["accuracy"] == 1
    assert document["subsets"]["5 emotions"]["fer2013"]["faces"] == 11
    assert "4 emotions" not in document["subsets"]  # the faces show no others
    assert document["degradations"]["Darkness"]["8"] < document["degradations"]["Darkness"]["100"]


def test_a_report_needs_neither_votes_nor_mistakes(run: Path, faces: FaceSet) -> None:
    right = faces.select(np.arange(2, 12))
    unvoted = FaceSet(right.split, right.pixels, right.labels, right.rows)

    text = write_report(run, run / "model.keras", unvoted, sample=2).read_text("utf-8")

    assert "on PublicTest: 100.00%" in text
    assert '"ferplus.png"' not in text
    assert "FER+, 7 classes" not in text


def test_a_released_model_is_reported_with_its_temperature(run: Path, faces: FaceSet) -> None:
    manifest = ClassifierManifest.from_json((GREY / "model.json").read_bytes(), GREY)
    shutil.copy(GREY / "model.tflite", run)
    heads = (replace(manifest.heads[0], temperature=4.0),)
    (run / "model.json").write_text(replace(manifest, heads=heads).to_json(), "utf-8")

    page = write_report(run, run / "model.tflite", faces, sample=2)

    alone = Path(shutil.copy(GREY / "model.tflite", run / "alone.tflite"))
    reported, plain = figures(page)["evaluation"]["fer2013"], evaluate(alone, faces).fer2013
    measured = evaluate(run / "model.tflite", faces)
    assert "temperatures [4.0] before" in page.read_text("utf-8")
    assert reported["accuracy"] == plain.accuracy
    assert reported["log_loss"] != pytest.approx(plain.log_loss)
    assert measured.fer2013.log_loss == pytest.approx(reported["log_loss"])
    assert "ECE is that of a device, which divides the logits by 4 (emotion)." in table(measured)
    assert "ECE is that of the logits as they are" in table(evaluate(alone, faces))


def test_a_folder_without_a_run_is_refused(tmp_path: Path, faces: FaceSet) -> None:
    with pytest.raises(ConfigError, match=r"holds no readable run\.json; give a run folder of fer-train fit"):
        write_report(tmp_path, tmp_path / "model.keras", faces, sample=2)
