from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ModelError
from train.foreign.label_file import read_labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Neutral\n\n happiness \nsurprised\nanger\ncontempt\n", ("neutral", "happy", "surprise", "angry", "contempt")),
        ("0 Class 1\n1 Class 2\n", ("Class 1", "Class 2")),
        ("0 Happy\r\n1 Confused\r\n2 Bored\r\n", ("happy", "Confused", "Bored")),
        ("\ufeffconfused\nbored\n", ("confused", "bored")),
        ("1: bored\n0: confused\n", ("confused", "bored")),
        ("1 angry\n2 happy\n", ("angry", "happy")),
        ("confused, bored, attentive", ("confused", "bored", "attentive")),
        ('["confused", "bored"]', ("confused", "bored")),
        ("{0: 'Angry', 1: 'Disgusted', 2: 'Fearful'}", ("angry", "disgust", "fear")),
        ('{"bored": 1, "confused": 0}', ("confused", "bored")),
        ('{"tfjsVersion": "1.3.1", "labels": ["Class 1", "Class 2"]}', ("Class 1", "Class 2")),
    ],
    ids=str,
)
def test_labels_are_read_in_their_order_from_every_form_of_file(
    text: str, labels: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text(text, "utf-8")

    assert read_labels(tmp_path / "labels.txt") == labels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("happy\nsad\nhappiness\n", r"labels.txt: label 'happy' is listed twice"),
        ("happy\n", r"there is 1 label \(happy\); a classifier needs 2 to 20"),
        ("", r"there are 0 labels; a classifier needs 2 to 20"),
        ("happy\n<b>sad</b>\n", r"label 2, '<b>sad</b>', is not allowed"),
        ("{0: 'happy', 2: 'sad'}", r"the labels have the numbers 0, 2; number them from 0 without gaps"),
    ],
)
def test_what_cannot_be_the_labels_of_a_release_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(text)

    with pytest.raises(ModelError, match=message):
        read_labels(tmp_path / "labels.txt")


def test_an_absent_file_of_labels_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent.txt: cannot be read .*; expected a text file, one label per line"):
        read_labels(tmp_path / "absent.txt")
