from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("rich", reason="needs the extra fer-edge[watch]")

from rich.cells import cell_len
from rich.console import Console

from edge.commands.watch_registry import DeviceRegistry, DeviceState, Mood, Room, Window
from edge.commands.watch_tui import Look, Screen, Tui

SHARES = {"angry": 0.02, "disgust": 0.0, "fear": 0.05, "happy": 0.56, "sad": 0.05, "surprise": 0.12, "neutral": 0.2}
HAPPY = Mood(7, SHARES, "happy", None)
NOBODY = Mood(0, None, None, None)
WITHHELD = Mood(2, None, None, "emotions withheld: too few people for privacy")
HOT = "The processor is slowed down by heat."


def drawn(*rooms: Room, width: int = 66, height: int = 40, note: str = "connected") -> str:
    output = io.StringIO()
    registry = DeviceRegistry({(room.device, room.source): room for room in rooms})
    Console(file=output, width=width, height=height).print(Screen(registry, note, now_s=112.0))
    return output.getvalue()


def a_window(mood: Mood, seq: int = 12345, *, analysed: int = 580) -> Window:
    return Window(seq, mood, analysed, 3, 60.0, None, False, 100.0)


def a_room(
    mood: Mood | None = None,
    live: Mood | None = None,
    device: str = "fer-1a2b3c4d",
    analysed: int = 580,
    **state: Any,
) -> Room:
    room = Room(device, "cam0", DeviceState(**state), live=live, live_received_s=111.0)
    if mood:
        room.add(a_window(mood, analysed=analysed))
    return room


def many(count: int, **state: Any) -> list[Room]:
    return [a_room(HAPPY, device=f"fer-{number:03}", online=True, state="running", **state) for number in range(count)]


OTHER = Mood(
    7, {"confused": 0.2, "gut gelaunt und ausgeschlafen": 0.7, "困惑": 0.1}, "gut gelaunt und ausgeschlafen", None
)


def test_a_room_shows_the_labels_of_its_model_in_the_order_of_the_release_at_any_width() -> None:
    labels = tuple(OTHER.emotions or ())
    room = a_room(OTHER, state="running", labels=labels, order=labels[::-1], colours={"confused": "#123456"})

    text = drawn(room)

    rows = [line for line in text.splitlines() if "%" in line]
    assert [row.split()[1] for row in rows] == ["困惑", "gut", "confused"]
    assert "gut gelaunt und a… " in rows[1]
    assert "g" in next(line for line in text.splitlines() if re.search("│ {2,}g", line))
    assert {cell_len(line) for line in text.splitlines() if "│" in line} == {66}
    (line,) = (line for line in drawn(room, width=60, height=5).splitlines() if "fer-1a2b3c4d" in line)
    assert "gut gelaunt … 70%" in line


def test_a_window_of_the_model_before_keeps_its_labels_beside_those_of_the_new_one() -> None:
    room = a_room(state="running", labels=tuple(OTHER.emotions or ()))
    room.add(replace(a_window(HAPPY), received_s=-500.0))
    room.add(a_window(OTHER, 12346))

    look = Look.of(room, 112.0)

    assert look.order == (*SHARES, "confused", "gut gelaunt und ausgeschlafen", "困惑")
    assert len({look.colour(label) for label in look.order}) == 10
    assert [look.letters[label] for label in look.order] == [*"adfhsun", "c", "g", "•"]


def test_a_room_shows_a_bar_and_a_percentage_for_every_emotion() -> None:
    text = drawn(a_room(HAPPY, online=True, state="running"))

    rows = {line.split()[1]: line for line in text.splitlines() if "%" in line}
    assert list(rows) == list(SHARES)
    assert "56%" in rows["happy"]
    width = rows["happy"].count("█") + rows["happy"].count("·") + 1
    assert rows["happy"].count("█") == int(0.56 * width)
    assert "█" not in rows["disgust"]
    assert "7 people, at most 3 at once  mostly happy" in text
    assert "running" in text
    assert "window 12345  60 s  12 s ago" in text


