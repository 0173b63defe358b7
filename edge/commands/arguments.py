"""The arguments of ``fer-edge``: every command with its options and its help."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

from edge import __version__
from edge.config import ADDRESS
from edge.model.download import DOWNLOADS, folders

CONFIG = Path("/etc/fer-edge/fer-edge.toml")
"""What the service of the package reads."""

_EPILOG = """\
examples:
  fer-edge demo                           see it work on this machine, without broker or camera
  sudo fer-edge setup                     from a few questions to a running service
  fer-edge check --config fer-edge.toml   find what is wrong before starting
  sudo fer-edge doctor                    what is wrong with the service and its machine
  fer-edge preview --config fer-edge.toml see what the camera sees, on a page
  fer-edge run --config fer-edge.toml     measure and publish; this is what systemd starts
  fer-edge watch --host broker.local      the rooms of a broker, live in this terminal
  fer-edge simulate --devices 8           publish as eight devices, to try what listens

exit status: 0 done, 1 a restart may help, 2 wrong arguments, 78 the configuration or model is wrong
"""

_SETUP = """\
Finds cameras and brokers, asks what it cannot know (which camera, room, kind of place, broker, password) and shows how
many faces a test picture has and how large they are. Then it writes the configuration, lets systemd hand password and
certificates to the service, starts the service and looks for trouble. An empty answer keeps what is set; until the last
question nothing is changed.
"""

_SETUP_EPILOG = """\
answers in a file are keys of the configuration, and mqtt.password:
  [device]
  room = "Foyer"
  [camera]
  kind = "usb"
  [deployment]
  context = "event"
  [mqtt]
  host = "broker.local"
  username = "foyer"
  password = "..."

examples:
  sudo fer-edge setup                                                  the service fer-edge
  sudo fer-edge setup --config /etc/fer-edge/fer-edge@door.toml        a second camera, fer-edge@door
  sudo fer-edge setup --answers answers.toml --no-start                while an image is made
"""

_SIMULATE = """\
Connects simulated devices to a broker, to try the dashboard page, an archive or the broker itself. Each device has its
own connection and sends what a real one sends: last will, status, windows through the outbox, jittered reconnects.
People and emotions are slow random walks; every fourth device has no privacy threshold, every tenth publishes counts
only, and one in twenty is too hot.

Prints its progress once a second, and at the end whether every window was published in time. Ctrl-C ends it and removes
the retained messages of its devices from the broker.
"""

_SIMULATE_EPILOG = """\
examples:
  fer-edge simulate                                     eight devices on the broker of this machine
  fer-edge simulate --devices 200 --window 1            a load test with 600 messages a second
  fer-edge simulate --config fer-edge.toml --discovery  with password or certificate, and in Home Assistant

exit status: 0 every window was delivered in time, 1 some were late or not delivered, or the broker cannot be reached
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options in ``arguments``, by default the process's; ``command`` is the name, such as ``model fetch``."""
    return parser().parse_args(arguments)


