"""Model files: manifests, checksums, signatures, downloads and the TFLite runtime; both kinds of model use them."""
