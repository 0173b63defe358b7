from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.errors import DataError
from edge.labels import EMOTIONS
from train.run.plots import save_confusion, save_curves

HEADER = "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss,val_ferplus\n"


def read(png: Path) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(png), cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.mark.parametrize(
    "rows", ["1,.2,.05,1.9,.3,1.8,.4\n2,.4,.03,1.5,.5,1.4,.6\n3,.5,0,1.4,.4,1.5,.6\n", "1,.2,.05,1.9,.3,1.8,nan\n"]
)
def test_curves_are_drawn_from_the_first_epoch_on(tmp_path: Path, rows: str) -> None:
    history, png = tmp_path / "history.csv", tmp_path / "curves.png"
    history.write_text(HEADER + rows)

    save_curves(history, png)

    image = read(png)
    assert image.shape[1] > 1000
    assert image.min() < 100 < image.max()


def test_curves_of_a_run_that_diverged_are_drawn(tmp_path: Path) -> None:
    history, png = tmp_path / "history.csv", tmp_path / "curves.png"
    history.write_text(HEADER + "1,.2,.05,nan,nan,nan,nan\n")

    save_curves(history, png)

    assert png.stat().st_size > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "holds no finished epoch"),
        ("epoch,loss\n0,1\n", "has no column 'accuracy'; a run writes epoch, loss, accuracy, val_loss"),
        (HEADER + "1,.2,.05,1.9,.3,high,.4\n", "cannot be read"),
        (HEADER + "1,.2,.05\n", "cannot be read"),
    ],
)
def test_a_wrong_history_is_refused(tmp_path: Path, text: str, message: str) -> None:
    history = tmp_path / "history.csv"
    history.write_text(text)

    with pytest.raises(DataError, match=message):
        save_curves(history, tmp_path / "curves.png")


def test_a_confusion_matrix_is_dark_on_its_diagonal_only(tmp_path: Path) -> None:
    png = tmp_path / "confusion.png"

    save_confusion(np.eye(7, dtype=int) * 90, EMOTIONS, "first on PublicTest: 100 %", png)

    image = read(png)
    dark = np.count_nonzero(image < 100) / image.size
    assert 0.05 < dark < 1 / 7


def test_a_class_without_faces_draws_an_empty_row(tmp_path: Path) -> None:
    png = tmp_path / "confusion.png"

    save_confusion([[3, 1], [0, 0]], ("happy", "sad"), "two classes", png)

    assert png.stat().st_size > 0
