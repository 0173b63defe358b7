"""Trains the epochs that a run has not finished yet."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import keras


def train_epochs(
    model: keras.Model,
    batches: Iterator[Any],
    steps: int,
    epochs: range,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train ``model``, which is compiled, for ``epochs`` (from 0) of ``steps`` batches each; a loss of NaN ends it.

    Args:
        model: what to train.
        batches: those of the first of the epochs and then of the following ones, already shuffled by seed and epoch,
            so that a resumed run sees the same.
        steps: batches in an epoch.
        epochs: those to train.
        callbacks: called in this order.
    """
    model.fit(
        batches,
        steps_per_epoch=steps,
        shuffle=False,
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[*callbacks, keras.callbacks.TerminateOnNaN()],
    )
