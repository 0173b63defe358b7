"""docs/faults.json, what the last run of every row saw, and the page docs/faults.md that is made of it."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.mqtt.publisher import GIVE_UP_S, HUNG_S

ROWS = {
    1: "broker absent at start",
    2: "broker killed and restarted",
    3: "broker frozen",
    4: "long outage",
    5: "daemon killed",
    6: "bad link",
    7: "broker that throttles or refuses",
    8: "duplicate client id",
    9: "exception in a callback",
    10: "TLS certificate not acceptable",
    11: "camera fails",
    12: "accelerator fails",
    13: "damaged or wrong model",
    14: "clock steps",
    15: "full, read-only or damaged disk",
    16: "stop under load and outage",
    17: "a stage hangs",
    18: "wrong configuration",
    19: "hostile images and videos",
    20: "soak",
    21: "pixels written or sent",
    22: "damaged or foreign windows in the outbox",
    23: "state lost",
    24: "broker back without its sessions",
    25: "broker refuses windows",
    26: "two daemons on one state, two devices of one id",
    27: "broker cluster loses nodes",
    28: "power cut",
    29: "broker with limits",
    30: "hostile camera server",
    31: "hostile device",
    32: "stranger at the broker of our example",
    33: "presence and status after a fault",
    34: "check in the device's place",
    35: "hostile download or release",
}
SOAK, WRITTEN = 20, "written"
"""Shown apart from the table."""

FIGURES = Path(__file__).parents[2] / "docs" / "faults.json"


class Record:
    """Collects the outcome and the figures of every test that is a row."""

    def __init__(self) -> None:
        self._tests: dict[str, dict[str, Any]] = {}
        self._existing: set[str] = set()

    def collect(self, item: pytest.Item) -> None:
        """Take note of a test that exists."""
        self._existing.add(item.nodeid)

    def add(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Take in one phase of a test."""
        row = item.get_closest_marker("row")
        if row is None or (report.when != "call" and report.passed):
            return
        number, injected = row.args
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            injected = f"{injected}: {item.callspec.id}"
        self._tests[item.nodeid] = {
            "row": number,
            "injected": injected,
            "outcome": report.outcome,
            "why": report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else None,
            "date": datetime.now(UTC).date().isoformat(),
            "figures": dict(report.user_properties),
        }

    def write(self, path: Path) -> None:
        """Put them beside those of tests that did not run this time, but still exist."""
        known = json.loads(path.read_text("utf-8"))["tests"] if path.exists() else {}
        looked_at = {name.partition("::")[0] for name in self._existing}
        for name in list(known):
            if name.partition("::")[0] in looked_at and name not in self._existing:
                del known[name]
        document = {"machine": machine(), "tests": known | self._tests}
        path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def machine() -> str:
    """What kind of machine this is; never which."""
    system = platform.freedesktop_os_release()["PRETTY_NAME"] if platform.system() == "Linux" else platform.system()
    return f"{os.cpu_count()} CPUs, {platform.machine()}, {system}, Python {platform.python_version()}"


PAGE = """\
# Fault tests

Every line is a test, most of them in [tests/faults](../tests/faults), that breaks something for real: the daemon is the
process that systemd starts, the broker is mosquitto, and a second client records every window and looks for gaps in
`seq`. `make faults` and `make soak` generate this page from [faults.json](faults.json); do not edit it by hand.

{dates}: {machine}. Times depend on that machine and on what else it did.

- **back**: seconds until everything works again, from the end of the fault, or from its detection if it does not end.
- **lost**: windows that never arrived. **again**: windows that arrived twice and were recognised by their id.
- Windows last 1 s instead of 60 s, or 10 s of a clip that is replayed as fast as possible; `camera.stall_s` is 2
  instead of 5. Everything else is as shipped: keepalive 15 s, a problem after 10 s without an acknowledgement, watchdog
  30 s.
- The test takes the part of systemd, restart and watchdog, with the times of the unit. The watchdog ends the daemon
  30 s after the last analysed frame. Threads that only deliver get more time, because their windows are safe in the
  outbox: the publisher {hung_s:.0f} s, an acknowledgement {give_up_s:.0f} s.

| # | fault | injected | back | lost | again | seen | |
|---|---|---|---|---|---|---|---|
{rows}

Not tested, because it needs a Pi: a camera on the ribbon cable, a USB camera that is unplugged (a network camera is
killed instead), a real Coral, heat, a weak power supply, and a card that says that something is safe which is not.

## Soak

{soak}

![memory, file descriptors and windows over the soak](pictures/soak.png)

## Written to disk

Bytes that `/proc/<pid>/io` counts as written by the daemon, with the outbox on ext4. The journal of the file system
comes on top.

| | bytes a window | kB an hour, at one window a minute |
|---|---|---|
{written}
"""


