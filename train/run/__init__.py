"""What every training run has, of either kind of model: checkpoints, plots, progress and saved models."""
