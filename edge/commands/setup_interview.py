"""The questions of ``fer-edge setup``: what the machine cannot find out by itself, each with its present answer."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from edge.camera.address import parse_address
from edge.commands.setup_files import Answers
from edge.config import CONTACT, BrokerAddress, CameraConfig, Config, MqttConfig
from edge.errors import CameraError
from edge.mqtt.nearby import Broker, find_brokers
from edge.records import DeploymentContext

_KINDS = {
    "kiosk": "a screen or machine that people stand at",
    "retail": "a shop",
    "event": "a fair, a concert, a museum",
    "home": "a home",
    "research": "a study whose participants have agreed",
    "healthcare": "a practice or hospital",
    "education": "a school or university: people are only counted",
    "workplace": "an office or works: people are only counted",
}
assert set(_KINDS) == set(get_args(DeploymentContext))


def interview(present: Config) -> Answers:
    """Ask; an empty answer keeps what is shown in brackets."""
    answers = Answers()
    _ask_camera(present.camera, answers)
    _say("")
    answers.set("device", room=_ask("Room, as dashboards show it", present.device.room))
    _ask_place(present, answers)
    _ask_broker(present.mqtt, answers)
    return answers


def confirm(question: str, default: bool = True) -> bool:
    """Yes or no; an empty answer is ``default``."""
    shown = "y" if default else "n"
    answer = _ask(f"{question} (y/n)", shown, lambda answer: "" if answer.lower()[:1] in ("y", "n") else "y or n")
    return answer.lower().startswith("y")


def _ask_camera(present: CameraConfig, answers: Answers) -> None:
    from edge.camera.csi import list_cameras as list_ribbon_cameras
    from edge.camera.usb import list_cameras

    ribbon = [CameraConfig(kind="csi")] * bool(models := list_ribbon_cameras())
    usb = list_cameras()
    found = [*ribbon, *(CameraConfig(kind="usb", device=device) for _, device in usb), CameraConfig(kind="stream")]
    if not models and not usb:
        _say(
            "This machine finds no ribbon or USB camera. To use one, end this with Ctrl-C, connect it, and begin again."
        )
    names = [*(f"ribbon camera {model}" for model in models[:1]), *(f"{name}, {device}" for name, device in usb)]
    if present.kind == "replay":
        found.append(present)
        names += ["a network camera", f"the recording {present.path}"]
    else:
        names.append("a network camera")
    kept = replace(CameraConfig(), kind=present.kind, device=present.device if present.kind == "usb" else "/dev/video0")
    default = next((i for i, one in enumerate(found) if replace(one, path="") == replace(kept, path="")), 0)
    camera = found[_choose("Camera", names, default)]
    answers.set("camera", kind=camera.kind)
    if camera.kind == "usb":
        answers.set("camera", device=camera.device)
    elif camera.kind == "stream":
        answers.set("camera", url=_ask("Its address, rtsp://... or http://...", present.url, _address, secret=True))


def _ask_place(present: Config, answers: Answers) -> None:
    kinds = list(_KINDS)
    known = present.deployment.context
    default = kinds.index(known) if known else None
    number = _choose("What kind of place is it?", [f"{kind}: {told}" for kind, told in _KINDS.items()], default)
    answers.set("deployment", context=kinds[number])
    place = replace(present.deployment, context=kinds[number])
    if place.withholds_emotions:
        _say(place.sentence)
    else:
        modes = {"room": "several people together, as in a room", "visits": "one person at a time, as at a kiosk"}
        mode = present.privacy.mode if known else "visits" if place.context == "kiosk" else "room"
        number = _choose("Who is in view?", list(modes.values()), list(modes).index(mode))
        answers.set("privacy", mode=list(modes)[number])
    contact = _ask("Whom people may ask about it: e-mail, web address or phone", place.contact, _contact_problem)
    answers.set("deployment", contact=contact)


def _contact_problem(contact: str) -> str:
    return "" if not contact or CONTACT.search(contact) else "an e-mail address, a web address or a telephone number"


def _ask_broker(present: MqttConfig, answers: Answers) -> None:
    _say("\nLooking for MQTT brokers in this network ...")
    brokers = find_brokers()
    chosen = Broker("", present.host, present.port, tls=bool(present.tls_ca))
    if not brokers:
        _say("None announces itself.")
    names = [f"{one.name}: {one.host}:{one.port}{', TLS' if one.tls else ''}" for one in brokers]
    default = next((i for i, one in enumerate(brokers) if (one.host, one.port) == (chosen.host, chosen.port)), None)
    if default is None and present != MqttConfig():
        default = len(brokers)
    number = _choose("MQTT broker", [*names, "another"], 0 if default is None else default) if brokers else 0
    if number < len(brokers):
        chosen = brokers[number]
    else:
        shown = chosen.host if chosen.port == 1883 else f"{chosen.host}:{chosen.port}"
        address = BrokerAddress.parse(_ask("Its name or address, with :port unless that is 1883", shown, _host))
        port = address.port or MqttConfig().port
        chosen = Broker("", address.host, port, confirm("Does it speak TLS", port == 8883 or chosen.tls))
    answers.set("mqtt", host=chosen.host, port=chosen.port)
    if present.hosts:
        answers.set("mqtt", hosts=[])
    if chosen.tls:
        answers.files.update(_ask_files(present))
    user = _ask("User name at the broker, - for none", present.username or "-")
    if user == "-":
        answers.set("mqtt", username="", password_file="")
        return
    answers.set("mqtt", username=user)
    kept = " [unchanged]" if present.password_file and present.username == user else ""
    password = _password(f"Password{kept}: ")
    if password or not kept:
        answers.password = password


def _ask_files(present: MqttConfig) -> dict[str, Path]:
    """The files for TLS that are new; an empty answer leaves what there is."""
    files = {}
    for key, told in (
        ("tls_ca", "Certificate of the authority that signed the broker's (a file)"),
        ("tls_cert", "This device's own certificate, - for none"),
        ("tls_key", "Its key"),
    ):
        if key == "tls_key" and "tls_cert" not in files:
            continue
        known = getattr(present, key)
        answer = _ask(told, known or ("-" if key == "tls_cert" else ""), _file)
        if answer not in ("-", "", known):
            files[key] = Path(answer)
    return files


def _choose(question: str, options: Sequence[str], default: int | None) -> int:
    """The number of the chosen option, from 0; without a default an answer is needed."""
    _say(f"\n{question}")
    for number, option in enumerate(options, 1):
        _say(f"  {number}) {option}")
    numbers = [str(number) for number in range(1, len(options) + 1)]
    wrong = f"a number from 1 to {len(options)}"
    shown = "" if default is None else str(default + 1)
    return int(_ask("Number", shown, lambda answer: "" if answer in numbers else wrong)) - 1


def _ask(
    question: str, default: str, problem: Callable[[str], str] = lambda answer: "", *, secret: bool = False
) -> str:
    """An answer for which ``problem`` is empty; ``secret`` does not show the present one."""
    shown = f" [{'unchanged' if secret else default}]" if default else ""
    while True:
        answer = _line(f"{question}{shown}: ").strip() or default
        if not answer.isprintable():
            wrong = "text without control characters"
        elif not (wrong := problem(answer)):
            return answer
        _say(f"  expected {wrong}")


def _line(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:  # Ctrl-D
        raise KeyboardInterrupt
    return line


def _password(prompt: str) -> str:
    try:
        return getpass.getpass(prompt)
    except EOFError:
        raise KeyboardInterrupt from None


def _address(answer: str) -> str:
    try:
        parse_address(answer)
    except CameraError as error:
        return str(error).partition("expected ")[2]
    return ""


def _host(answer: str) -> str:
    try:
        BrokerAddress.parse(answer)
    except ValueError:
        return "a name or address, such as broker.local or 10.0.0.5:1883"
    return ""


def _file(answer: str) -> str:
    return "" if answer == "-" or Path(answer or "/").is_file() else "the path of a file in PEM form"


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
