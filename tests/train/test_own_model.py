"""docs/your-own-model.md, run command by command with generated photographs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.paths import ROOT
from tests.train.portraits import photograph

pytest.importorskip("keras", reason="needs the extra train")

from edge.model.golden import golden_input
from edge.vision.classifier import EmotionClassifier, load_release
from quantize import cli as quantize
from train import cli as train
from train.classifier.recipes import own

LABELS = ("attentive", "bored", "confused")


def commands() -> Iterator[list[str]]:
    """What the page tells people to run on the workstation."""
    blocks = (ROOT / "docs" / "your-own-model.md").read_text("utf-8").split("```")[1::2]
    for line in "".join(blocks).splitlines():
        if line.startswith("fer-"):
            yield shlex.split(line)


def light(place: int, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Light from the left, the right or above, which the network can tell apart, (height, width, 1)."""
    height, width = shape[:2]
    along = np.linspace(0.3, 1, height if place == 2 else width)[:: -1 if place == 1 else 1]
    return np.broadcast_to(along[:, None] if place == 2 else along, (height, width))[..., None]


@pytest.mark.timeout(900)
def test_the_page_leads_from_photographs_to_a_release_that_a_device_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own, "RECIPE", replace(own.RECIPE, epochs=2, batch=8))
    for number in range(10):
        for place, label in enumerate(LABELS):
            path = photograph(tmp_path / "photographs" / label / f"{number}.jpg", number)
            image = cv2.imread(str(path))
            assert image is not None
            cv2.imwrite(str(path), image * light(place, image.shape))

    for program, *arguments in commands():
        run = {"fer-train": train.main, "fer-quantize": quantize.main}[program]
        assert run(arguments) == 0, capsys.readouterr().err

    classifier = EmotionClassifier(load_release(tmp_path / "mine"))
    assert classifier.manifest.labels == LABELS
    assert [head.name for head in classifier.manifest.heads] == ["emotion"]
    (scores,) = classifier.classify([golden_input(1, (1, 48, 48, 1))[0, :, :, 0]])
    assert sum(scores.probabilities) == pytest.approx(1)
    assert (tmp_path / "mine.tar").is_file()
    card = (tmp_path / "mine" / "MODEL_CARD.md").read_text("utf-8")
    assert "attentive, bored, confused apart" in card
    report = json.loads((tmp_path / "runs/own-0/report/report.json").read_text("utf-8"))
    assert report["evaluation"]["data"] == "mine"
    out = capsys.readouterr().out
    assert "held-out faces are named right" in out
    assert "val_accuracy: " in out
    assert "nan" not in out
    assert "fer2013" not in json.dumps(classifier.manifest.metrics)
