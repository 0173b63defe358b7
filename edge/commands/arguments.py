"""The arguments of ``fer-edge``: every command with its options and its help."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from edge import __version__
from edge.argument_parser import ArgumentParser
from edge.commands.argument_types import named, port, positive
from edge.commands.broker_arguments import add_broker_commands
from edge.model.download import DOWNLOADS, folders

CONFIG = Path("/etc/fer-edge/fer-edge.toml")
"""What the service of the package reads."""
CLIP = Path(__file__).parents[1] / "media" / "astronaut.mp4"
"""The clip in the package, see ``edge/media/README.md``."""

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


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options in ``arguments``, by default the process's; ``command`` is the name, such as ``model fetch``."""
    return parser().parse_args(arguments)


def parser() -> argparse.ArgumentParser:
    """All commands with their options and help, for ``parse`` and for the manual page."""
    parser: argparse.ArgumentParser = ArgumentParser(
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
    what = check.add_mutually_exclusive_group()
    what.add_argument(
        "--config",
        type=Path,
        default=CONFIG,
        metavar="FILE",
        help="try everything that this file names (default: %(default)s)",
    )
    what.add_argument(
        "--model", type=Path, metavar="FOLDER|FILE", help="try only this release folder, or archive, of fer-quantize"
    )
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

    add_broker_commands(commands)

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
        "--port", type=port, default=8765, help="port of the page; 0 takes any that is free (default: %(default)s)"
    )
    preview.set_defaults(command="preview")

    demo = commands.add_parser(
        "demo",
        help="see it work: embedded broker, real daemon, live screen",
        description="Run the real daemon and a small broker on this machine, with a webcam, the packaged clip or a "
        "film of your own, and show what a subscriber receives. On a desktop the browser opens with the picture, and a "
        "link to the dashboard page.",
    )
    demo.add_argument(
        "--windows",
        type=positive,
        metavar="N",
        help="stop after N aggregates (default: run until Ctrl-C; 3 if the output is not a terminal)",
    )
    demo.add_argument("--json", action="store_true", help="print each aggregate as a line of JSON instead")
    demo.add_argument(
        "--clip",
        nargs="?",
        type=Path,
        const=CLIP,
        metavar="FILM",
        help="play this video, image or folder of images again and again, even if there is a webcam; "
        "without a name, the packaged clip",
    )
    demo.add_argument("--no-browser", action="store_true", help="open no page in the browser of this desktop")
    demo.set_defaults(command="demo")

    bench = commands.add_parser(
        "bench",
        help="measure speed and memory on a clip",
        description="Analyse a clip as fast as this machine can; print frames per second, the time of each stage and "
        "memory.",
    )
    bench.add_argument(
        "clip", nargs="?", type=Path, metavar="CLIP", help="a video, an image or a folder of images (default: packaged)"
    )
    bench.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help='with the detector and the model of this configuration, and its clip if camera.kind is "replay"',
    )
    bench.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    bench.set_defaults(command="bench")

    model = commands.add_parser(
        "model",
        help="list, install, roll back or download models",
        description="List the models that this machine can run, or change what runs.",
    )
    model.set_defaults(command="model", config=None)
    actions = model.add_subparsers(metavar="list|install|rollback|fetch")
    listing = actions.add_parser(
        "list",
        help="the models of this machine, and which the configuration chooses (the default)",
        description="List every model that this machine can run: packaged, installed, downloaded, or named by the "
        "configuration. A star marks what the configuration chooses.",
    )
    listing.add_argument(
        "--config", type=Path, metavar="FILE", help=f"the configuration (default: {CONFIG}, if it exists)"
    )
    listing.set_defaults(command="model list")
    install = actions.add_parser(
        "install",
        help="install a release, and go back to the one before it if it fails",
        description="Check a release (signature, sha256, tensors, golden vectors, counter), make it the current model "
        "and restart the services. A service that does not work for a watchdog period and make a window with it goes "
        "back to the model before.",
    )
    install.add_argument(
        "source",
        type=named,
        metavar="FILE|FOLDER|URL",
        help="an archive of fer-quantize pack, or a release folder of fer-quantize",
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
    fetch.add_argument("--url", type=named, help="download the same file from this mirror")
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
