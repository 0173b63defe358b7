"""``fer-edge``: runs a command; the only module that prints and decides on the exit status.

Commands are imported when they run, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.arguments import CLIP, CONFIG, parse
from edge.config import Config, MqttConfig
from edge.config_file import load
from edge.errors import EXIT_CONFIG, EXIT_RETRY, ConfigError, FerEdgeError
from edge.labels import EMOTIONS, check_labels
from edge.model.download import DOWNLOADS, folders
from edge.streams import native_code_silenced, until_reader_leaves

if TYPE_CHECKING:
    from edge.commands.check import Finding

UNATTENDED_WINDOWS = 3
"""Length of a demo whose output is not a terminal, where nobody can press Ctrl-C."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    return until_reader_leaves(lambda: _main(arguments))


def _main(arguments: list[str] | None) -> int:
    try:
        options = parse(arguments)
        # journald adds the time to every line.
        logging.basicConfig(level=options.log.upper(), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
        return _COMMANDS[options.command](options)
    except FerEdgeError as error:
        for line in str(error).splitlines():
            print(f"fer-edge: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        print(
            f"fer-edge: {error}: the installation is not complete, or is for another Python than "
            f"{sys.version_info.major}.{sys.version_info.minor}; install the package for this system again",
            file=sys.stderr,
        )
        return EXIT_CONFIG
    except BrokenPipeError:
        raise
    except Exception:
        logging.getLogger("edge").exception("unexpected error; please report it")
        return EXIT_RETRY


def _broker(options: argparse.Namespace) -> MqttConfig:
    if options.config:
        return load(options.config).mqtt
    address, port = options.host, options.port
    if None not in (address.port, port) and address.port != port:
        raise ConfigError(f"--host and --port name two ports, {address.port} and {port}; leave one out")
    return MqttConfig(port=port or MqttConfig().port).at(address)


def _chatter_silenced(config: Config, options: argparse.Namespace) -> AbstractContextManager[None]:
    """Without what FFmpeg and libjpeg say of damaged images, unless it is asked for."""
    # libcamera, which reads csi cameras, says little and nothing that we say too.
    return nullcontext() if config.camera.kind == "csi" or options.log == "debug" else native_code_silenced()


def _run(options: argparse.Namespace) -> int:
    from edge.host.sdnotify import SystemdNotifier
    from edge.service import Service

    config = load(options.config)
    with _chatter_silenced(config, options):
        service = Service(config, SystemdNotifier())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: service.stop())
        service.run()
    return 0


def _preview(options: argparse.Namespace) -> int:
    from edge.commands.preview import preview

    config, stop = load(options.config), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _chatter_silenced(config, options):
        preview(config, stop, host=options.host, port=options.port)
    return 0


def _check(options: argparse.Namespace) -> int:
    from edge.commands.check import check
    from edge.host.systemd import read_unit, unit_name

    if options.model:
        return _check_model(options.model)
    unit = read_unit(unit_name(options.config))
    runs = options.beside_service or (unit is not None and unit.runs)
    remedy = f"fer-edge setup --config {shlex.quote(str(options.config))}"
    findings = (
        replace(finding, remedy=remedy) if finding.part == "broker" and finding.exit_code else finding
        for finding in check(load(options.config), beside_service=runs)
    )
    return _tell(findings, json_lines=options.json)