@pytest.mark.parametrize(
    ("room", "sentence"),
    [
        (a_room(), "waiting for the first window"),
        (a_room(NOBODY), "no face was seen in this window"),
        (a_room(replace(NOBODY, still=2)), "faces that never move are not counted"),
        (a_room(NOBODY, analysed=0), "no data: the camera delivered no image"),
        (a_room(WITHHELD), "too few people for privacy"),
        (a_room(online=False, state="running"), "○ fer-1a2b3c4d/cam0  offline"),
        (a_room(online=True, state="running", heard_s=-500.0), "○ fer-1a2b3c4d/cam0  silent"),
        (a_room(state="degraded"), "▲ fer-1a2b3c4d/cam0  degraded"),
        (a_room(place="Foyer"), "○ Foyer fer-1a2b3c4d/cam0"),
        (a_room(problems=("The lens is covered.",)), "▲ The lens is covered."),
        (a_room(live=Mood(2, None, None, None)), "now 2 in view"),
    ],
)
def test_missing_data_and_problems_are_described_in_words(room: Room, sentence: str) -> None:
    text = drawn(room)

    assert sentence in text
    assert "%" not in text


def test_a_reading_that_is_old_is_no_longer_now() -> None:
    room = a_room(HAPPY, live=Mood(2, SHARES, "happy", None))
    room.live_received_s = 100.0

    assert "in view" not in drawn(room)


def test_the_last_hour_shows_people_as_heights_and_emotions_as_letters() -> None:
    room = a_room(HAPPY)
    # A bin is 72 s here.
    for ago_s, mood, analysed in ((2000, NOBODY, 580), (1500, WITHHELD, 580), (1000, NOBODY, 0)):
        room.history.add(a_window(mood, analysed=analysed), 112.0 - ago_s - 200, 112.0 - ago_s, 112.0)

    heights, letters = drawn(room).splitlines()[-3:-1]

    assert "last hour" in heights
    assert heights.strip("│ ").removeprefix("last hour").split() == ["····", "▃▃▃▃", "××××", "█"]
    assert letters.strip("│ ").split() == ["????", "h"]


def test_rooms_that_fit_are_panels_beside_each_other_and_more_are_lines() -> None:
    two = drawn(*many(2), width=140, height=24)
    three = drawn(*many(3), width=140, height=24)

    assert two.count("╭") == 2
    assert len([line for line in two.splitlines() if line.count("╭") == 2]) == 1
    assert "╭" not in three
    assert [line.split()[:5] for line in three.splitlines()[2:]] == [
        ["●", f"fer-00{number}/cam0", "7", "happy", "56%"] for number in range(3)
    ]


def test_rooms_with_problems_come_first_and_the_rest_is_counted() -> None:
    rooms = [
        *many(30),
        a_room(HAPPY, device="fer-zzz", place="Vault", problems=(HOT,)),
        a_room(device="fer-away", online=False),
    ]

    text = drawn(*rooms, width=70, height=12).splitlines()

    assert "32 rooms · 1 away · 1 with problems" in text[0]
    assert len(text) == 12
    assert text[2].split()[1:4] == ["fer-away/cam0", "–", "offline"]
    assert text[3].split()[1:5] == ["Vault", "7", "happy", "56%"]
    assert text[4].strip() == f"▲ {HOT}"
    assert text[-1] == "and 24 more"


@pytest.mark.parametrize("width", [20, 40, 66, 80, 200])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_nothing_is_wider_than_the_terminal_or_higher(width: int, count: int) -> None:
    rooms = [a_room(HAPPY, device=f"{number:032}", problems=(HOT,) * 2, online=True) for number in range(count)]

    lines = drawn(*rooms, width=width, height=12).splitlines()

    assert max(map(len, lines)) <= width
    assert len(lines) <= 12


@pytest.mark.parametrize("count", [1, 40])
def test_an_address_in_the_first_line_is_never_cut_off(count: int) -> None:
    address = "http://127.0.0.1:40001/#" + "0123456789abcdef" * 4

    text = drawn(*many(count), width=50, height=24, note=f"pictures at {address}")

    assert address in text.replace("\n", "")
    assert len(text.splitlines()) <= 24


def test_no_rooms_are_one_sentence() -> None:
    assert "No message from any device yet." in drawn()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_terminal_is_given_back_after_the_screen() -> None:
    terminal = Terminal()

    with Tui(terminal) as tui:
        tui.show(DeviceRegistry(), "connected")

    assert "No message from any device yet." in terminal.getvalue()
    assert "\x1b[?1049l" in terminal.getvalue()
