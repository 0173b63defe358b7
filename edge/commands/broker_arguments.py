"""The arguments of the commands that work at a broker, for any number of devices: watch, simulate, record, report."""

from __future__ import annotations

import argparse
import re
from datetime import date
from pathlib import Path

from edge.commands.argument_types import between, broker_port, positive
from edge.config import BrokerAddress

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


def add_broker_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add them to the parser of ``fer-edge``."""
    _add_watch(commands)
    _add_simulate(commands)
    _add_record(commands)
    _add_report(commands)


def _add_watch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    watch = commands.add_parser(
        "watch",
        help="show the rooms of a broker live in this terminal",
        description="Show every room that publishes to a broker: a live screen in a terminal, else a line per window.",
    )
    _add_broker_options(watch)
    watch.add_argument("--json", action="store_true", help="print each aggregate as a line of JSON instead")
    watch.add_argument("--count", type=positive, metavar="N", help="stop after N aggregates")
    watch.set_defaults(command="watch")


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
        "--devices", type=positive, default=8, metavar="N", help="how many devices (default: %(default)s)"
    )
    simulate.add_argument(
        "--window",
        type=between(1, 3600),
        default=60.0,
        metavar="S",
        help="length of a window in seconds (default: 60)",
    )
    simulate.add_argument(
        "--live", type=between(0.1, 60), default=0.5, metavar="S", help="seconds between live messages (default: 0.5)"
    )
    simulate.add_argument(
        "--no-live", dest="live", action="store_const", const=0.0, help="publish windows and status only"
    )
    simulate.add_argument(
        "--minutes", type=between(0.05, 1e6), metavar="M", help="stop after M minutes (default: run until Ctrl-C)"
    )
    simulate.add_argument(
        "--labels", nargs="+", metavar="LABEL", help="the labels of a model of your own (default: the shipped seven)"
    )
    simulate.add_argument("--discovery", action="store_true", help="appear in Home Assistant too")
    simulate.add_argument(
        "--prefix", type=_prefix, default="sim", help="name the devices PREFIX-0001 and so on (default: %(default)s)"
    )
    simulate.add_argument("--seed", type=int, default=0, help="seed of the random walks (default: 0)")
    simulate.add_argument("--json", action="store_true", help="print the result as JSON")
    simulate.set_defaults(command="simulate")


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
        default=(),  # or argparse would name it among what is missing
        type=_address,
        metavar="HOST:PORT",
        help="the broker, or the nodes of a cluster, tried in turn (default: those of --config, or localhost:1883)",
    )
    record.add_argument("--config", type=Path, metavar="FILE", help="whose [mqtt] has the password and the TLS files")
    record.add_argument(
        "--days",
        type=between(0.01, 36_500),
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


def _add_broker_options(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--config", type=Path, metavar="FILE", help="use the broker of this configuration")
    where.add_argument(
        "--host",
        type=_address,
        default=BrokerAddress("localhost", None),
        metavar="HOST[:PORT]",
        help="the broker's name or address (default: localhost)",
    )
    parser.add_argument(
        "--port", type=broker_port, help="the broker's port, if --host does not name it (default: 1883)"
    )


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a day as YYYY-MM-DD") from None


def _address(text: str) -> BrokerAddress:
    try:
        return BrokerAddress.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; {error}") from None


def _prefix(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,24}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give 1 to 24 characters of a-z, 0-9 and -")
    return text
