from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError, DataError, ModelError  # noqa: E402
from edge.labels import EMOTIONS  # noqa: E402
from train import cli  # noqa: E402
from train.classifier import backbones  # noqa: E402
from train.classifier.backbones import Backbone  # noqa: E402
from train.classifier.compare import Comparison, Contender, Settings, compare, contenders, markdown  # noqa: E402
from train.classifier.comparison_page import Int8Cost, write_page  # noqa: E402
from train.data.fer2013 import FaceSet  # noqa: E402

QUICK = Settings(epochs=1, batch=8)


@pytest.fixture
def faces(make_faces: Callable[..., FaceSet]) -> dict[str, FaceSet]:
    """All annotators saw a sad face."""
    return {split: make_faces(split, count, "sadness") for split, count in (("Training", 42), ("PublicTest", 14))}


class TinyBody:
    """A body of one convolution; stops the comparison, as Ctrl-C does, when it is built for the ``last``th time."""

    def __init__(self, last: int = 100) -> None:
        self.left = last

    def __call__(self, shape: tuple[int, int, int], weights: str | None) -> Any:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        pixels = keras.Input(shape)
        return keras.Model(pixels, keras.layers.Conv2D(4, 3, strides=8)(pixels))


@pytest.fixture(autouse=True)
def tiny_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = {"tiny": TinyBody(), "other": TinyBody(), "interrupted": TinyBody(last=2)}
    for name, body in bodies.items():
        monkeypatch.setitem(backbones.BODIES, name, Backbone(body, 24, 1 / 255, (0.0, 0.0, 0.0)))


def test_a_comparison_writes_a_result_for_each_contender_as_json_and_markdown(
    tmp_path: Path, faces: dict[str, FaceSet], make_faces: Callable[..., FaceSet]
) -> None:
    faces["PrivateTest"] = make_faces("PrivateTest", 7, "sadness")

    rows = compare([Contender("tiny"), Contender("other")], faces, tmp_path / "out", QUICK)

    assert {row.backbone for row in rows} == {"tiny", "other"}
    assert rows[0].public.accuracy >= rows[1].public.accuracy
    assert Comparison.read(tmp_path / "out").rows == rows
    assert rows[0].parameters == (3 * 3 * 3 + 1) * 4 + 2 * (4 + 1) * 7
    assert rows[0].multiply_adds == 3 * 3 * (3 * 3 * 3 * 4) + 2 * 4 * 7
    assert all(row.private is not None and row.epoch_s > 0 for row in rows)
    assert markdown(rows) in (tmp_path / "out" / "comparison.md").read_text("utf-8")
    assert (tmp_path / "out" / "tiny" / "model.keras").is_file()


