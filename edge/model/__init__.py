"""Model files: manifests, checksums, signatures, downloads and the TFLite runtime, for classifiers and detectors."""
