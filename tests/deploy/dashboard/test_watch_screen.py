"""``fer-edge watch`` beside the page: the same messages, the same rooms.

``FER_PICTURES=docs/pictures`` renews the picture of the documentation.
"""

from __future__ import annotations

import io
import math
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from edge.commands.watch_registry import DeviceRegistry
from edge.commands.watch_tui import Screen
from edge.records import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.records import EmotionScores
    from tests.deploy.conftest import Page
    from tests.deploy.dashboard.conftest import MakeDevice


def test_the_terminal_shows_the_rooms_that_the_page_shows(
    fake_device: MakeDevice, page: Page, scores: Callable[..., EmotionScores], tmp_path: Path
) -> None:
    rooms = [fake_device(f"fer-{i}a2b3c4d", name) for i, name in enumerate(("Café", "Cinema", "Ice age", "Workshop"))]
    registry, now_s = DeviceRegistry(), time.monotonic()
    hot = Problem("throttled", "The processor is slowed down by heat or a weak power supply.")
    for phase, who in enumerate(rooms):
        for message in who.retained(*([hot] if phase == 1 else [])):
            registry.receive(message.topic, message.payload, now_s)
        for minutes in range(61, 0, -1):
            tide = math.sin(minutes / 12 + (0.0, 2.3, -0.7, 6.9)[phase])
            people = max(0, round(4 + 5 * tide + (minutes % 3 == 0)))
            mood = scores(happy=0.4 + 0.3 * tide, neutral=0.3 + 0.15 * phase, surprise=0.1, sad=0.1)
            withheld: dict[str, Any] = {
                "emotions": None,
                "uncertain": None,
                "suppressed": "too_few_people" if people else None,
            }
            window = who.window(62 - minutes, 0, people, **({"emotions": mood} if people >= 3 else withheld))
            registry.receive(window.topic, window.payload, now_s - 60 * (minutes - 1) - 5)
        reading = who.live((6, 9, 1, 7)[phase])
        registry.receive(reading.topic, reading.payload, now_s)

    console = Console(file=io.StringIO(), width=140, height=40, record=True, force_terminal=True)
    console.print(Screen(registry, "connected to broker museum.example:1883", now_s))
    text = console.export_text(clear=False)

    assert [text.index(who.device.context.room) for who in rooms] == sorted(
        text.index(who.device.context.room) for who in rooms
    )
    assert "4 rooms · 1 with problems · connected to broker museum.example:1883" in text
    assert "emotions withheld: too few people for privacy" in text
    assert f"▲ {hot.sentence[:40]}" in text
    svg = tmp_path / "watch.svg"
    svg.write_text(console.export_svg(title="fer-edge watch"), "utf-8")
    width, height = (
        math.ceil(float(side)) for side in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text())[0]
    )
    page.look(width, height, scheme="dark")
    page.call("Page.navigate", url=svg.as_uri())
    page.wait("document.documentElement.tagName === 'svg'")
    page.picture(Path(os.environ.get("FER_PICTURES", tmp_path)) / "watch.png")