def test_limit_and_emotions_select_the_faces_to_train_and_measure_on(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    settings = Settings(emotions=("happy", "sad", "surprise", "neutral"), epochs=1, batch=8, limit=20)

    compare([Contender("tiny")], faces, tmp_path, settings)

    document = json.loads((tmp_path / "comparison.json").read_text("utf-8"))
    assert document["images"] == {"Training": 20, "PublicTest": 8}  # of 24 and 8 that show them
    assert json.loads((tmp_path / "tiny" / "run.json").read_text("utf-8"))["training_pictures"] == 20


def test_an_interrupted_comparison_keeps_what_is_finished(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    with pytest.raises(KeyboardInterrupt):
        compare([Contender("tiny"), Contender("interrupted")], faces, tmp_path, QUICK)

    rows = json.loads((tmp_path / "comparison.json").read_text("utf-8"))["rows"]
    assert [row["backbone"] for row in rows] == ["tiny"]


def test_a_wrong_contender_is_refused_before_the_first_one_trains(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    with pytest.raises(ModelError, match=r"absent\.h5: do not exist"):
        compare([Contender("tiny"), Contender("other", "absent.h5")], faces, tmp_path / "out", QUICK)

    assert not (tmp_path / "out").exists()


def test_an_earlier_comparison_is_not_overwritten(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    (tmp_path / "comparison.json").touch()

    with pytest.raises(ConfigError, match="is not empty; name another folder with --out"):
        compare([Contender("tiny")], faces, tmp_path, QUICK)


def test_emotions_that_no_face_shows_are_refused(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    happy = EMOTIONS.index("happy")
    faces["PublicTest"] = faces["PublicTest"].select(faces["PublicTest"].labels != happy)

    with pytest.raises(DataError, match="data has no PublicTest face that shows happy"):
        compare([Contender("tiny")], faces, tmp_path, Settings(emotions=("happy",), epochs=1, batch=4))


def test_too_few_images_to_train_on_are_refused(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    with pytest.raises(DataError, match="6 images to train on; 8 are the least"):
        compare([Contender("tiny")], faces, tmp_path, Settings(epochs=1, limit=6))


@pytest.mark.parametrize(
    ("names", "weights", "frozen", "expected"),
    [
        (["cnn"], {}, True, ["from scratch"]),
        (["cnn", "vgg16"], {"vgg16": "imagenet"}, False, ["from scratch", "imagenet, all layers"]),
        (["vggface"], {"vggface": "models/faces.h5"}, True, ["faces.h5, head only"]),
    ],
)
def test_contenders_say_what_they_start_from(
    names: list[str], weights: dict[str, str], frozen: bool, expected: list[str]
) -> None:
    assert [contender.start for contender in contenders(names, weights, frozen=frozen)] == expected


def test_all_networks_are_compared_unless_some_are_named() -> None:
    names = [contender.backbone for contender in contenders([], {}, frozen=False)]

    assert {"cnn", "mobilenetv2", "resnet50", "vgg11", "vgg16", "vggface"} <= set(names)


def text(page: Path) -> str:
    return re.sub(r"<[^>]*>|data:[^\"]*", " ", page.read_text("utf-8"))


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_page_shows_the_networks_on_every_set_of_emotions(
    tmp_path: Path, faces: dict[str, FaceSet], epochs: int
) -> None:
    for emotions in (EMOTIONS, ("happy", "sad", "surprise", "neutral")):
        settings = Settings(emotions, epochs=epochs, batch=8)
        compare([Contender("tiny")], faces, tmp_path / f"{len(emotions)}-emotions", settings)

    page = write_page(tmp_path)

    shown, html = text(page), page.read_text("utf-8")
    assert shown.index("7 emotions") < shown.index("4 emotions")
    assert f"{epochs} epoch" in shown
    assert "42 images of Training" in shown
    assert html.count('src="data:image/png;base64,') == 2 + 2 * 2, "accuracy and cost; curves and confusion of each"
    assert "fer-quantize time has measured" in " ".join(shown.split())
    assert not re.search(r"(src|href)=\"(?!data:)", html), "one file that needs nothing else"


def test_the_page_has_size_and_time_in_int8_once_they_are_measured(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    compare([Contender("tiny")], faces, tmp_path / "7-emotions", QUICK)
    Int8Cost(size_bytes=2_500_000, int8_ms=1.25, float_ms=5.0).write(tmp_path / "7-emotions" / "tiny")

    shown = text(write_page(tmp_path))

    assert "2.5 MB" in shown
    assert "1.25 ms" in shown
    assert "has measured" not in shown


def test_a_run_that_diverged_leaves_gaps_on_the_page(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    compare([Contender("tiny")], faces, tmp_path / "7-emotions", QUICK)
    history = tmp_path / "7-emotions" / "tiny" / "history.csv"
    head, row = history.read_text("utf-8").splitlines()
    broken = ["2", *["nan"] * (head.count(",") - 1), "0.1"]
    history.write_text("\n".join([head, row, ",".join(broken)]), "utf-8")

    assert "tiny" in text(write_page(tmp_path))


def test_a_folder_without_a_comparison_has_no_page(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no comparison; name a folder of fer-train compare"):
        write_page(tmp_path)


def test_weights_for_a_network_that_is_not_compared_are_refused() -> None:
    with pytest.raises(ConfigError, match="--weights names vgg16, which is not compared; compared are cnn"):
        contenders(["cnn"], {"vgg16": "imagenet"}, frozen=False)


def test_the_help_names_every_backbone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        cli.main(["compare", "--help"])

    named = capsys.readouterr().out
    assert all(name in named for name in backbones.names() if name not in ("tiny", "other", "interrupted"))
