"""Who made a release: an Ed25519 signature (RFC 8032) over its manifest, which holds the model's sha256.

The signature is 64 raw bytes, so that openssl alone can make the keys and check it::

    openssl genpkey -algorithm ed25519 -out key.pem
    openssl pkey -in key.pem -pubout -out public.pem
    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in model.json -sigfile model.json.sig

The only module of the daemon that imports ``cryptography``, and only when the configuration names a key.
"""

from __future__ import annotations

from pathlib import Path

from edge.errors import ConfigError, ModelError

SIGNATURE_FILE = "model.json.sig"


def verify_signature(content: bytes, signature: Path, public_key: Path) -> None:
    """Check that the owner of ``public_key``, a PEM file, has signed ``content`` in the file ``signature``.

    Raises:
        ModelError: the signature is missing, or is another key's or another content's.
        ConfigError: the key cannot be read or is of another kind, or ``cryptography`` is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise ConfigError(
            f"public key {public_key}: cannot be used without the package cryptography; install fer-edge[sign], "
            "or leave inference.public_key empty to accept any model"
        ) from error
    try:
        key = load_pem_public_key(public_key.read_bytes())
    except OSError as error:
        raise ConfigError(f"public key {public_key}: cannot be read ({error.strerror}), expected a PEM file") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"public key {public_key}: is not a public key in PEM form") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"public key {public_key}: is not an Ed25519 key")
    try:
        key.verify(signature.read_bytes(), content)
    except OSError as error:
        raise ModelError(
            f"model signature {signature}: cannot be read ({error.strerror}); expected a release that is signed with "
            f"the private key of {public_key}"
        ) from error
    except InvalidSignature as error:
        raise ModelError(
            f"model signature {signature}: is not by the private key of {public_key}, or model.json was changed since"
        ) from error
