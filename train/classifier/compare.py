"""Trains several networks in the same way on the same faces, and compares their accuracy and cost.

Every network has seven logits. A comparison on fewer emotions trains only on their faces and takes the most probable
of them as the prediction, so that every other command can read its files. ``comparison_page`` draws the results.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np

from edge.errors import ConfigError, DataError
from edge.labels import EMOTIONS
from train.classifier import backbones, recipes
from train.classifier.evaluate import evaluate
from train.classifier.fit import fit
from train.classifier.metrics import Metrics
from train.classifier.recipes import Recipe
from train.data.fer2013 import FaceSet
from train.data.selection import with_emotions
from train.run.folder import RunOptions
from train.run.layers import multiply_adds

COMPARISON_FILE = "comparison.json"

NAMES = {
    "cnn": "CNN",
    "mobilenetv2": "MobileNetV2",
    "resnet50": "ResNet50",
    "vgg11": "VGG11",
    "vgg16": "VGG16",
    "vggface": "VGGFace",
}
"""The networks as people know them."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A backbone, where its weights come from (None: random), and whether only its head is trained."""

    backbone: str
    weights: str | None = None
    frozen: bool = False

    @property
    def start(self) -> str:
        """What the run starts from, as shown in tables."""
        if self.weights is None:
            return "from scratch"
        return f"{Path(self.weights).name}, {'head only' if self.frozen else 'all layers'}"

    def network(self) -> keras.Model:
        """A fresh network, see ``backbones.build``."""
        return backbones.build(self.backbone, self.weights, frozen=self.frozen)


def contenders(names: Sequence[str], weights: Mapping[str, str], *, frozen: bool) -> list[Contender]:
    """The networks in ``names``, or all that can be trained; ``frozen`` applies to those that have ``weights``.

    Raises:
        ConfigError: weights are given for a network that is not compared.
    """
    chosen = names or backbones.names()
    if unused := weights.keys() - set(chosen):
        raise ConfigError(
            f"--weights names {', '.join(sorted(unused))}, which is not compared; compared are {', '.join(chosen)}"
        )
    return [Contender(name, weights.get(name), frozen and name in weights) for name in chosen]


@dataclass(frozen=True, slots=True)
class Settings:
    """What all contenders share. ``limit`` is the largest number of images of a split, None for all."""

    emotions: tuple[str, ...] = EMOTIONS
    epochs: int = 30
    limit: int | None = None
    batch: int = 128
    seed: int = 0
    precision: str = "float32"


@dataclass(frozen=True, slots=True)
class BackboneResult:
    """What one contender learned and costs.

    ``training`` and ``private`` are accuracies 0..1, ``private`` None where the data has no PrivateTest. ``public`` has
    the metrics on PublicTest. ``epoch_s`` is the fastest epoch, because the first one also compiles.
    """

    backbone: str
    start: str
    training: float
    public: Metrics
    private: float | None
    parameters: int
    multiply_adds: int
    epoch_s: float

    @property
    def name(self) -> str:
        """For people."""
        return NAMES.get(self.backbone, self.backbone)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What ``comparison.json`` holds: how many images of each split were used, and the results, the best first."""

    settings: Settings
    images: dict[str, int]
    rows: tuple[BackboneResult, ...]

    @staticmethod
    def read(folder: Path) -> Comparison:
        """That of ``folder``.

        Raises:
            DataError: there is none, or it cannot be read.
        """
        file = folder / COMPARISON_FILE
        try:
            return msgspec.json.decode(file.read_bytes(), type=Comparison)
        except (OSError, msgspec.MsgspecError) as error:
            raise DataError(f"comparison {file}: cannot be read ({error}); make it with fer-train compare") from error


class EpochTimer(keras.callbacks.Callback):  # type: ignore[misc]
    """Measures the seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs_s: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start."""
        self.started_s = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop."""
        self.epochs_s.append(time.monotonic() - self.started_s)