def parser() -> argparse.ArgumentParser:
    """All commands with their options and help, for ``parse`` and for the manual page."""
    parser = argparse.ArgumentParser(
        prog="fer-edge",
        description="Counts people and facial expressions in front of a camera and publishes one aggregate per\n"
        "time window over MQTT. No image ever leaves the device.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="show the version and the models of the package, and exit")
    parser.add_argument(
        "--log",
        default="info",
        choices=("debug", "info", "warning", "error"),
        help="least level to log (default: info)",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="measure and publish until stopped",
        description="The daemon: measures and publishes until Ctrl-C or SIGTERM, or until a recording ends.",
    )
    run.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="the configuration; deploy/fer-edge.toml has every key",
    )
    run.set_defaults(command="run")

    check = commands.add_parser(
        "check",
        help="find what is wrong with configuration, model, camera and broker",
        description="Try everything that the daemon needs, one line each, without starting it. The exit status is "
        "that of the worst line; a daemon starts without its broker all the same, and waits for it.",
    )
    what = check.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, metavar="FILE", help="try everything that this file names")
    what.add_argument("--model", type=Path, metavar="FOLDER", help="try only this release folder of fer-quantize")
    check.add_argument("--json", action="store_true", help="print each finding as a line of JSON")
    check.add_argument(
        "--beside-service", action="store_true", help="leave camera and outbox to the service, which runs"
    )
    check.set_defaults(command="check")

    setup = commands.add_parser(
        "setup",
        help="from a few questions to a running service",
        description=_SETUP,
        epilog=_SETUP_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    setup.add_argument(
        "--config", type=Path, default=CONFIG, metavar="FILE", help="what to write (default: %(default)s)"
    )
    setup.add_argument("--answers", type=Path, metavar="FILE", help="take the answers from this TOML file, ask nothing")
    setup.add_argument("--no-start", action="store_true", help="write only, for the image of a card")
    setup.set_defaults(command="setup")

    notice = commands.add_parser(
        "notice",
        help="print the sign that tells people what is measured",
        description="Write the sign that belongs beside the camera: one page of A4, to print from a browser. It says "
        "what this configuration makes the device do, whom to ask, and how to get in touch by a QR code.",
    )
    notice.add_argument("--config", type=Path, required=True, metavar="FILE", help="the device's configuration")
    notice.add_argument(
        "--language", choices=("en", "de", "fr", "es"), default="en", help="language of the sign (default: en)"
    )
    notice.add_argument("--out", type=Path, metavar="FILE", help="write it there (default: standard output)")
    notice.set_defaults(command="notice")

    doctor = commands.add_parser(
        "doctor",
        help="find what is wrong with this machine and its service, and the command that mends it",
        description="Try everything that the service needs in the service's own sandbox and as its user, and look at "
        "the machine: clock, power, heat, disk, memory. Root alone may do that. One line each; the exit status is that "
        "of the worst.",
    )
    doctor.add_argument(
        "--config", type=Path, default=CONFIG, metavar="FILE", help="the service's configuration (default: %(default)s)"
    )
    doctor.add_argument("--json", action="store_true", help="print each finding as a line of JSON")
    doctor.set_defaults(command="doctor")

    forget = commands.add_parser(
        "forget",
        help="clear what the broker keeps of this device",
        description="Remove the retained messages of this device from its broker, and the device from Home Assistant, "
        "before it goes for good. Stop the service first, which would publish them again.",
    )
    forget.add_argument("--config", type=Path, required=True, metavar="FILE", help="the device's configuration")
    forget.set_defaults(command="forget")

    watch = commands.add_parser(
        "watch",
        help="show the rooms of a broker live in this terminal",
        description="Show every room that publishes to a broker: a live screen in a terminal, else a line per window.",
    )
    _add_broker_options(watch)
    watch.add_argument("--json", action="store_true", help="print each aggregate as a line of JSON instead")
    watch.add_argument("--count", type=_positive, metavar="N", help="stop after N aggregates")
    watch.set_defaults(command="watch")

    _add_simulate(commands)
    _add_record(commands)
    _add_report(commands)

    preview = commands.add_parser(
        "preview",
        help="show on a page what the camera sees, to aim it and to set it up",
        description="Show the live picture with faces, tracks and shares on a page of this machine. It reads the "
        "file of the service and runs the same parts, publishes nothing and writes nothing. Stop the service first: a "
        "camera has one reader. It ends after ten minutes without a viewer.",
    )
    preview.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration of the service")
    preview.add_argument(
        "--host",
        default="127.0.0.1",
        help="where the page listens; other than loopback, the picture crosses the network unencrypted "
        "(default: %(default)s)",
    )
    preview.add_argument(
        "--port", type=_port, default=8765, help="port of the page; 0 takes any that is free (default: %(default)s)"
    )
    preview.set_defaults(command="preview")

    demo = commands.add_parser(
        "demo",
        help="see it work: embedded broker, real daemon, live screen",
        description="Run the real daemon and a small broker on this machine, with a webcam or the packaged clip, and "
        "show what a subscriber receives. On a desktop the browser opens with the picture, and a link to the "
        "dashboard page.",
    )
    demo.add_argument(
        "--windows",
        type=_positive,
        metavar="N",
        help="stop after N aggregates (default: run until Ctrl-C; 3 if the output is not a terminal)",
    )
    demo.add_argument("--json", action="store_true", help="print each aggregate as a line of JSON instead")
    demo.add_argument("--clip", action="store_true", help="use the packaged clip even if there is a webcam")
    demo.add_argument("--no-browser", action="store_true", help="open no page in the browser of this desktop")
    demo.set_defaults(command="demo")

    bench = commands.add_parser(
        "bench",
        help="measure speed and memory on a clip",
        description="Analyse a clip as fast as this machine can; print frames per second, the time of each stage and "
        "memory.",
    )
    bench.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help='clip, detector and model of this configuration, with camera.kind = "replay" (default: the packaged ones)',
    )
    bench.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    bench.set_defaults(command="bench")

    model = commands.add_parser(
        "model",
        help="list, install, roll back or download models",
        description="List the models that this machine can run, or change what runs.",
    )
    model.set_defaults(command="model")
    actions = model.add_subparsers(metavar="list|install|rollback|fetch")
    actions.add_parser("list", help="the models of this machine, and which run (the default)").set_defaults(
        command="model list"
    )
    install = actions.add_parser(
        "install",
        help="install a release, and go back to the one before it if it fails",
        description="Check a release (signature, sha256, tensors, golden vectors, counter), make it the current model "
        "and restart the services. A service that does not work for a watchdog period and make a window with it goes "
        "back to the model before.",
    )
    install.add_argument(
        "source", metavar="FILE|FOLDER|URL", help="an archive of fer-quantize pack, or a release folder of fer-quantize"
    )
    install.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the configuration whose inference.public_key must have signed it (default: {CONFIG}, if it exists)",
    )
    install.set_defaults(command="model install")
    rollback = actions.add_parser(
        "rollback", help="go back to the model before", description="Exchange the current model and the one before it."
    )
    rollback.add_argument(
        "part", nargs="?", choices=("classifier", "detector"), default="classifier", help="default: %(default)s"
    )
    rollback.set_defaults(command="model rollback")
    fetch = actions.add_parser(
        "fetch",
        help="download a model that is not in the package",
        description="Download a model that other people made and check its sha256.",
    )
    fetch.add_argument("name", choices=sorted(DOWNLOADS), help="which model")
    fetch.add_argument("--to", type=Path, metavar="FOLDER", help=f"where to put it (default: {folders()[0]})")
    fetch.add_argument("--url", help="download the same file from this mirror")
    fetch.set_defaults(command="model fetch")
    return parser


