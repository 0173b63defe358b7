import io

import pytest

pytest.importorskip("rich", reason="needs the extra fer-edge[watch]")

from rich.console import Console

from edge.house import Appliance, House, Mood, Room, Window
from edge.screen import Screen, draw

SHARES = {"angry": 0.02, "disgust": 0.0, "fear": 0.05, "happy": 0.56, "sad": 0.05, "surprise": 0.12, "neutral": 0.2}


def drawn(room, width=66):
    console = Console(file=io.StringIO(), width=width)
    console.print(draw(House({(room.device, room.source): room}), "connected", now_s=112.0))
    return console.file.getvalue()


def a_room(mood=None, now=None, **appliance):
    window = mood and Window(12345, mood, 3, 60.0, None, False, 100.0)
    return Room("fer-1a2b3c4d", "cam0", Appliance(**appliance), window, now, 111.0)


def test_a_room_shows_a_bar_and_a_percentage_for_every_emotion():
    text = drawn(a_room(Mood(7, SHARES, "happy", None), online=True, state="running"))

    rows = {line.split()[1]: line for line in text.splitlines() if "%" in line}
    assert list(rows) == list(SHARES)
    assert "56%" in rows["happy"]
    assert rows["happy"].count("█") == round(0.56 * 26 - 0.5)
    assert "█" not in rows["disgust"]
    assert "7 people, at most 3 at once  mostly happy" in text
    assert "running" in text
    assert "window 12345  60 s  12 s ago" in text


@pytest.mark.parametrize(
    ("room", "sentence"),
    [
        (a_room(), "waiting for the first window"),
        (a_room(Mood(0, None, None, None)), "no face was seen in this window"),
        (a_room(Mood(2, None, None, "emotions withheld: too few people for privacy")), "too few people for privacy"),
        (a_room(online=False, state="running"), "offline"),
        (a_room(problems=("The lens is covered.",)), "▲ The lens is covered."),
        (a_room(now=Mood(2, None, None, None)), "now 2 in view"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_words(room, sentence):
    text = drawn(room)

    assert sentence in text
    assert "%" not in text


def test_a_reading_that_is_old_is_no_longer_now():
    room = a_room(Mood(7, SHARES, "happy", None), now=Mood(2, SHARES, "happy", None))
    room.now_received_s = 100.0

    assert "in view" not in drawn(room)


def test_an_empty_house_says_so():
    console = Console(file=io.StringIO(), width=80)

    console.print(draw(House(), "connected", now_s=0.0))

    assert "no device has spoken yet" in console.file.getvalue()


def test_the_terminal_is_given_back_after_the_screen():
    terminal = io.StringIO()
    terminal.isatty = lambda: True

    with Screen(terminal) as screen:
        screen.show(House(), "connected")

    assert "no device has spoken yet" in terminal.getvalue()
    assert "\x1b[?1049l" in terminal.getvalue()
