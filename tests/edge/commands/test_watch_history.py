import pytest

from edge.commands.watch_history import Hour


@pytest.mark.parametrize(
    ("notes", "spaces"),
    [
        ([], [None, None, None, None]),
        ([("a", 9990.0, 10000.0)], [None, None, None, "a"]),
        ([("a", 6400.0, 7300.0)], ["a", None, None, None]),
        ([("a", 6400.0, 7301.0)], ["a", "a", None, None]),
        ([("a", 5000.0, 10000.0)], ["a", "a", "a", "a"]),
        ([("a", 7300.0, 8200.0), ("b", 8200.0, 9100.0)], [None, "a", "b", None]),
        ([("b", 9950.0, 9990.0), ("a", 9900.0, 9950.0)], [None, None, None, "b"]),
        ([("a", 6300.0, 6400.0)], [None, None, None, None]),
        ([("a", 9990.0, 10060.0)], [None, None, None, "a"]),
    ],
    ids=["nothing", "newest", "just one", "a bit of two", "longer", "neighbours", "late", "too old", "ahead"],
)
def test_a_space_holds_what_ended_last_of_that_which_overlaps_it(notes, spaces):
    hour = Hour()

    for thing, start_s, end_s in notes:
        hour.note(thing, start_s, end_s, now_s=10000.0)

    assert hour.spaces(4, now_s=10000.0) == spaces


def test_what_moves_out_of_the_hour_is_gone():
    hour = Hour()
    hour.note("a", 0.0, 60.0, now_s=60.0)

    assert "a" in hour.spaces(60, now_s=3600.0)
    assert "a" not in hour.spaces(60, now_s=3661.0)


def test_things_of_one_moment_need_no_order():
    hour = Hour()

    hour.note(object(), 0.0, 60.0, now_s=60.0)
    hour.note(object(), 0.0, 60.0, now_s=60.0)

    assert hour.spaces(1, now_s=60.0) != [None]


def test_an_hour_keeps_only_so_much():
    hour = Hour()

    for second in range(5000):
        hour.note(second, 1000.0, 1000.0 + second / 1e4, now_s=1001.0)

    assert len(hour._notes) == 3600
