"""Classifiers: a trained run, or a model that somebody else trained, becomes a release."""
