"""The sign: it says what the configuration makes the device do, in every language, and nothing that it does not."""

from __future__ import annotations

import string
from dataclasses import fields, replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.commands.arguments import parse
from edge.commands.notice import notice
from edge.commands.notice_words import WORDS, Words
from edge.config import (
    CameraConfig,
    Config,
    DeploymentConfig,
    DeviceConfig,
    ModelConfig,
    PrivacyConfig,
    WindowConfig,
)
from edge.errors import ConfigError
from edge.labels import EMOTIONS
from edge.model.classifier_manifest import ClassifierManifest
from tests.support.paths import TINY

DEVICE = DeviceConfig("fer-1a2b3c4d", "City Museum", "Foyer")
ASK = DeploymentConfig(contact="privacy@museum.example")


def sign(language: str = "en", **sections: Any) -> str:
    return unescape(notice(Config(**{"device": DEVICE, "deployment": ASK, **sections}), language))


def test_a_device_that_measures_moods_says_so_with_place_topic_and_contact() -> None:
    text = sign()

    assert "<h1>Facial expressions are measured here</h1>" in text
    assert "Foyer, City Museum" in text
    assert "angry, disgusted, afraid, happy, sad, surprised, neutral" in text
    assert "Every 60 seconds: how many people were in view." in text
    assert "of moments with at least 3 people in view" in text
    assert "fer/v1/fer-1a2b3c4d/#" in text
    assert "privacy@museum.example" in text
    assert "Article 50(3) of Regulation (EU) 2024/1689" in text


@pytest.mark.parametrize(
    "sections",
    [
        {"privacy": PrivacyConfig(counts_only=True)},
        {"deployment": DeploymentConfig("workplace", contact="reception@museum.example")},
    ],
)
def test_a_device_that_only_counts_says_nothing_of_moods(sections: dict[str, Any]) -> None:
    text = sign(**sections)

    assert "<h1>People are counted here</h1>" in text
    assert "xpression" not in text
    assert "Article 50(3)" not in text


@pytest.mark.parametrize(
    ("privacy", "sentence"),
    [
        (PrivacyConfig(mode="visits", min_people=5), "the mean expression of every 5 visits, after they have ended"),
        (PrivacyConfig(min_people=1), "also that of somebody who is alone"),
        (PrivacyConfig(quiet_hours=("22:00-06:00", "sat,sun 00:00-24:00")), "22:00–06:00; Sat, Sun 00:00–24:00"),
        (PrivacyConfig(pause_button="GPIO17"), "The button on the device closes the camera."),
    ],
)
def test_it_says_what_the_privacy_section_sets(privacy: PrivacyConfig, sentence: str) -> None:
    assert sentence in sign(privacy=privacy)


def test_it_says_nothing_that_is_not_set() -> None:
    text = sign()

    assert "is closed" not in text
    assert "button" not in text
    assert "black before" not in text
    assert "Why this is allowed" not in text


def test_a_mask_and_a_long_window_are_told() -> None:
    mask = (((0.0, 0.0), (0.5, 0.0), (0.5, 1.0)),)

    text = sign(camera=CameraConfig(mask=mask), window=WindowConfig(300.0))

    assert "Parts of the picture are black" in text
    assert "Every 5 minutes" in text


def test_a_model_with_labels_of_its_own_is_not_given_ours(tmp_path: Path) -> None:
    text = sign(model=ModelConfig(folder=str(tmp_path)))

    assert "estimates the expression." in text
    assert "disgusted" not in text


def test_a_model_of_ones_own_is_shown_with_its_labels_in_its_words(tmp_path: Path) -> None:
    manifest = ClassifierManifest.from_json((TINY / "grey" / "model.json").read_bytes(), TINY)
    labels = ("confused", "bored", "gut gelaunt", "happy", "a", "b", "c")
    (tmp_path / "model.json").write_text(replace(manifest, labels=labels).to_json(), "utf-8")

    text = sign("de", model=ModelConfig(folder=str(tmp_path)))

    assert "den Ausdruck: confused, bored, gut gelaunt, fröhlich, a, b, c." in text


def test_a_lawful_basis_is_shown_in_the_words_of_the_operator() -> None:
    place = DeploymentConfig("education", "Study of <autism>, approved by the board", "me@uni.example")

    assert "Study of <autism>, approved by the board" in sign(deployment=place)


def test_what_the_operator_writes_is_text_and_nothing_else() -> None:
    attack = "<script>alert(1)</script>"

    text = notice(
        Config(device=DeviceConfig("fer-1", attack, attack), deployment=DeploymentConfig("kiosk", "", attack)), "en"
    )

    assert "<script" not in text


def test_without_anybody_to_ask_there_is_no_sign() -> None:
    with pytest.raises(ConfigError, match=r"deployment\.contact is empty; name whom people may ask"):
        sign(deployment=DeploymentConfig())


@pytest.mark.parametrize("language", WORDS)
def test_every_language_says_the_same_with_the_same_figures(language: str) -> None:
    words, english = WORDS[language], WORDS["en"]

    def blanks(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)

    for field in fields(Words):
        here, there = getattr(words, field.name), getattr(english, field.name)
        assert here, field.name
        if isinstance(there, str):
            assert blanks(here) == blanks(there), field.name
            assert (here[-1] == ".") == (there[-1] == "."), field.name
    assert (len(words.days), len(words.emotions)) == (7, len(EMOTIONS))
    assert f'<html lang="{language}">' in sign(language)


def test_the_command_knows_every_language() -> None:
    for language in WORDS:
        assert parse(["notice", "--config", "x", "--language", language]).language == language


def test_the_command_writes_the_sign_to_a_file_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = tmp_path / "fer-edge.toml", tmp_path / "sign.html"
    config.write_text('[device]\nid = "fer-1"\n[deployment]\ncontact = "+49 30 123456"\n', "utf-8")

    status = main(["notice", "--config", str(config), "--language", "de", "--out", str(out)])

    assert status == 0
    assert "open it in a browser and print it" in capsys.readouterr().out
    assert "Hier werden Gesichtsausdrücke gemessen" in out.read_text("utf-8")
    assert main(["notice", "--config", str(config), "--out", str(tmp_path)]) == 78
    assert "cannot be written (Is a directory)" in capsys.readouterr().err
