"""What every training run needs: the backend, the run folder, checkpoints, plots, pages and progress bars."""
