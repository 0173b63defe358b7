"""The configuration file: what it accepts, and what it says to what it does not."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from edge.config import Config, DeviceConfig, device_id
from edge.config_file import load
from edge.errors import ConfigError
from tests.support.configuration import write

REPOSITORY = Path(__file__).parents[2]


def test_the_documented_file_names_every_key_with_its_default() -> None:
    documented = tomllib.loads((REPOSITORY / "deploy" / "fer-edge.toml").read_text("utf-8"))

    assert documented == json.loads(json.dumps(asdict(Config())))


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    config = load(write(tmp_path, ""))

    assert replace(config, device=DeviceConfig()) == Config()


def test_a_whole_number_is_accepted_where_a_number_is_asked(tmp_path: Path) -> None:
    duration_s = load(write(tmp_path, "[window]\nduration_s = 5")).window.duration_s

    assert duration_s == 5.0
    assert isinstance(duration_s, float)


def test_relative_paths_are_meant_from_the_folder_of_the_file(tmp_path: Path) -> None:
    config = load(write(tmp_path, '[camera]\nkind = "replay"\npath = "clips/a.mp4"\n[outbox]\npath = "/var/box"'))

    assert config.camera.path == str(tmp_path / "clips/a.mp4")
    assert config.outbox.path == "/var/box"


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u202f", "\u3000"])
def test_a_path_may_have_the_blanks_that_other_systems_put_into_names(tmp_path: Path, blank: str) -> None:
    name = f"Recording 9.41{blank}PM.mov"

    config = load(write(tmp_path, f'[camera]\nkind = "replay"\npath = "{name}"'))

    assert config.camera.path == str(tmp_path / name)


def test_a_file_that_systemd_hands_over_is_read_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over, etc = tmp_path / "credentials", tmp_path / "etc"
    for folder, names in ((handed_over, ("mqtt-password",)), (etc, ("mqtt-password", "ca.pem"))):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed_over))
    file = write(etc, '[mqtt]\nusername = "room"\npassword_file = "mqtt-password"\ntls_ca = "ca.pem"')

    mqtt = load(file).mqtt

    assert (mqtt.password_file, mqtt.tls_ca) == (str(handed_over / "mqtt-password"), str(etc / "ca.pem"))


@pytest.mark.parametrize(("folder", "named"), [("light", "light"), ("./light", "{}/light"), ("", "")])
def test_the_light_model_of_the_package_is_named_by_a_word_and_a_folder_by_its_path(
    folder: str, named: str, tmp_path: Path
) -> None:
    config = load(write(tmp_path, f'[model]\nfolder = "{folder}"'))

    assert config.model.folder == named.format(tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[camra]", "section camra is unknown; the nearest section is camera"),
        ("[camera]\nkinds = 'usb'", "key camera.kinds is unknown; the nearest key is camera.kind"),
        ("[camera]\nkind = 'webcam'", "camera.kind is 'webcam'; expected one of csi, usb, stream, replay"),
        ("[camera]\nfps = 0", "camera.fps is 0; expected a number from 0.1 to 60"),
        (
            "[camera]\nfps = 0.1",
            "camera.stall_s is 10, but at camera.fps 0.1 an image comes every 10 s; expected at least 20",
        ),
        ("[camera]\nrotate = 45", "camera.rotate is 45; expected one of 0, 90, 180, 270"),
        ("[camera]\nrotate = '90'", "camera.rotate is '90'; expected a whole number"),
        ("[camera]\nflip = 'both'", "camera.flip is 'both'; expected one of none, horizontal, vertical"),
        ("[camera]\ntransport = 'http'", "camera.transport is 'http'; expected one of auto, tcp, udp"),
        ("[camera]\nloop = 1", "camera.loop is 1; expected true or false"),
        ("[camera]\nurl = ['rtsp://me:secret@cam']", "camera.url is ...; expected text in quotes"),
        ("[camera]\nkind = 'stream'", "camera.url is needed for camera.kind 'stream'"),
        ("[camera]\nkind = 'replay'", "camera.path is needed for camera.kind 'replay'"),
        ("[device]\npage = 'wall.example'", "device.page is 'wall.example'; expected an http:// or https:// address"),
        ("[camera]\nsource = 'a/b'", "camera.source is 'a/b'; expected 1 to 32 characters of a-z"),
        ("camera = 3", "[camera] is 3; expected a section with keys"),
        ("[detector]\nkind = 'face'", "detector.kind is 'face'; expected one of builtin, haar, yunet"),
        ("[detector]\nkind = 'fer'", "detector.kind is 'fer'; expected one of builtin, haar, yunet"),
        ("[model]\ndevice = 'edgetpu'", "[model] device is now [inference] device; move the line there"),
        ("[model]\npublic_key = 3", "[model] public_key is now [inference] public_key"),
        ("[device]\nid = 'Küche'", "device.id is 'Küche'; expected 3 to 32 characters of a-z"),
        ("[window]\nduration_s = 'long'", "window.duration_s is 'long'; expected a number"),
        ("[window]\nduration_s = nan", "window.duration_s is nan; expected a number from 1 to 3600"),
        ("[window]\nduration_s = true", "window.duration_s is True; expected a number"),
        ("[privacy]\nmin_people = 0", "privacy.min_people is 0; expected a whole number from 1 to 100"),
        ("[privacy]\nmin_people = 2.5", "privacy.min_people is 2.5; expected a whole number"),
        ("[deployment]\ncontext = 'office'", "deployment.context is 'office'; expected one of kiosk, retail"),
        ("[deployment]\nlawful_basis = 'yes'", "lawful_basis is 'yes'; expected the reason in words, 20 to 300"),
        ("[deployment]\ncontact = 'Reception, floor 1'", "contact is 'Reception, floor 1'; expected an e-mail address"),
        ("[deployment]\ncontact = '12'", "contact is '12'; expected an e-mail address"),
        ("[privacy]\nquiet_hours = '22:00-06:00'", "privacy.quiet_hours is '22:00-06:00'; expected a list of texts"),
        ("[privacy]\nquiet_hours = ['22-06']", "privacy.quiet_hours has '22-06'; expected times such as '22:00-06:00'"),
        (
            "[privacy]\npause_button = '17'",
            "pause_button is '17'; expected the name of a line, such as 'GPIO17'",
        ),
        ("[mqtt]\ncommands = 'pause'", "mqtt.commands is 'pause'; expected true or false"),
        ("[mqtt]\nport = 70000", "mqtt.port is 70000; expected a whole number from 1 to 65535"),
        ("[mqtt]\nhosts = 'a'", "mqtt.hosts is 'a'; expected a list of texts in quotes"),
        ("[mqtt]\nhosts = ['a', 3]", "mqtt.hosts is ['a', 3]; expected a list of texts in quotes"),
        ("[mqtt]\nhosts = ['a:b']", "mqtt.hosts has 'a:b'; expected a host, or host:port"),
        ("[mqtt]\nhosts = ['a:70000']", "mqtt.hosts has 'a:70000'; expected a host, or host:port"),
        ("[mqtt]\nhosts = ['[::1']", "mqtt.hosts has '[::1'; expected a host, or host:port"),
        ("[mqtt]\ntls_cert = 'a.pem'", "mqtt.tls_cert and mqtt.tls_key belong together"),
        ("[mqtt]\nusername = 'u'\npassword_file = 'absent'", "mqtt.password_file names a file that cannot be read"),
        ("[mqtt]\npassword_file = 'absent'", "mqtt.username is empty but mqtt.password_file is set"),
        ("not toml", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_and_what_is_accepted(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)) as refusal:
        load(write(tmp_path, text))

    assert refusal.value.exit_code == 78


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(write(tmp_path, "[camera]\nfps = 0\nkind = 'x'\n[mqtt]\nhosst = 'h'"))

    lines = str(refusal.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"config {tmp_path}/fer-edge.toml: ") for line in lines)


def test_a_contradiction_is_said_beside_mistakes_elsewhere_and_not_beside_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(write(tmp_path, "[camera]\nkind = 'replay'\npath = 3\n[mqtt]\nport = 0\ntls_cert = 'a.pem'"))

    assert [line.split()[2] for line in str(refusal.value).splitlines()] == [
        "camera.path",
        "mqtt.port",
        "mqtt.tls_cert",
        "mqtt.tls_cert",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("[camera]\nfps = 1" + "0" * 5000, "is not TOML (Exceeds the limit", id="a number without end"),
        pytest.param("[camera]\nfps = 1" + "0" * 400, "0000...; expected a number from 0.1 to 60", id="a long number"),
        pytest.param("x = " + "[" * 20_000, "is not TOML that can be read (nested too deeply)", id="brackets"),
        pytest.param(
            '[mqtt]\nusername = "u"\npassword_file = "a\\u0000b"',
            "mqtt.password_file is ...; expected text in quotes without control characters",
            id="no name of a file",
        ),
        pytest.param('["a\\nb"]', "section 'a\\nb' is unknown", id="a name of two lines"),
        pytest.param(f"{'a' * 5000} = 1", f"section {'a' * 80} is unknown", id="a long name"),
    ],
)
def test_absurd_values_are_refused_in_one_short_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)) as refusal:
        load(write(tmp_path, text))

    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300 + len(str(tmp_path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read \(No such file or directory\)"):
        load(tmp_path / "absent.toml")


def test_a_folder_instead_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        load(tmp_path)


def test_a_configured_device_id_wins(tmp_path: Path) -> None:
    assert device_id(load(write(tmp_path, '[device]\nid = "kitchen"')).device) == "kitchen"


def test_without_one_the_file_and_the_machine_name_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.config_file.derived_id", lambda name: f"fer-of-{name}")
    (tmp_path / "door.toml").write_text("", "utf-8")

    assert device_id(load(tmp_path / "door.toml").device) == "fer-of-door"


def test_a_machine_without_an_id_is_told_where_the_id_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.host.identity.derived_id.__defaults__", (tmp_path / "absent", tmp_path / "absent"))

    config = load(write(tmp_path, ""))

    with pytest.raises(ConfigError, match=r"set device\.id"):
        device_id(config.device)


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "fer-edge.toml"
    file.write_bytes(b"\xef\xbb\xbf[camera]\nfps = 5\n")

    assert load(file).camera.fps == 5


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[camera]".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("[camera]".encode("utf-16-le"), "is UTF-16; save it as UTF-8"),
        ("[device]\nroom = 'Küche'".encode("latin-1"), "is not UTF-8 in line 2; save it as UTF-8"),
        ("[device]\n\nroom = “Flur”".encode(), "has typographic quotes (“ ”) in line 3; TOML needs straight ones"),
        ("room = ‘Flur’".encode(), "has typographic quotes (‘ ’) in line 1"),
        (rb'path = "C:\Users\me\clip.mp4"', "has a backslash in double quotes in line 1; write the path with /, or"),
        (
            rb'path = "C:\clips\a.mp4"',
            "has a backslash in double quotes in line 1; write the path with /, or in single",
        ),
    ],
)
def test_what_an_editor_did_to_the_file_is_told(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "fer-edge.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match=re.escape(sentence)):
        load(file)


@pytest.mark.parametrize(
    ("text", "withheld"),
    [
        ("", None),
        ("[deployment]\ncontext = 'kiosk'", None),
        ("[deployment]\ncontext = 'education'", "context"),
        ("[deployment]\ncontext = 'workplace'", "context"),
        ("[deployment]\ncontext = 'workplace'\nlawful_basis = 'Tiredness of drivers, a safety function'", None),
        ("[deployment]\ncontext = 'workplace'\n[privacy]\ncounts_only = true", "counts_only"),
    ],
)
def test_where_emotions_may_not_be_inferred_people_are_only_counted(
    tmp_path: Path, text: str, withheld: str | None
) -> None:
    assert load(write(tmp_path, text)).counts_only == withheld


@pytest.mark.parametrize(
    "contact",
    [
        "privacy@museum.example",
        "Ms Data, data@museum.example",
        "https://museum.example/privacy?p=1",
        "museum.example/privacy",
        "www.müller.example",
        "+49 (30) 123-456",
        "030/12 34 56",
        "call 112-45",
    ],
)
def test_a_contact_is_whatever_somebody_who_reads_the_sign_can_use(tmp_path: Path, contact: str) -> None:
    assert load(write(tmp_path, f"[deployment]\ncontact = '{contact}'")).deployment.contact == contact


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "deployment.context is not set; say what kind of place this is"),
        ("", ": kiosk, retail, event, home, research, healthcare, education, workplace"),
        ("[deployment]\ncontext = 'event'", "context event"),
        (
            "[deployment]\nlawful_basis = 'Tiredness of drivers, a safety function'",
            "until then deployment.lawful_basis decides nothing",
        ),
        (
            "[deployment]\ncontext = 'kiosk'\nlawful_basis = 'Consent, asked on the screen'",
            "context kiosk, where moods are measured with or without deployment.lawful_basis",
        ),
        (
            "[deployment]\ncontext = 'education'",
            "2024/1689, Article 5(1)(f)); deployment.lawful_basis names such a reason",
        ),
        (
            "[deployment]\ncontext = 'education'\nlawful_basis = 'Study of autism, approved'",
            "context education, on the basis that info publishes: Study of autism, approved",
        ),
    ],
)
def test_the_operator_is_told_what_follows_from_the_kind_of_place(tmp_path: Path, text: str, told: str) -> None:
    assert told in load(write(tmp_path, text)).deployment.sentence