def compare(
    entered: Sequence[Contender],
    faces: Mapping[str, FaceSet],
    folder: Path,
    settings: Settings,
    told: Callable[[], object] = lambda: None,
) -> tuple[BackboneResult, ...]:
    """Train the networks in ``entered`` one after the other, each into its own run folder inside ``folder``.

    After each, ``comparison.md`` and ``comparison.json`` are written with all results so far, and ``told`` is called.

    Returns:
        A result per contender, the best on PublicTest first.

    Raises:
        ConfigError: the folder is not empty, a split is missing, or a contender cannot be built.
        ModelError: weights cannot be downloaded or read; all are checked before the first network trains.
        DataError: too few images show the emotions.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"comparison {folder}: is not empty; name another folder with --out")
    sizes = []
    for contender in entered:
        network = contender.network()
        sizes.append((network.count_params(), multiply_adds(network)))
    shown = {split: _limit(with_emotions(each, settings.emotions), settings) for split, each in faces.items()}
    options = RunOptions(seed=settings.seed, epochs=settings.epochs, precision=settings.precision)

    results: list[BackboneResult] = []
    for contender, (parameters, operations) in zip(entered, sizes, strict=True):
        timer = EpochTimer()
        recipe = _recipe(contender, settings)
        model = fit(recipe, shown, folder / contender.backbone, options, resume=False, callbacks=[timer])
        metrics = {split: evaluate(model, each, settings.emotions).fer2013 for split, each in shown.items()}
        results.append(
            BackboneResult(
                contender.backbone,
                contender.start,
                training=metrics["Training"].accuracy,
                public=metrics["PublicTest"],
                private=metrics["PrivateTest"].accuracy if "PrivateTest" in metrics else None,
                parameters=parameters,
                multiply_adds=operations,
                epoch_s=min(timer.epochs_s),
            )
        )
        results.sort(key=lambda result: -result.public.accuracy)
        images = {split: len(each) for split, each in shown.items()}
        _write(Comparison(settings, images, tuple(results)), folder)
        told()
        keras.utils.clear_session()
    return tuple(results)


def _limit(faces: FaceSet, settings: Settings) -> FaceSet:
    if not len(faces):
        raise DataError(f"the data has no {faces.split} face that shows {' or '.join(settings.emotions)}")
    return faces.select(np.random.default_rng(settings.seed).permutation(len(faces))[: settings.limit])


def _recipe(contender: Contender, settings: Settings) -> Recipe:
    """The recipe ``first`` with another network."""
    return replace(
        recipes.load("first"),
        name=contender.backbone,
        network=contender.network,
        epochs=settings.epochs,
        batch=settings.batch,
        learning_rate=backbones.learning_rate(
            contender.backbone, pretrained=contender.weights is not None, frozen=contender.frozen
        ),
    )


def markdown(results: Iterable[BackboneResult]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| network | weights | Training | PublicTest | PrivateTest | macro F1 | parameters | multiply-adds | s/epoch |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {result.backbone} | {result.start} | {result.training:.1%} | {result.public.accuracy:.1%} | "
        f"{'-' if result.private is None else f'{result.private:.1%}'} | {result.public.macro_f1:.3f} | "
        f"{result.parameters / 1e6:.2f} M | {result.multiply_adds / 1e6:,.0f} M | {result.epoch_s:.1f} |"
        for result in results
    ]
    return "\n".join(lines) + "\n"


def _write(comparison: Comparison, folder: Path) -> None:
    (folder / COMPARISON_FILE).write_text(json.dumps(asdict(comparison), indent=1) + "\n", "utf-8")
    settings = comparison.settings
    counts = ", ".join(f"{count:,} {split}" for split, count in comparison.images.items())
    head = f"{', '.join(settings.emotions)}. {settings.epochs} epochs; images: {counts}. Labels of FER2013.\n\n"
    (folder / "comparison.md").write_text(head + markdown(comparison.rows), "utf-8")
