"""The accelerator's library aborts or hangs, or there is no accelerator."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from edge.model.manifest import with_checksum
from edge.model.release import EDGETPU_FILE, MANIFEST_FILE, MODEL_FILE
from edge.vision.classifier import PACKAGED_MODEL
from edge.vision.detector.builtin import PACKAGED_DETECTOR
from tests.faults.conftest import Compile, Figures
from tests.faults.witness import Witness
from tests.support.daemon import READY, WATCHDOG_S, StartDaemon
from tests.support.mosquitto import Mosquitto

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.slow]

ALONE, CORAL = {"min_people": 1}, {"device": "edgetpu"}


@pytest.fixture
def compiled_models(tmp_path: Path) -> dict[str, dict[str, str]]:
    """The packaged releases with a second file for the accelerator, but no refiner's; this library runs any."""
    sections = {}
    for section, key, packaged in (("model", "folder", PACKAGED_MODEL), ("detector", "model", PACKAGED_DETECTOR)):
        folder = tmp_path / section
        shutil.copytree(packaged, folder)
        document = json.loads((packaged / MANIFEST_FILE).read_bytes())
        document.pop("checksum")
        document["edgetpu_sha256"] = document["sha256"]
        (folder / MANIFEST_FILE).write_text(with_checksum(document), "utf-8")
        shutil.copyfile(folder / MODEL_FILE, folder / EDGETPU_FILE)
        sections[section] = {key: str(folder)}
    return sections


@pytest.fixture
def coral(tmp_path: Path, compiled: Compile) -> dict[str, str]:
    """The environment of a daemon that finds a Coral."""
    library = compiled("fake_edgetpu.c", "libedgetpu.so.1")
    return {"LD_LIBRARY_PATH": str(library.parent), "EDGETPU_FAULT": str(tmp_path / "fault")}


@pytest.mark.parametrize(
    ("fault", "ended"), [("abort", "ended with -6"), ("hang", "watchdog timeout")], ids=["abort", "hang"]
)
@pytest.mark.row(12, "fake libedgetpu.so.1")
def test_a_failing_accelerator_costs_one_restart(
    broker: Mosquitto,
    witness: Witness,
    daemon: StartDaemon,
    coral: dict[str, str],
    compiled_models: dict[str, dict[str, str]],
    fault: str,
    ended: str,
    figures: Figures,
) -> None:
    running = daemon(
        broker.port,
        privacy=ALONE,
        inference=CORAL,
        environment=coral,
        model=compiled_models["model"],
        detector=compiled_models["detector"],
    )
    running.supervise()
    witness.windows.wait(lambda window: window["model"]["device"] == "edgetpu" and window["dominant"] is not None)

    Path(coral["EDGETPU_FAULT"]).write_text(fault)
    begun_s = time.monotonic()
    ended_s = running.wait(f"systemd: {ended}", WATCHDOG_S + 10, since_s=begun_s)
    Path(coral["EDGETPU_FAULT"]).unlink()
    recovery_s = running.wait(READY, since_s=ended_s) - ended_s
    witness.windows.wait(lambda window: window["dominant"] is not None, since_s=ended_s)

    account = witness.account()
    figures(recovery_s=recovery_s, note=f"ended after {ended_s - begun_s:.1f} s, then started again", **account)
    assert recovery_s < 10
    assert account["lost"] == 0


@pytest.mark.parametrize("library", [False, True], ids=["no library", "no device"])
@pytest.mark.row(12, "fallback allowed")
def test_without_an_accelerator_the_cpu_does_it_and_says_so(
    broker: Mosquitto,
    witness: Witness,
    daemon: StartDaemon,
    request: pytest.FixtureRequest,
    library: bool,
    figures: Figures,
) -> None:
    environment = request.getfixturevalue("coral") | {"EDGETPU_ABSENT": "1"} if library else {}

    begun_s = time.monotonic()
    daemon(broker.port, privacy=ALONE, inference={**CORAL, "fallback": "cpu"}, environment=environment)
    told_s, status = witness.status(since_s=begun_s, problem="accelerator_missing")
    witness.windows.wait(lambda window: window["model"]["device"] == "cpu" and window["dominant"] is not None)

    figures(
        recovery_s=told_s - begun_s,
        problem="accelerator_missing",
        note=status["problems"][0]["sentence"].removeprefix("The classifier runs on the CPU: "),
        **witness.account(),
    )
    assert told_s - begun_s < 10


@pytest.mark.row(12, "no fallback allowed")
def test_without_an_accelerator_nothing_runs_where_no_fallback_is_allowed(
    daemon: StartDaemon, figures: Figures
) -> None:
    running = daemon(1, privacy=ALONE, inference=CORAL)

    status = running.finish(20)

    (words,) = [line for line in running.journal.entries() if line.startswith("fer-edge: ")]
    figures(note=f"exit {status}: {words.removeprefix('fer-edge: ')}")
    assert status == 1
    assert "libedgetpu.so.1" in words
