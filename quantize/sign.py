"""Signs a release; a device that has the public key runs no other releases. See ``edge.model.signature``.

The checksums of ``make deb`` are signed the same way.
"""

from __future__ import annotations

from pathlib import Path

from edge.errors import ConfigError


def sign(manifest: Path, key: Path) -> None:
    """Write the signature of ``manifest`` by ``key``, a PEM file with an Ed25519 private key, beside it as ``.sig``.

    Raises:
        ConfigError: the key cannot be read or is no Ed25519 key, or ``cryptography`` is not installed.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        raise ConfigError(f"key {key}: signing needs the package cryptography; install fer-edge[sign]") from error
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(f"key {key}: cannot be read ({error.strerror}), expected a PEM file") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: the key has a password
        raise ConfigError(
            f"key {key}: is no PEM file with a private key without password; make one with openssl genpkey -algorithm "
            "ed25519"
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(f"key {key}: is no Ed25519 key; make one with openssl genpkey -algorithm ed25519")
    manifest.with_name(f"{manifest.name}.sig").write_bytes(private.sign(manifest.read_bytes()))
