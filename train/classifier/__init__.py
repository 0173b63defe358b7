"""The classifier of expressions: recipes, training, distillation, evaluation and reports."""
