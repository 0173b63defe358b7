"""Face detectors: a trained run becomes a release."""
