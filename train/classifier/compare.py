"""Train several networks the same way on the same faces, and tell what each reaches and costs.

Every network keeps seven logits; a comparison on fewer emotions trains on faces of those alone and takes the best
answer among them, so that its files serve every other command.
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

from edge.errors import ConfigError, DataError
from edge.labels import EMOTIONS
from train.classifier import backbones, recipes
from train.classifier.evaluate import evaluate
from train.classifier.fit import RunOptions, fit
from train.classifier.network import multiply_adds
from train.classifier.plots import save_comparison
from train.classifier.recipes import Recipe
from train.classifier.targets import only
from train.data.fer2013 import FaceSet


@dataclass(frozen=True, slots=True)
class Contender:
    """A backbone, where its weights come from (None: from scratch), and whether only its head learns."""

    backbone: str
    weights: str | None = None
    frozen: bool = False

    @property
    def start(self) -> str:
        """What a reader needs to know of the weights."""
        if self.weights is None:
            return "from scratch"
        return f"{Path(self.weights).name}, {'head alone' if self.frozen else 'all layers'}"

    def network(self) -> keras.Model:
        """A fresh network, see ``backbones.build``."""
        return backbones.build(self.backbone, self.weights, frozen=self.frozen)


def contenders(names: Sequence[str], weights: Mapping[str, str], *, frozen: bool) -> list[Contender]:
    """Those of ``names``, or all that can be; ``frozen`` concerns those that have ``weights``.

    Raises:
        ConfigError: weights are given for a network that is not compared.
    """
    chosen = names or [name for name in backbones.names() if name != "vggface" or name in weights]
    if unused := weights.keys() - set(chosen):
        raise ConfigError(f"weights are for {', '.join(sorted(unused))}, but compared are {', '.join(chosen)}")
    return [Contender(name, weights.get(name), frozen and name in weights) for name in chosen]


@dataclass(frozen=True, slots=True)
class Settings:
    """What all contenders share: ``limit`` is the most pictures of a split, None for all; the rest is of the run."""

    emotions: tuple[str, ...] = EMOTIONS
    epochs: int = 30
    limit: int | None = None
    batch: int = 128
    seed: int = 0
    precision: str = "float32"


@dataclass(frozen=True, slots=True)
class Row:
    """What one contender reached: accuracies 0..1 on each split, ``private`` None where the data does not hold it.

    ``macro_f1`` is of PublicTest; ``epoch_s`` is the quickest epoch, since the first one also compiles.
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


class Stopwatch(keras.callbacks.Callback):  # type: ignore[misc]
    """Seconds of each epoch."""

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
) -> tuple[Row, ...]:
    """Train those ``entered`` one after the other, each into a run folder of its own inside ``folder``.

    After each, ``comparison.md``, ``comparison.json`` and ``comparison.png`` tell of all that are finished.

    Returns:
        A row per contender, the best on PublicTest first.

    Raises:
        ConfigError: the folder is not empty, a split is missing, or a contender cannot be.
        ModelError: weights cannot be fetched or read; told of all contenders before the first one trains.
        DataError: too few pictures show the emotions.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"comparison {folder}: is not empty; name another folder with --out")
    sizes = []
    for contender in entered:
        network = contender.network()
        sizes.append((network.count_params(), multiply_adds(network)))
    shown = {split: _some(only(each, settings.emotions), settings) for split, each in faces.items()}
    options = RunOptions(seed=settings.seed, epochs=settings.epochs, precision=settings.precision)

    rows: list[Row] = []
    for contender, (parameters, operations) in zip(entered, sizes, strict=True):
        stopwatch = Stopwatch()
        recipe = _recipe(contender, settings)
        model = fit(recipe, shown, folder / contender.backbone, options, resume=False, callbacks=[stopwatch])
        reached = {split: evaluate(model, each, settings.emotions).fer2013 for split, each in shown.items()}
        rows.append(
            Row(
                contender.backbone,
                contender.start,
                training=reached["Training"].accuracy,
                public=reached["PublicTest"].accuracy,
                private=reached["PrivateTest"].accuracy if "PrivateTest" in reached else None,
                macro_f1=reached["PublicTest"].macro_f1,
                parameters=parameters,
                multiply_adds=operations,
                epoch_s=min(stopwatch.epochs_s),
            )
        )
        rows.sort(key=lambda row: -row.public)
        _write(rows, shown, folder, settings)
        keras.utils.clear_session()
    return tuple(rows)


def _some(faces: FaceSet, settings: Settings) -> FaceSet:
    if not len(faces):
        raise DataError(f"data has no {faces.split} face that is {' or '.join(settings.emotions)}")
    return faces.select(np.random.default_rng(settings.seed).permutation(len(faces))[: settings.limit])


def _recipe(contender: Contender, settings: Settings) -> Recipe:
    """The settings of the recipe ``first`` for another network."""
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


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| network | weights | Training | PublicTest | PrivateTest | macro F1 | parameters | multiply-adds | s/epoch |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.backbone} | {row.start} | {row.training:.1%} | {row.public:.1%} | "
        f"{'-' if row.private is None else f'{row.private:.1%}'} | {row.macro_f1:.3f} | "
        f"{row.parameters / 1e6:.2f} M | {row.multiply_adds / 1e6:,.0f} M | {row.epoch_s:.1f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _write(rows: Sequence[Row], faces: Mapping[str, FaceSet], folder: Path, settings: Settings) -> None:
    pictures = {split: len(each) for split, each in faces.items()}
    document = {"settings": asdict(settings), "pictures": pictures, "rows": [asdict(row) for row in rows]}
    (folder / "comparison.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    counts = ", ".join(f"{count:,} {split}" for split, count in pictures.items())
    head = f"{', '.join(settings.emotions)}. {settings.epochs} epochs; pictures: {counts}. Labels of FER2013.\n\n"
    (folder / "comparison.md").write_text(head + markdown(rows), "utf-8")
    save_comparison(rows, folder / "comparison.png")
