"""Trains the expression classifier: recipes, training, distillation, evaluation, ablation and reports."""
