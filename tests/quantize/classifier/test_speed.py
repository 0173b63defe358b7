"""Size and time in int8 of the networks of a comparison."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra train")

from edge.errors import DataError
from edge.labels import EMOTIONS
from quantize.classifier.speed import time_networks
from tests.train.classifier.brightness import save_brightness_classifier
from train.classifier.compare import BackboneResult, Comparison, Settings
from train.classifier.comparison_page import Int8Cost
from train.classifier.metrics import compute_metrics


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    """One trained network."""
    run = tmp_path / "7-emotions" / "cnn"
    run.mkdir(parents=True)
    save_brightness_classifier(run / "model.keras")
    (run / "history.csv").write_text(
        "epoch,loss,accuracy,val_loss,val_accuracy,val_ferplus,learning_rate\n1,2,.3,1,.4,nan,.1\n", "utf-8"
    )
    measured = compute_metrics(np.eye(7), np.arange(7), EMOTIONS)
    row = BackboneResult("cnn", "from scratch", 1.0, measured, None, 100, 1000, 2.0)
    whole = Comparison(Settings(epochs=1), {"Training": 7, "PublicTest": 7}, (row,))
    (tmp_path / "7-emotions" / "comparison.json").write_text(json.dumps(asdict(whole)), "utf-8")
    return tmp_path


def test_each_network_is_quantised_once_and_its_size_and_time_are_on_the_page(comparison: Path) -> None:
    told: list[str] = []
    run = comparison / "7-emotions" / "cnn"

    page = time_networks(comparison, told.append)
    again = time_networks(comparison, told.append)

    cost = Int8Cost.read(run)
    assert cost is not None
    assert cost.size_bytes > 1000
    assert min(cost.int8_ms, cost.float_ms) > 0
    assert told == ["CNN on 7 emotions"]
    assert f"{cost.size_bytes / 1e6:.1f} MB" in page.read_text("utf-8")
    assert again == page


def test_a_folder_without_a_comparison_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name a folder of fer-train compare"):
        time_networks(tmp_path)
