"""Recipes: one training run each, as a file whose docstring states score, time and command."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.errors import ConfigError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far each disturbance goes; 0 switches one off.

    ``rotation_deg``, ``scale`` and ``shift`` (share of the side) are drawn evenly in both directions: a detector's box
    is never FER2013's. ``contrast`` and ``brightness`` (of 255) stand for light, ``blur`` is the share of pictures that
    lose detail as a distant face does: reduced to a side within ``far_px``, drawn evenly on a logarithmic scale, and
    enlarged again. ``noise`` is the largest standard deviation in grey levels, ``erase`` the share of pictures with a
    covered rectangle.
    """

    rotation_deg: float = 15
    scale: float = 0.2
    shift: float = 0.1
    contrast: float = 0.3
    brightness: float = 0.12
    blur: float = 0.15
    far_px: tuple[int, int] = (24, 24)
    noise: float = 6
    erase: float = 0.3


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a run, besides the data.

    ``label_share`` of the loss is of the head for FER2013's labels, the rest of that for FER+'s votes. Stochastic
    gradient descent with Nesterov momentum warms up linearly to ``learning_rate``, in at most half of the epochs,
    and falls as a cosine to zero. ``weight_decay`` is decoupled: ten times the classical figure at momentum 0.9.
    ``average`` is the momentum of the weight average that is evaluated and kept. Pairs of pictures are mixed with a
    share drawn from Beta(``mixup``, ``mixup``), except in the last ``calm_share`` of the epochs; 0 mixes none.

    A recipe with ``teachers``, names of other recipes, is distilled: they answer every picture as it is augmented in
    that step, see ``train.classifier.training_model``, and the mean of their probabilities is ``teacher_share`` of the
    target, one share for the FER+ head and one for the FER2013 head. ``start`` is the recipe from whose weights it
    begins, of the same network or of a wider one with the same layers, see ``train.classifier.narrow``.
    """

    name: str
    network: Callable[[], keras.Model]
    epochs: int
    teachers: tuple[str, ...] = ()
    start: str | None = None
    teacher_share: tuple[float, float] = (0.7, 0.7)
    batch: int = 128
    learning_rate: float = 0.05
    warmup_epochs: int = 3
    weight_decay: float = 5e-3
    average: float = 0.998
    label_share: float = 0.5
    mixup: float = 0.0
    calm_share: float = 0.15
    augmentation: Augmentation = field(default_factory=Augmentation)


def names() -> list[str]:
    """The recipes of the package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        ConfigError: no such recipe.
    """
    if name not in names():
        raise ConfigError(f"recipe {name!r} does not exist; there are {', '.join(names())}")
    recipe: Recipe = importlib.import_module(f"{__name__}.{name}").RECIPE
    return recipe
