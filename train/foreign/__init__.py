"""Opens and runs classifiers that others trained; measuring and converting do it in the same way."""
