from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from edge.errors import ConfigError, DataError, ModelError
from edge.labels import EMOTIONS
from edge.vision.classifier import EmotionClassifier, load_release
from quantize.classifier.calibration import Calibration
from quantize.classifier.release import Outcome, release
from quantize.release import check_release
from train.data.fer2013 import FaceSet

Faces = dict[str, FaceSet]


@pytest.fixture(scope="module")
def sample(faces: Faces) -> Calibration:
    return Calibration.draw(faces["Training"], 0, 8)


@pytest.fixture(scope="module")
def run(quarters: Any, with_both_heads: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as fer-train leaves it."""
    folder = tmp_path_factory.mktemp("runs") / "quarters-0"
    folder.mkdir()
    with_both_heads(quarters).save(folder / "model.keras")
    (folder / "run.json").write_text('{"recipe": {"name": "quarters"}}')
    return folder


@pytest.fixture(scope="module")
def released(
    run: Path, faces: Faces, sample: Calibration, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("releases") / "quarters"
    return folder, release(run, faces, sample, folder)


def test_the_daemon_names_the_emotions_with_the_release(released: tuple[Path, Outcome], faces: Faces) -> None:
    folder, _ = released
    held_out = faces["PublicTest"]

    scores = EmotionClassifier(load_release(folder)).classify(list(held_out.pixels))

    assert [each.dominant for each in scores] == [EMOTIONS[label] for label in held_out.labels]


def test_a_release_folder_documents_itself(released: tuple[Path, Outcome]) -> None:
    folder, outcome = released

    card = (folder / "MODEL_CARD.md").read_text()
    page = (folder / "comparison.md").read_text()
    assert outcome.manifest.id in card
    assert "`model.json`.\n\nInput: int8" in card
    assert "| FER2013 accuracy | 100.00 % | 100.00 % | +0.00 |" in card
    assert [line.split("|")[1].strip() for line in card.splitlines() if " px | " in line] == [
        "48 px",
        "36 px",
        "24 px",
        "20 px",
        "16 px",
    ]
    assert "| FULLY_CONNECTED |" in page
    assert "| ferplus calibration error at temperature " in page
    assert f"int8 is {outcome.latency.ratio:.1f} times as fast" in page
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_the_manifest_holds_run_data_tools_and_figures(released: tuple[Path, Outcome], sample: Calibration) -> None:
    manifest = load_release(released[0]).manifest

    assert manifest.id.startswith("quarters-0-")
    assert manifest.training["recipe"] == {"name": "quarters"}
    assert manifest.training["calibration"] == {"faces": 56, "sha256": sample.sha256}
    assert manifest.metrics["PublicTest"]["int8"]["fer2013"]["accuracy"] == 1
    assert manifest.tools.keys() >= {"tensorflow", "keras", "ai-edge-litert"}
    assert len(manifest.golden) == 8
    assert manifest.golden_tolerance >= 4


def test_the_same_run_gives_the_same_release(
    released: tuple[Path, Outcome], run: Path, faces: Faces, sample: Calibration, tmp_path: Path
) -> None:
    release(run, faces, sample, tmp_path)

    for file in released[0].iterdir():
        first, again = ((folder / file.name).read_bytes().splitlines() for folder in (released[0], tmp_path))
        differing = [a for a, b in zip(first, again, strict=True) if a != b]
        assert all(line.startswith(b"One image takes ") for line in differing), file.name


def test_a_manifest_with_labels_in_another_order_is_refused(released: tuple[Path, Outcome], tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes((released[0] / "model.tflite").read_bytes())
    manifest = replace(released[1].manifest, labels=EMOTIONS[::-1])
    (tmp_path / "model.json").write_text(manifest.to_json())

    with pytest.raises(ModelError, match=r"labels are neutral, surprise, .*; expected the order of fer-train, angry"):
        check_release(tmp_path)


def test_a_release_is_signed_with_a_key_and_a_later_one_without_is_not(
    run: Path, faces: Faces, sample: Calibration, tmp_path: Path
) -> None:
    private = Ed25519PrivateKey.generate()
    key, public, out = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "out"
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    release(run, faces, sample, out, key=key)
    signed = load_release(out, public)
    release(run, faces, sample, out)

    assert signed.manifest.id.startswith("quarters-0-")
    with pytest.raises(ModelError, match=r"model.json.sig: cannot be read"):
        load_release(out, public)


def test_a_network_that_int8_ruins_is_not_released_and_the_error_says_what_to_do(
    uneven_channels: Any, with_both_heads: Any, faces: Faces, sample: Calibration, tmp_path: Path
) -> None:
    with_both_heads(uneven_channels).save(tmp_path / "model.keras")
    (tmp_path / "run.json").write_text("{}")

    with pytest.raises(ModelError, match=r"int8 loses .* points on PublicTest.*; .* train again with batch normal"):
        release(tmp_path, faces, sample, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_run_is_refused(faces: Faces, sample: Calibration, tmp_path: Path) -> None:
    advice = "expected a run folder of fer-train fit"
    with pytest.raises(ConfigError, match=f"run.json cannot be read .*; {advice}"):
        release(tmp_path, faces, sample, tmp_path / "out")
    for content, reason in (("{", "is not JSON"), ("[]", "holds no settings")):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(ConfigError, match=f"run.json {reason}.*; {advice}"):
            release(tmp_path, faces, sample, tmp_path / "out")


def test_a_place_that_cannot_be_written_is_named(run: Path, faces: Faces, sample: Calibration, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigError, match=r"release folder .*file: cannot be written \(Not a directory\)"):
        release(run, faces, sample, tmp_path / "file")


def test_a_missing_split_is_named(run: Path, faces: Faces, sample: Calibration, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="data has no PrivateTest split; it has Training, PublicTest"):
        release(run, faces, sample, tmp_path / "out", splits=["PrivateTest"])


def test_other_data_than_the_sample_was_drawn_from_is_refused(
    run: Path, faces: Faces, sample: Calibration, tmp_path: Path
) -> None:
    swapped = {"Training": faces["PublicTest"], "PublicTest": faces["PublicTest"]}

    with pytest.raises(DataError, match="calibration: "):
        release(run, swapped, sample, tmp_path / "out")
