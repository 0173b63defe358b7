"""Trains several networks in the same way on the same faces, and compares their accuracy and cost.

Every network has seven logits. A comparison on fewer emotions trains only on their faces and takes the most probable
of them as the prediction, so that every other command can read its files.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from edge.errors import ConfigError, DataError
from edge.labels import EMOTIONS
from train.classifier import backbones, recipes
from train.classifier.evaluate import evaluate
from train.classifier.fit import fit
from train.classifier.recipes import Recipe
from train.data.fer2013 import FaceSet
from train.data.selection import with_emotions
from train.run.folder import RunOptions
from train.run.layers import multiply_adds
from train.run.plots import FAINT, HELD_OUT, INK, PERCENT, TRAINING, plain, save


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
    chosen = names or [name for name in backbones.names() if name != "vggface" or name in weights]
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
    """Accuracies 0..1 of one contender on each split, ``private`` None where the data has none, and its cost.

    ``macro_f1`` is on PublicTest. ``epoch_s`` is the fastest epoch, because the first one also compiles.
    """

    backbone: str
    start: str
    training: float
    public: float
    private: float | None
    macro_f1: float
    parameters: int
    multiply_adds: int
    epoch_s: float


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
    entered: Sequence[Contender], faces: Mapping[str, FaceSet], folder: Path, settings: Settings
) -> tuple[BackboneResult, ...]:
    """Train the networks in ``entered`` one after the other, each into its own run folder inside ``folder``.

    After each, ``comparison.md``, ``comparison.json`` and ``comparison.png`` are written with all results so far.

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
                public=metrics["PublicTest"].accuracy,
                private=metrics["PrivateTest"].accuracy if "PrivateTest" in metrics else None,
                macro_f1=metrics["PublicTest"].macro_f1,
                parameters=parameters,
                multiply_adds=operations,
                epoch_s=min(timer.epochs_s),
            )
        )
        results.sort(key=lambda result: -result.public)
        _write(results, shown, folder, settings)
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
        f"| {result.backbone} | {result.start} | {result.training:.1%} | {result.public:.1%} | "
        f"{'-' if result.private is None else f'{result.private:.1%}'} | {result.macro_f1:.3f} | "
        f"{result.parameters / 1e6:.2f} M | {result.multiply_adds / 1e6:,.0f} M | {result.epoch_s:.1f} |"
        for result in results
    ]
    return "\n".join(lines) + "\n"


def _write(results: Sequence[BackboneResult], faces: Mapping[str, FaceSet], folder: Path, settings: Settings) -> None:
    images = {split: len(each) for split, each in faces.items()}
    document = {"settings": asdict(settings), "pictures": images, "rows": [asdict(result) for result in results]}
    (folder / "comparison.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    counts = ", ".join(f"{count:,} {split}" for split, count in images.items())
    head = f"{', '.join(settings.emotions)}. {settings.epochs} epochs; images: {counts}. Labels of FER2013.\n\n"
    (folder / "comparison.md").write_text(head + markdown(results), "utf-8")
    _save_plot(results, folder / "comparison.png")


def _save_plot(results: Sequence[BackboneResult], png: Path) -> None:
    """Draw accuracy on each split and the multiply-adds of every network, the best at the top."""
    results = results[::-1]
    figure = Figure(figsize=(9, 1.5 + 0.5 * len(results)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 1], sharey=True)
    heights = range(len(results))
    left.plot([result.training for result in results], heights, "o", color=TRAINING, label="Training")
    left.plot([result.public for result in results], heights, "o", color=HELD_OUT, markersize=9, label="PublicTest")
    if any(result.private is not None for result in results):
        private = [np.nan if result.private is None else result.private for result in results]
        left.plot(private, heights, "|", color=INK, markersize=14, label="PrivateTest")
    left.set_yticks(heights, [f"{result.backbone}\n{result.start}" for result in results])
    left.set_ylim(-0.6, len(results) - 0.4)
    left.set_xlim(0, 1)
    left.xaxis.set_major_formatter(PERCENT)
    left.set_title("Accuracy", loc="left", color=INK)
    left.legend(
        frameon=False, labelcolor=INK, loc="upper left", ncols=3, bbox_to_anchor=(0.25, 1.0), borderaxespad=-1.8
    )
    right.barh(heights, [result.multiply_adds / 1e6 for result in results], height=0.5, color=FAINT, alpha=0.5)
    right.set_title("Million multiply-adds", loc="left", color=INK)
    for height, result in zip(heights, results, strict=True):
        right.text(
            result.multiply_adds / 1e6,
            height,
            f" {result.multiply_adds / 1e6:,.0f}",
            va="center",
            color=INK,
            fontsize=8,
        )
    right.margins(x=0.3)
    for axes in (left, right):
        axes.grid(axis="x", color=FAINT, alpha=0.25)
        plain(axes)
    save(figure, png)
