"""Draws the rooms of ``watch`` in a terminal. The only importer of rich.

Each room is a panel. When not all panels fit, each room is a line, and those with problems come first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TextIO

from rich import box
from rich.cells import cell_len
from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge.commands.watch_registry import DeviceRegistry, Mood, Room, Window
from edge.labels import EMOTIONS, colours_of

_REFRESH_S = 0.25
_COLUMNS = (1, 20, 3, 17)
"""Width of mark, name, people and mood in a line."""
_PANEL = 66
_PANEL_LINES = 10
"""Width at most and height at least of a panel."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = "▁▂▃▄▅▆▇█"
# Okabe and Ito's colours, as on the dashboard page. Beside each stands its name or its letter.
_COLOURS = dict(
    zip(EMOTIONS, ("#e5762a", "#22b38b", "#d78db6", "#f0b13a", "#2b8ccb", "#6cc0f0", "#a3a9b0"), strict=True),
)
_LETTERS = dict(zip(EMOTIONS, "adfhsun", strict=True))
_NAME = (8, 18)
"""Width of the names of labels, at least and at most; longer ones are cut."""
_STATES = {
    "running": ("●", "green"),
    "starting": ("◌", "cyan"),
    "stopping": ("◌", "cyan"),
    "degraded": ("▲", "yellow"),
    "paused": ("‖", "cyan"),
    "offline": ("○", "red"),
    "silent": ("○", "red"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How the labels of a room are shown: their order, the colour of each, and a letter that stands for it."""

    order: tuple[str, ...]
    colours: Mapping[str, str]
    letters: Mapping[str, str]

    @classmethod
    def of(cls, room: Room, now_s: float) -> Look:
        """The labels of the model, and of other models whose windows are in the last hour."""
        device, windows = room.device_state, (room.window, *room.history.bins(60, now_s))
        past = (name for window in windows if window is not None for name in window.mood.emotions or ())
        labels = tuple(dict.fromkeys((*device.labels, *past)))
        rank = {label: place for place, label in enumerate(dict.fromkeys((*device.order, *EMOTIONS)))}
        letters = {label: _LETTERS[label] for label in labels if label in _LETTERS}
        for label in labels:
            free = (letter for letter in label if letter not in letters.values() and letter != " ")
            letters.setdefault(label, next((letter for letter in free if cell_len(letter) == 1), "•"))
        return cls(
            order=tuple(sorted(labels, key=lambda label: rank.get(label, len(rank)))),
            colours=_COLOURS | colours_of(labels, device.colours),
            letters=letters,
        )

    def colour(self, label: str | None) -> str:
        """The colour of ``label``, or of what has none."""
        return self.colours.get(label or "", "bright_black")


class Tui:
    """Draws at most four times a second, between ``with`` and its end."""

    def __init__(self, out: TextIO) -> None:
        self._live = Live(console=Console(file=out), screen=True, auto_refresh=False)
        self._drawn_s = float("-inf")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def show(self, registry: DeviceRegistry, note: str) -> None:
        """Draw all rooms; ``note`` says how we are connected."""
        now_s = time.monotonic()
        if now_s - self._drawn_s >= _REFRESH_S:
            self._drawn_s = now_s
            self._live.update(Screen(registry, note, now_s), refresh=True)


@dataclass(frozen=True, slots=True)
class Screen:
    """The whole screen, in whatever space there is."""

    registry: DeviceRegistry
    note: str
    now_s: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Panels if they fit, else lines."""
        head = self._head()
        yield head
        yield Text()
        rooms = sorted(self.registry.rooms.values(), key=lambda room: (room.name.casefold(), room.source))
        if not rooms:
            yield Text("No message from any device yet.", "dim")
            return
        width = options.max_width
        left = (options.height or console.height) - 1 - len(head.wrap(console, width))
        beside = max(1, (width + 2) // (_PANEL + 2))
        if -(-len(rooms) // beside) * _PANEL_LINES <= left:
            panels = [_panel(room, self.now_s, min(width, _PANEL)) for room in rooms]
            if len(console.render_lines(_grid(panels), options.update(height=None))) <= left:
                yield _grid(panels)
                return
        rooms.sort(key=lambda room: not _needs_attention(room, self.now_s))
        yield from _lines(rooms, self.now_s, width, left)

    def _head(self) -> Text:
        rooms = self.registry.rooms.values()
        count = f"{len(rooms)} {'room' if len(rooms) == 1 else 'rooms'}"
        away = sum(room.away(self.now_s) for room in rooms)
        problems = sum(bool(room.device_state.problems) for room in rooms)
        parts = [count, f"{away} away" if away else "", f"{problems} with problems" if problems else "", self.note]
        words = " · ".join(part for part in parts if part)
        # The note may be an address to copy, so none of it is cut off.
        return Text.assemble((" fer-edge watch ", "bold reverse"), "  ", (words, "dim"), overflow="fold")


def _grid(panels: list[Panel]) -> Columns:
    return Columns(panels, padding=(0, 2))


def _lines(rooms: list[Room], now_s: float, width: int, left: int) -> Iterator[Text]:
    """A line per room, and one more for its problem, as many as fit into ``left``."""
    spark = max(0, min(60, width - sum(_COLUMNS) - 4))
    for drawn, room in enumerate(rooms):
        problem = _problem(room)
        needed = 1 + bool(problem)
        if left < needed + (drawn + 1 < len(rooms)):
            yield Text(f"and {len(rooms) - drawn} more", "dim")
            return
        left -= needed
        mark, colour = _STATES.get(room.state(now_s).partition(" ")[0], ("○", "white"))
        name = Text(room.name, "bold")
        people = Text(_people(room, now_s).rjust(_COLUMNS[2]))
        look = Look.of(room, now_s)
        cells = (Text(mark, colour), name, people, _mood(room, now_s, look))
        line = Text(no_wrap=True)
        for cell, wide in zip(cells, _COLUMNS, strict=True):
            cell.truncate(wide, overflow="ellipsis", pad=True)
            line.append(cell).append(" ")
        line.append(_spark(room, now_s, spark, look))
        line.truncate(width)
        yield line
        if problem:
            yield Text(f"  ▲ {problem}", "yellow", no_wrap=True, overflow="ellipsis")


def _panel(room: Room, now_s: float, width: int) -> Panel:
    state, look = room.state(now_s), Look.of(room, now_s)
    mark, colour = _STATES.get(state.partition(" ")[0], ("○", "white"))
    where = f" {room.address}" if room.device_state.place else ""
    title = Text.assemble((f"{mark} ", colour), (room.name, "bold"), (where, "dim"), (f"  {state}", colour))
    window = room.window
    lines: list[RenderableType] = [_heading(room, now_s, look)]
    if window is not None and window.mood.emotions is not None:
        lines.append(_bars(window.mood, room.mood_now(now_s), width - 6, look))
    else:
        lines += _message(_why_empty(window), len(room.device_state.labels or EMOTIONS))
    if window is not None:
        lines += [Text(), _spark(room, now_s, width - 16, look, "last hour "), _letters(room, now_s, width - 16, look)]
    lines += [Text(f"▲ {problem}", "yellow") for problem in room.device_state.problems]
    replayed = "  replayed" if window and window.historical else ""
    basis = f"mood {window.mood.basis}  " if window and window.mood.basis else ""
    age = f"{max(0.0, now_s - window.received_s):.0f} s ago" if window else ""
    return Panel(
        Group(*lines),
        title=title,
        title_align="left",
        subtitle=Text(
            f"{basis}window {window.seq}  {window.duration_s:.0f} s  {age}{replayed}" if window else "", "dim"
        ),
        subtitle_align="right",
        box=box.ROUNDED,
        border_style="bright_black" if colour == "green" else colour,
        width=width,
        padding=(0, 2),
    )


def _needs_attention(room: Room, now_s: float) -> bool:
    return bool(room.device_state.problems) or room.away(now_s)


def _problem(room: Room) -> str:
    problems = room.device_state.problems
    return (
        "" if not problems else problems[0] if len(problems) == 1 else f"{problems[0]} (and {len(problems) - 1} more)"
    )


def _people(room: Room, now_s: float) -> str:
    mood = room.mood_now(now_s) or (room.window.mood if room.window else None)
    return "–" if mood is None or room.away(now_s) else str(mood.people)


def _heading(room: Room, now_s: float, look: Look) -> Text:
    text = Text()
    if room.window is not None:
        mood = room.window.mood
        text.append(mood.counted, "bold")
        if mood.people > 1:
            text.append(f", at most {room.window.max_at_once} at once", "dim")
        if mood.dominant is not None:
            text.append("  mostly ", "dim").append(mood.dominant, f"bold {look.colour(mood.dominant)}")
    if (now := room.mood_now(now_s)) is not None:
        text.append("  now " if text else "now ", "dim").append(f"{now.people} in view")
    return text


def _mood(room: Room, now_s: float, look: Look) -> Text:
    """The dominant emotion in a few characters, or that the device is away."""
    window = room.window
    if room.away(now_s):
        ago = "" if room.device_state.heard_s is None else f" {_duration(now_s - room.device_state.heard_s)}"
        return Text(f"{room.state(now_s)}{ago}", "red")
    if window is None or window.mood.emotions is None or window.mood.dominant is None:
        return Text(_why_empty(window, brief=True), "italic dim")
    dominant = window.mood.dominant
    share = f" {window.mood.emotions[dominant]:.0%}"
    name = Text(dominant, look.colour(dominant))
    name.truncate(_COLUMNS[3] - len(share), overflow="ellipsis")
    return name.append(share, "default")


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 60
        else f"{seconds / 60:.0f} min"
        if seconds < 3600
        else f"{seconds / 3600:.0f} h"
    )


def _bars(mood: Mood, now: Mood | None, width: int, look: Look) -> Table:
    live, emotions = now.emotions if now is not None else None, mood.emotions or {}
    wide = min(max([_NAME[0], *(cell_len(name) for name in emotions)]), _NAME[1])
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", width=wide, no_wrap=True, overflow="ellipsis")
    bar = max(4, width - wide - 9 - (6 if live else 0))
    table.add_column(width=bar)
    table.add_column(justify="right", width=5)
    table.add_column(justify="right", width=5 if live else 0)
    for name in (label for label in look.order if label in emotions):
        share, colour = emotions[name], look.colour(name)
        strong = "bold" if name == mood.dominant else ""
        label = Text(name, f"{strong} {colour}".strip())
        start = name.find(look.letters[name])
        label.stylize("underline", max(start, 0), start + 1)
        shown = f"{live[name]:.0%}" if live and name in live else ""
        table.add_row(label, _bar(share, bar, colour), Text(f"{share:.0%}", strong), Text(shown, "dim"))
    return table


def _bar(share: float, width: int, colour: str) -> Text:
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return Text.assemble((full, colour), ("·" * (width - len(full)), "bright_black"))


def _spark(room: Room, now_s: float, width: int, look: Look, label: str = "") -> Text:
    """The last hour's people as heights, in the colour of their mood."""
    bins = room.history.bins(width, now_s) if width > 0 else []
    most = max([4, *(window.mood.people for window in bins if window)])
    text = Text().append(label, "dim")
    for window in bins:
        if window is None:
            text.append(" ")
        elif not window.mood.people:
            text.append("×" if window.analysed == 0 else "·", "bright_black")
        else:
            height = _HEIGHTS[min(7, round(window.mood.people / most * 7))]
            text.append(height, look.colour(window.mood.dominant))
    return text


def _letters(room: Room, now_s: float, width: int, look: Look) -> Text:
    """The last hour's moods as the letters that are underlined in the names."""
    text = Text(" " * 10)
    for window in room.history.bins(width, now_s):
        dominant = window.mood.dominant if window else None
        withheld = "?" if window and window.mood.withheld else " "
        letter = look.letters.get(dominant, "•") if dominant else withheld
        text.append(letter, look.colour(dominant) if dominant else "dim")
    return text


def _why_empty(window: Window | None, *, brief: bool = False) -> str:
    if window is None:
        return "waiting" if brief else "waiting for the first window"
    if window.mood.withheld:
        return "? withheld" if brief else window.mood.withheld
    if window.analysed == 0:
        return "× no data" if brief else "no data: the camera delivered no image"
    if brief:
        return "· nobody"
    return "faces that never move are not counted" if window.mood.still else "no face was seen in this window"


def _message(sentence: str, height: int) -> list[RenderableType]:
    """As high as the bars, so that panels keep their size."""
    above = height // 2
    return [*[Text()] * above, Text(sentence, "italic dim", justify="center"), *[Text()] * (height - above - 1)]