def page(document: dict[str, Any]) -> str:
    """docs/faults.md."""
    tests = document["tests"].values()
    dates = sorted({test["date"] for test in tests})
    table = _together(
        {name: test for name, test in document["tests"].items() if test["row"] in ROWS and test["row"] != SOAK}
    )
    return PAGE.format(
        dates=dates[-1] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}",
        machine=document["machine"],
        hung_s=HUNG_S,
        give_up_s=GIVE_UP_S,
        rows="\n".join(_line(test) for test in sorted(table, key=lambda test: (test["row"], test["injected"]))),
        soak="\n".join(_soak(test) for test in tests if test["row"] == SOAK),
        written="\n".join(_written(test) for test in tests if test["row"] == WRITTEN),
    )


def _together(tests: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The tests, and one line for all cases of a test that passed without a figure."""
    silent: dict[str, list[dict[str, Any]]] = {}
    table = []
    for name, test in tests.items():
        function, _, case = name.partition("[")
        if test["figures"] or test["outcome"] != "passed":
            table.append(test)
        else:
            what = test["injected"].removesuffix(": " + case.removesuffix("]"))
            silent.setdefault(function, []).append(test | {"injected": what})
    for cases in silent.values():
        number = f": {len(cases)} cases" if len(cases) > 1 else ""
        table.append(cases[0] | {"injected": cases[0]["injected"] + number})
    return table


def _line(test: dict[str, Any]) -> str:
    figures = test["figures"]
    seen = [f"`{figures['problem']}`"] if "problem" in figures else []
    seen += [str(figures["note"])] if "note" in figures else []
    cells = (
        str(test["row"]),
        ROWS[test["row"]],
        test["injected"],
        f"{figures['recovery_s']:.1f} s" if "recovery_s" in figures else "",
        str(figures.get("lost", "")),
        str(figures.get("duplicates", "")),
        "; ".join(seen),
        test["outcome"] + (f": {test['why']}" if test["why"] else ""),
    )
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def _soak(test: dict[str, Any]) -> str:
    figures = test["figures"]
    arrived = f"{figures['windows']} windows, {figures['lost']} lost, {figures['duplicates']} again"
    return f"{test['injected'].capitalize()}: {figures['note']}; {arrived}. {test['outcome'].capitalize()}."


def _written(test: dict[str, Any]) -> str:
    what, figures = test["injected"].rpartition(": ")[2], test["figures"]
    return f"| {what} | {figures['bytes_a_window']:.0f} | {figures['kb_an_hour']:.0f} |"


def plot_soak(samples: list[tuple[float, float, int, int]], path: Path) -> None:
    """Draw seconds, MB, file descriptors and windows so far."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    at_s, rss_mb, descriptors, windows = zip(*samples, strict=True)
    minutes = [seconds / 60 for seconds in at_s]
    figure, axes = pyplot.subplots(3, 1, sharex=True, figsize=(8, 5), layout="constrained")
    for axis, values, name in zip(
        axes, (rss_mb, descriptors, windows), ("resident\nMB", "file\ndescriptors", "windows\narrived"), strict=True
    ):
        axis.plot(minutes, values, color="#1f5fa8", linewidth=1.5)
        axis.set_ylim(0, 1.15 * max(values))
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[-1].set_xlabel("minutes; the broker is killed and started again at every full one")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    FIGURES.with_suffix(".md").write_text(page(json.loads(FIGURES.read_text("utf-8"))), "utf-8")
