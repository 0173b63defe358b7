"""``fer-edge``: the only place that prints, parses arguments and decides on an exit status."""

from __future__ import annotations

import argparse
import json
import logging
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edge import __version__
from edge.config import CameraConfig, Config, load
from edge.errors import EXIT_RETRY, FerEdgeError
from edge.model.download import DOWNLOADS, folders

DEMO_CLIP = Path(__file__).parent / "media" / "astronaut.mp4"
UNATTENDED_WINDOWS = 3
"""A demo that nobody can interrupt ends after so many."""

_EPILOG = """\
examples:
  fer-edge demo                          everything on this machine: embedded broker, real daemon, live bars
  fer-edge check --config fer-edge.toml  try configuration, model, camera and broker without starting
  fer-edge run --config fer-edge.toml    what systemd starts
  fer-edge watch --host broker.local     the rooms of a broker, live in this terminal
  fer-edge simulate --devices 8          a fleet to try dashboards with

exit status: 0 stopped, 1 a restart may cure it, 2 wrong usage, 78 configuration or model wrong
"""

_SIMULATE = """\
Connects devices that only dream of their rooms, to try a dashboard, an archive or a broker. They speak the real
contract on a connection each: last will, status, windows through the outbox, jittered redial. People and moods are slow
random walks; every fourth device has no privacy threshold, every tenth only counts, one in twenty is too hot.

Says once a second how it goes and in the end whether it kept the pace; Ctrl-C ends it and takes what is retained of the
devices from the broker.
"""