def _check_model(model: Path) -> int:
    from edge.commands.check import check_release
    from edge.model.release import MANIFEST_FILE, MODEL_FILE
    from edge.model.store import unpacked

    folder = model.parent if model.name in (MODEL_FILE, MANIFEST_FILE) else model
    with native_code_silenced(), nullcontext(folder) if folder.is_dir() else unpacked(folder) as release:
        part, checked = check_release(release)
    print(f"ok    {part:10} {checked.name}, sha256 {checked.manifest.sha256}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from edge.commands.doctor import doctor

    return _tell(doctor(options.config), json_lines=options.json)


def _setup(options: argparse.Namespace) -> int:
    from edge.commands.setup import setup

    tell = partial(_tell, json_lines=False)
    return setup(options.config, options.answers, start=not options.no_start, tell=tell)


def _forget(options: argparse.Namespace) -> int:
    from edge.commands.forget import forget

    for sentence in forget(load(options.config)):
        print(sentence)
    return 0


def _tell(findings: Iterable[Finding], *, json_lines: bool) -> int:
    """Print the findings, one line each, and nothing that native code says; returns the worst exit status."""
    with native_code_silenced():
        return max((_tell_one(finding, json_lines=json_lines) for finding in findings), default=0)


def _tell_one(finding: Finding, *, json_lines: bool) -> int:
    verdict = "WRONG" if finding.exit_code else "NOTE " if finding.reminder else "ok   "
    stop = "" if finding.sentence.endswith("?") else "."
    remedy = f"{stop} Run: {finding.remedy}" if finding.remedy else ""
    told = f"{verdict} {finding.part:9} {finding.sentence}{remedy}"
    print(json.dumps(asdict(finding)) if json_lines else told, flush=True)
    return finding.exit_code


def _notice(options: argparse.Namespace) -> int:
    from edge.commands.notice import notice

    sign = notice(load(options.config), options.language)
    if options.out is None:
        sys.stdout.write(sign)
        return 0
    try:
        options.out.write_text(sign, "utf-8")
    except OSError as error:
        raise ConfigError(f"--out {options.out}: cannot be written ({error.strerror})") from error
    print(f"{options.out}: open it in a browser and print it; one page of A4")
    return 0


def _model(options: argparse.Namespace) -> int:
    from edge.commands.catalog import chosen, list_models

    path = options.config or (CONFIG if CONFIG.exists() else None)
    config = load(path) if path else Config()
    runs = chosen(config)
    for entry in list_models(config):
        mark = "*" if runs[entry.part] == entry.kind else " "
        print(f"{mark} {entry.part:10} {entry.kind:7} {entry.sentence}")
    print(f"* chosen by {path}" if path else "* chosen where the configuration names no other")
    return 0


def _install(options: argparse.Namespace) -> int:
    from edge.commands.model_install import install

    config = options.config or (CONFIG if CONFIG.exists() else None)
    with native_code_silenced():
        for sentence in install(options.source, config):
            print(sentence, flush=True)
    return 0


def _roll_back(options: argparse.Namespace) -> int:
    from edge.commands.model_install import roll_back

    for sentence in roll_back(options.part):
        print(sentence, flush=True)
    return 0


def _fetch(options: argparse.Namespace) -> int:
    download = DOWNLOADS[options.name]
    path = download.fetch(options.to or folders()[0], options.url)
    print(f"{path}: {download.name}, sha256 {download.sha256}, licence {download.licence}")
    return 0


def _watch(options: argparse.Namespace) -> int:
    from edge.commands.watch import watch

    return watch(_broker(options), json=options.json, count=options.count)


def _record(options: argparse.Namespace) -> int:
    from edge.commands.record import Recorder, default_name

    broker = load(options.config).mqtt if options.config else MqttConfig()
    brokers = tuple(broker.at(address) for address in options.brokers) or broker.brokers()
    name = options.name or default_name()
    recorder = Recorder(options.record, brokers, name=name, group=options.group, days=options.days)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: recorder.stop())
    recorder.run()
    return 0


def _report(options: argparse.Namespace) -> int:
    from edge.commands.report import report, write_csv, write_page

    sections = report(
        options.record,
        span=options.span,
        day=options.date,
        against=options.against,
        device=options.device,
        timezone=options.timezone,
    )
    write_page(sections, options.out)
    counts = [len(section.period.windows) for section in sections]
    total, silent = sum(counts), counts.count(0)
    heard = len(counts) - silent
    others = f"; of {silent} more in the record no window arrived in this time" if silent else ""
    print(f"{options.out}: {total} window{'s' * (total != 1)} of {heard} camera{'s' * (heard != 1)}{others}")
    if options.csv:
        write_csv(sections, options.csv)
        print(f"{options.csv}: the same as CSV")
    return 0


def _simulate(options: argparse.Namespace) -> int:
    from edge.commands.simulate import simulate
    from edge.commands.simulated_device import Plan

    try:
        labels = check_labels(options.labels or EMOTIONS)
    except ValueError as error:
        raise ConfigError(f"--labels: {error}") from error
    plan = Plan(_broker(options), options.window, options.live, options.prefix, options.seed, options.discovery, labels)
    duration_s = 60 * options.minutes if options.minutes else float("inf")
    return simulate(plan, options.devices, duration_s=duration_s, json=options.json)


def _demo(options: argparse.Namespace) -> int:
    from edge.commands.demo import run_demo

    windows = options.windows or (None if sys.stdout.isatty() else UNATTENDED_WINDOWS)
    browse = sys.stdout.isatty() and not options.no_browser
    return run_demo(windows=windows, json=options.json, clip=options.clip, browse=browse)


def _bench(options: argparse.Namespace) -> int:
    from edge.commands.bench import bench

    config = load(options.config) if options.config else Config()
    if options.clip or not options.config:
        config = replace(config, camera=replace(config.camera, kind="replay", path=str(options.clip or CLIP)))
    with _chatter_silenced(config, options):
        result = bench(config)
    if options.json:
        print(json.dumps(result.to_dict(), indent=1))
        return 0
    print("\n".join(result.lines()))
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "preview": _preview,
    "check": _check,
    "doctor": _doctor,
    "setup": _setup,
    "forget": _forget,
    "watch": _watch,
    "simulate": _simulate,
    "record": _record,
    "report": _report,
    "notice": _notice,
    "demo": _demo,
    "bench": _bench,
    "model": _model,
    "model list": _model,
    "model fetch": _fetch,
    "model install": _install,
    "model rollback": _roll_back,
}
