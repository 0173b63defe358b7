from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from edge.errors import ConfigError
from quantize.sign import sign

ADVICE = "make one with openssl genpkey -algorithm ed25519"


def pem(key: object, password: bytes | None = None) -> bytes:
    hidden = NoEncryption() if password is None else BestAvailableEncryption(password)
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))  # type: ignore[attr-defined]


def test_openssl_alone_makes_the_keys_and_checks_the_signature(tmp_path: Path) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "model.json").write_text("{}")
    openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
    openssl("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")

    sign(tmp_path / "model.json", tmp_path / "key.pem")

    files = ("-inkey", "public.pem", "-in", "model.json", "-sigfile", "model.json.sig")
    openssl("pkeyutl", "-verify", "-pubin", "-rawin", *files)
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(subprocess.CalledProcessError):
        openssl("pkeyutl", "-verify", "-pubin", "-rawin", *files)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"nothing", f"is no PEM file with a private key without password; {ADVICE}"),
        (pem(Ed25519PrivateKey.generate(), b"secret"), f"is no PEM file with a private key without password; {ADVICE}"),
        (pem(generate_private_key(SECP256R1())), f"is no Ed25519 key; {ADVICE}"),
    ],
    ids=["absent", "no key", "with a password", "another kind"],
)
def test_a_file_that_cannot_sign_is_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    if content is not None:
        key.write_bytes(content)

    with pytest.raises(ConfigError, match=f"key.pem: {message}"):
        sign(tmp_path / "model.json", key)