_SIMULATE_EPILOG = """\
examples:
  fer-edge simulate                                     eight rooms on the broker of this machine
  fer-edge simulate --devices 200 --window 1            a load: 600 messages a second
  fer-edge simulate --config fer-edge.toml --discovery  with password or certificate, and in Home Assistant

exit status: 0 every window was delivered in time, 1 the pace was not kept or the broker cannot be reached
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    # journald knows the time of every line.
    logging.basicConfig(level=options.log.upper(), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        status: int = options.command(options)
    except FerEdgeError as error:
        for line in str(error).splitlines():
            print(f"fer-edge: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output is gone; nothing is left to say
        return 0
    except Exception:
        logging.getLogger("edge").exception("unexpected error; please report it")
        return EXIT_RETRY
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer-edge",
        description="Facial-expression sensor: counts people and moods per time window and publishes them over MQTT. "
        "No picture ever leaves the device.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fer-edge {__version__}")
    parser.add_argument("--log", default="info", choices=("debug", "info", "warning", "error"), help="(default: info)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="sense and publish until stopped")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="see deploy/fer-edge.toml for all keys")
    run.set_defaults(command=_run)

    check = commands.add_parser("check", help="say what is wrong with configuration, model, camera and broker")
    what = check.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, metavar="FILE", help="try everything that this file names")
    what.add_argument("--model", type=Path, metavar="FOLDER", help="try this release of fer-quantize only")
    check.set_defaults(command=_check)

    watch = commands.add_parser("watch", help="show the rooms of a broker live in this terminal")
    where = watch.add_mutually_exclusive_group()
    where.add_argument("--config", type=Path, metavar="FILE", help="use the broker of this configuration")
    where.add_argument("--host", default="localhost", help="(default: %(default)s)")
    watch.add_argument("--port", type=int, default=1883, help="(default: %(default)s)")
    watch.add_argument("--json", action="store_true", help="print aggregates as JSON lines instead")
    watch.add_argument("--count", type=_positive, metavar="N", help="end after N aggregates")
    watch.set_defaults(command=_watch)

    simulate = commands.add_parser(
        "simulate",
        help="play a fleet of devices to a broker",
        description=_SIMULATE,
        epilog=_SIMULATE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = simulate.add_mutually_exclusive_group()
    where.add_argument("--config", type=Path, metavar="FILE", help="use the broker of this configuration")
    where.add_argument("--host", default="localhost", help="(default: %(default)s)")
    simulate.add_argument("--port", type=int, default=1883, help="(default: %(default)s)")
    simulate.add_argument("--devices", type=_positive, default=8, metavar="N", help="(default: %(default)s)")
    simulate.add_argument(
        "--window", type=_between(1, 3600), default=60.0, metavar="S", help="seconds of a window (default: 60)"
    )
    simulate.add_argument(
        "--live", type=_between(0.1, 60), default=0.5, metavar="S", help="seconds between live readings (default: 0.5)"
    )
    simulate.add_argument("--no-live", dest="live", action="store_const", const=0.0, help="windows and status only")
    simulate.add_argument(
        "--minutes", type=_between(0.05, 1e6), metavar="M", help="end after so long (default: Ctrl-C ends it)"
    )
    simulate.add_argument("--discovery", action="store_true", help="appear in Home Assistant too")
    simulate.add_argument(
        "--prefix", type=_prefix, default="sim", help="devices are PREFIX-0001 and so on (default: %(default)s)"
    )
    simulate.add_argument("--seed", type=int, default=0, help="other rooms (default: 0)")
    simulate.add_argument("--json", action="store_true", help="print the result as JSON")
    simulate.set_defaults(command=_simulate)

    demo = commands.add_parser("demo", help="see it work here: embedded broker, real daemon, a dashboard's view")
    demo.add_argument(
        "--windows",
        type=_positive,
        metavar="N",
        help="end after N aggregates (default: Ctrl-C ends it; 3 without a terminal)",
    )
    demo.add_argument("--json", action="store_true", help="print aggregates as JSON lines instead of bars")
    demo.add_argument("--clip", action="store_true", help="use the clip in the package even if there is a webcam")
    demo.set_defaults(command=_demo)

    bench = commands.add_parser("bench", help="measure speed and memory on a clip")
    bench.add_argument(
        "--config", type=Path, metavar="FILE", help="another clip, detector or model (camera.kind replay)"
    )
    bench.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    bench.set_defaults(command=_bench)

    model = commands.add_parser("model", help="list the models on this machine, or fetch one")
    model.set_defaults(command=_model)
    steps = model.add_subparsers(metavar="fetch")
    fetch = steps.add_parser("fetch", help="bring a model of other people, checked against its sha256")
    fetch.add_argument("name", choices=sorted(DOWNLOADS), help="what to fetch")
    fetch.add_argument("--to", type=Path, metavar="FOLDER", help=f"(default: {folders()[0]})")
    fetch.add_argument("--url", help="another home of the same file")
    fetch.set_defaults(command=_fetch)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted, a whole number from 1 is")
    return int(text)


def _between(lowest: float, highest: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        with suppress(ValueError):
            if lowest <= float(text) <= highest:
                return float(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted, a number from {lowest:g} to {highest:g} is")

    return number


def _prefix(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,24}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted, 1 to 24 of a-z, 0-9 and - are")
    return text


def _run(options: argparse.Namespace) -> int:
    from edge.host.sdnotify import SystemdNotifier
    from edge.service import Service

    service = Service(load(options.config), SystemdNotifier())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    service.run()
    return 0


def _check(options: argparse.Namespace) -> int:
    from edge.commands.check import check, prove

    if options.model:
        folder = options.model if options.model.is_dir() else options.model.parent
        part, manifest = prove(folder)
        print(f"ok    {part:9} {manifest.id}, sha256 {manifest.sha256}")
        return 0
    status = 0
    for finding in check(load(options.config)):
        print(f"{'WRONG' if finding.exit_code else 'ok   '} {finding.part:9} {finding.sentence}", flush=True)
        status = max(status, finding.exit_code)
    return status


def _model(options: argparse.Namespace) -> int:
    from edge.commands.catalog import shelf

    for item in shelf():
        print(f"{item.part:10} {item.kind:5} {item.sentence}")
    return 0


def _fetch(options: argparse.Namespace) -> int:
    download = DOWNLOADS[options.name]
    path = download.fetch(options.to or folders()[0], options.url)
    print(f"{path}: {download.name}, sha256 {download.sha256}, licence {download.licence}")
    return 0


def _watch(options: argparse.Namespace) -> int:
    from edge.commands.watch import watch
    from edge.config import MqttConfig
    from edge.parts import broker

    section = load(options.config).mqtt if options.config else MqttConfig(host=options.host, port=options.port)
    return watch(broker(section), json=options.json, count=options.count)


def _simulate(options: argparse.Namespace) -> int:
    from edge.commands.simulate import simulate
    from edge.commands.simulated_device import Plan
    from edge.config import MqttConfig
    from edge.parts import broker

    section = load(options.config).mqtt if options.config else MqttConfig(host=options.host, port=options.port)
    plan = Plan(broker(section), options.window, options.live, options.prefix, options.seed, options.discovery)
    duration_s = 60 * options.minutes if options.minutes else float("inf")
    return simulate(plan, options.devices, duration_s=duration_s, json=options.json)


def _demo(options: argparse.Namespace) -> int:
    from edge.commands.demo import run_demo

    windows = options.windows or (None if sys.stdout.isatty() else UNATTENDED_WINDOWS)
    return run_demo(windows=windows, json=options.json, webcam=not options.clip)


def _bench(options: argparse.Namespace) -> int:
    from edge.commands.bench import bench

    config = load(options.config) if options.config else Config()
    if not options.config:
        config = replace(config, camera=CameraConfig(kind="replay", path=str(DEMO_CLIP)))
    result = bench(config)
    if options.json:
        print(json.dumps(result.to_dict(), indent=1))
        return 0
    print(f"{result.clip}, {result.detector}, {result.model}: {result.frames} frames")
    print(f"  {result.frames_per_s:8.1f} frames/s")
    for stage, duration in (("detect", result.detect_ms), ("classify", result.classify_ms)):
        if duration is not None:
            print(f"  {duration.p50:8.2f} ms {stage} (median; 95 % under {duration.p95:.2f} ms)")
    print(f"  {result.rss_mb or 0:8.1f} MB resident")
    return 0