class _Version(argparse.Action):
    """Prints the version of the code and the ids of the packaged models."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's name
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        manifests = sorted((Path(__file__).parents[1] / "models").rglob("model.json"))
        ids = [str(json.loads(manifest.read_bytes())["id"]) for manifest in manifests]
        sys.stdout.write(f"fer-edge {__version__}\nmodels {', '.join(ids)}\n")  # exit() would write to stderr
        parser.exit()


def _add_broker_options(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--config", type=Path, metavar="FILE", help="use the broker of this configuration")
    where.add_argument("--host", default="localhost", help="the broker's name or address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=1883, help="the broker's port, with --host (default: %(default)s)")


def _add_record(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    record = commands.add_parser(
        "record",
        help="keep the windows of a broker for days, in a file",
        description="Keep every window that a broker delivers, once, in an SQLite file. The broker queues what comes "
        "while it is away. fer-edge report makes pages of it.",
    )
    record.add_argument("record", type=Path, metavar="FILE", help="the SQLite file, made if it is not there")
    record.add_argument(
        "brokers",
        nargs="*",
        type=_address,
        metavar="HOST:PORT",
        help="the broker, or the nodes of a cluster, tried in turn (default: those of --config, or localhost:1883)",
    )
    record.add_argument("--config", type=Path, metavar="FILE", help="whose [mqtt] has the password and the TLS files")
    record.add_argument(
        "--days",
        type=_between(0.01, 36_500),
        default=400.0,
        help="windows that ended longer ago are deleted (default: 400)",
    )
    record.add_argument(
        "--name", default="", help="the client id; another recorder needs another (default: fer-record-HOST)"
    )
    record.add_argument(
        "--group", default="", help="share the work with the other recorders of this group (default: take everything)"
    )
    record.set_defaults(command="record")


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = commands.add_parser(
        "report",
        help="make a page of a day, a week or a month",
        description="Make a page from a file of fer-edge record: people and expressions by hour, a trend, and what is "
        "missing or withheld, compared with another period.",
    )
    report.add_argument("record", type=Path, metavar="FILE", help="a file of fer-edge record")
    report.add_argument(
        "--span", choices=("day", "week", "month"), default="week", help="how long (default: %(default)s, from Monday)"
    )
    report.add_argument("--date", type=_date, metavar="YYYY-MM-DD", help="a day in it (default: today)")
    report.add_argument(
        "--against",
        type=_date,
        metavar="YYYY-MM-DD",
        help="a day in the period to compare with (default: the one before)",
    )
    report.add_argument("--device", default="", metavar="ID[/SOURCE]", help="only this device or camera (default: all)")
    report.add_argument(
        "--timezone", default="", metavar="ZONE", help="such as Europe/Berlin (default: this machine's)"
    )
    report.add_argument("--out", type=Path, default=Path("report.html"), help="the page (default: %(default)s)")
    report.add_argument("--csv", type=Path, metavar="OUT", help="also write the windows of the period as CSV")
    report.set_defaults(command="report")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a day as YYYY-MM-DD") from None


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a broker as HOST or HOST:PORT")
    return text


def _add_simulate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    simulate = commands.add_parser(
        "simulate",
        help="connect simulated devices to a broker",
        description=_SIMULATE,
        epilog=_SIMULATE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_broker_options(simulate)
    simulate.add_argument(
        "--devices", type=_positive, default=8, metavar="N", help="how many devices (default: %(default)s)"
    )
    simulate.add_argument(
        "--window",
        type=_between(1, 3600),
        default=60.0,
        metavar="S",
        help="length of a window in seconds (default: 60)",
    )
    simulate.add_argument(
        "--live", type=_between(0.1, 60), default=0.5, metavar="S", help="seconds between live messages (default: 0.5)"
    )
    simulate.add_argument(
        "--no-live", dest="live", action="store_const", const=0.0, help="publish windows and status only"
    )
    simulate.add_argument(
        "--minutes", type=_between(0.05, 1e6), metavar="M", help="stop after M minutes (default: run until Ctrl-C)"
    )
    simulate.add_argument("--discovery", action="store_true", help="appear in Home Assistant too")
    simulate.add_argument(
        "--prefix", type=_prefix, default="sim", help="name the devices PREFIX-0001 and so on (default: %(default)s)"
    )
    simulate.add_argument("--seed", type=int, default=0, help="seed of the random walks (default: 0)")
    simulate.add_argument("--json", action="store_true", help="print the result as JSON")
    simulate.set_defaults(command="simulate")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a whole number, 1 or more")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a port from 0 to 65535")
    return int(text)


def _between(lowest: float, highest: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        with suppress(ValueError):
            if lowest <= float(text) <= highest:
                return float(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a number from {lowest:g} to {highest:g}")

    return number


def _prefix(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,24}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give 1 to 24 characters of a-z, 0-9 and -")
    return text
