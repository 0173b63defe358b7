"""A configuration that cannot be run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.conftest import Figures
from tests.support.daemon import StartDaemon

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"extra": "[window]\n"}, "is not TOML"),
        ({"mqtt": {"hots": 1}}, "mqtt.hots"),
        ({"window": {"duration_s": True}}, "window.duration_s"),
        ({"outbox": {"max_rows": 3}}, "outbox.max_rows"),
        ({"mqtt": {"tls_ca": "absent.pem"}}, "mqtt.tls_ca"),
        ({"mqtt": {"username": "a", "password_file": "secret"}}, "mqtt.password_file"),
    ],
    ids=[
        "no TOML",
        "unknown key",
        "wrong type",
        "out of bounds",
        "missing file",
        "unreadable secret",
    ],
)
@pytest.mark.row(18, "file as named")
def test_what_is_wrong_is_named_and_nothing_is_started(
    daemon: StartDaemon, config: dict[str, Any], named: str, figures: Figures
) -> None:
    running = daemon(1, **config, start=False)
    # Unreadable for every user, root included.
    (running.folder / "secret").mkdir()

    running.start()
    status = running.finish(20)

    words = [line for line in running.journal.entries() if line.startswith("fer-edge: ")]
    figures(note=f"exit {status}: " + words[0].removeprefix("fer-edge: ").replace(str(running.folder), "..."))
    assert status == 78
    assert len(words) == 1
    assert named in words[0]
