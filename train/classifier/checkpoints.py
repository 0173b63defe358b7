"""What a classifier's run does after every epoch: save, measure the averaged weights on PublicTest, log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from keras import ops

from train.classifier.evaluate import evaluate_logits
from train.classifier.network import for_labels
from train.classifier.recipes import Recipe
from train.data.fer2013 import FaceSet
from train.run.checkpoints import WeightAverage, in_float32, save_model, save_state
from train.run.folder import MODEL_FILE, STATE_FILE
from train.run.saved import predict_logits

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_ferplus", "learning_rate")


class SaveAndEvaluate(keras.callbacks.Callback):  # type: ignore[misc]
    """After every epoch, saves the state and the model with averaged weights and adds its figures to the logs."""

    def __init__(self, folder: Path, recipe: Recipe, average: WeightAverage, held_out: FaceSet) -> None:
        super().__init__()
        self.folder, self.recipe, self.average, self.held_out = folder, recipe, average, held_out
        self.averaged = in_float32(lambda: for_labels(recipe.network(), held_out.classes))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save before measuring, so that a run that is stopped meanwhile loses nothing."""
        save_state(self.folder / STATE_FILE, self.model, self.average, epoch + 1)
        self.averaged.set_weights(self.average.weights)
        save_model(self.folder / MODEL_FILE, self.averaged)
        logits = predict_logits(self.averaged, self.held_out.pixels)
        if logs is not None:
            result = evaluate_logits(self.recipe.name, logits, self.held_out)
            logs.update(val_loss=result.fer2013.log_loss, val_accuracy=result.fer2013.accuracy)
            if result.ferplus is not None:
                logs["val_ferplus"] = result.ferplus.accuracy
            logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))


class StopMixup(keras.callbacks.Callback):  # type: ignore[misc]
    """Switches mixup off for the last epochs of a run, see ``Recipe.calm_share``."""

    def __init__(self, recipe: Recipe, epochs: int) -> None:
        super().__init__()
        self.last_mixed = epochs * (1 - recipe.calm_share)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set whether this epoch uses mixup."""
        self.model.mixing.assign(float(epoch < self.last_mixed))
