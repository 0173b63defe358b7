"""The rooms of a house in a terminal; the only importer of rich."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self, TextIO

from rich import box
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge.contract import EMOTIONS
from edge.house import House, Mood, Room

_WIDTH = 66
_BAR = 26
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_REFRESH_S = 0.25
_COLOURS = dict(
    zip(EMOTIONS, ("red", "green", "magenta", "yellow", "blue", "cyan", "bright_white"), strict=True),
)
_STATES = {"running": "green", "starting": "cyan", "degraded": "yellow", "stopping": "cyan"}


class Screen:
    """Draws at most four times a second, between ``with`` and its end."""

    def __init__(self, out: TextIO) -> None:
        self._live = Live(console=Console(file=out), screen=True, auto_refresh=False)
        self._drawn_s = float("-inf")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def show(self, house: House, note: str) -> None:
        """Draw the house; ``note`` tells how we are connected."""
        now_s = time.monotonic()
        if now_s - self._drawn_s >= _REFRESH_S:
            self._drawn_s = now_s
            self._live.update(draw(house, note, now_s), refresh=True)


def draw(house: House, note: str, now_s: float) -> RenderableType:
    """The whole screen."""
    head = Text.assemble((" fer-edge watch ", "bold reverse"), "  ", (note, "dim"))
    rooms = [_draw_room(house.rooms[key], now_s) for key in sorted(house.rooms)]
    body: RenderableType = Columns(rooms, padding=(0, 2)) if rooms else Text("no device has spoken yet", "dim")
    return Group(head, Padding(body, (1, 0, 0, 0)))


def _draw_room(room: Room, now_s: float) -> Panel:
    word, colour = _state(room)
    title = Text.assemble(("● ", colour), (f"{room.device} ", "bold"), (room.source, ""), (f"  {word}", colour))
    window = room.window
    lines: list[RenderableType] = [_people(room, now_s)]
    if window is None:
        lines += _message("waiting for the first window")
        subtitle = Text("")
    else:
        lines += _bars(window.mood, room.now) if window.mood.emotions else _message(_why(window.mood))
        age = f"{max(0.0, now_s - window.received_s):.0f} s ago"
        replayed = "  replayed" if window.historical else ""
        subtitle = Text(f"window {window.seq}  {window.duration_s:.0f} s  {age}{replayed}", "dim")
    lines.append(Text())
    for problem in room.appliance.problems:
        lines.append(Text.assemble(("▲ ", "yellow"), problem))
    return Panel(
        Group(*lines),
        title=title,
        title_align="left",
        subtitle=subtitle,
        subtitle_align="right",
        box=box.ROUNDED,
        border_style="bright_black" if colour == "green" else colour,
        width=_WIDTH,
        padding=(1, 2, 0, 2),
    )


def _state(room: Room) -> tuple[str, str]:
    if room.appliance.online is False:
        return "offline", "red"
    state = room.appliance.state or "no status yet"
    return state, _STATES.get(state, "white")


def _people(room: Room, now_s: float) -> Text:
    text = Text()
    if room.window is not None:
        mood = room.window.mood
        text.append(mood.counted, "bold")
        if mood.people > 1:
            text.append(f", at most {room.window.max_at_once} at once", "dim")
        if mood.dominant is not None:
            text.append("  mostly ", "dim").append(mood.dominant, f"bold {_COLOURS[mood.dominant]}")
    if room.now is not None and now_s - room.now_received_s < 5:
        text.append("  now " if text else "now ", "dim").append(f"{room.now.people} in view")
    return text


def _bars(mood: Mood, now: Mood | None) -> list[RenderableType]:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", width=8)
    table.add_column(width=_BAR)
    table.add_column(justify="right", width=5)
    table.add_column(justify="right", width=6)
    table.add_row("", "", "", Text("now" if now is not None and now.emotions else "", "dim"))
    for name, share in (mood.emotions or {}).items():
        strong = "bold " if name == mood.dominant else ""
        colour = _COLOURS[name]
        live = f"{now.emotions[name]:.0%}" if now is not None and now.emotions else ""
        table.add_row(
            Text(name, f"{strong}{colour}"), _bar(share, colour), Text(f"{share:.0%}", strong), Text(live, "dim")
        )
    return [table]


def _bar(share: float, colour: str) -> Text:
    eighths = round(min(max(share, 0.0), 1.0) * _BAR * 8)
    full = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return Text.assemble((full, colour), ("·" * (_BAR - len(full)), "bright_black"))


def _why(mood: Mood) -> str:
    return mood.withheld or "no face was seen in this window"


def _message(sentence: str) -> list[RenderableType]:
    """As high as the bars and their heading, so that rooms do not jump."""
    above = len(EMOTIONS) // 2
    return [*[Text()] * above, Text(sentence, "italic dim", justify="center"), *[Text()] * (len(EMOTIONS) - above)]
