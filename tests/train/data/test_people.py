from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.people import divide, people_of, shared_people


@pytest.mark.parametrize(
    ("names", "people"),
    [
        (["S010_004_00000017.png", "S011_001_00000016.png"], ["S010", "S011"]),
        (["KA.AN1.39.tiff", "KL.AN1.167.tiff"], ["KA", "KL"]),
        (["AF01ANS.JPG", "BF01HAHL.JPG", "AM02NES.JPG"], ["F01", "F01", "M02"]),
        (["Rafd090_01_Caucasian_female_angry_frontal.jpg", "Rafd090_02_x_y.jpg"], ["01", "02"]),
        (["happy_person3_a.jpg", "sad_person4.jpg"], ["3", "4"]),
        (
            [f"{name}_{n}.jpg" for name in ("anna", "ben", "eva") for n in (1, 2)],
            ["anna"] * 2 + ["ben"] * 2 + ["eva"] * 2,
        ),
        ([f"IMG_{number}.jpg" for number in range(6)], [None] * 6),
        ([f"{name}_{n}.jpg" for name in ("happy", "sad", "bored") for n in (1, 2)], [None] * 6),
        (["anna_1.jpg", "ben_1.jpg"], [None] * 2),
        (["0001.jpg", "anna_1.jpg"], [None] * 2),
    ],
)
def test_people_are_told_by_the_names_of_public_sets_and_by_first_words(
    names: list[str], people: list[str | None]
) -> None:
    assert people_of(names, ["happy", "sad", "bored"]) == people


def test_without_people_the_last_fifth_of_each_label_is_held_out() -> None:
    assert divide(["a"] * 10 + ["b"] * 5, [None] * 15) == (["Training"] * 8 + ["PublicTest"] * 2) + (
        ["Training"] * 4 + ["PublicTest"]
    )


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("vwxyz")), min_size=1, max_size=60))
def test_every_label_keeps_something_to_train_on_and_to_measure_with(faces: list[tuple[str, str]]) -> None:
    labels, people = [label for label, _ in faces], [person for _, person in faces]

    splits = divide(labels, people)

    for label in set(labels):
        parts = {split for split, each in zip(splits, labels, strict=True) if each == label}
        assert "Training" in parts
        assert "PublicTest" in parts or labels.count(label) == 1


def test_enough_people_with_all_labels_are_never_in_both_parts() -> None:
    labels, people = ["a", "b"] * 10, [str(number // 2) for number in range(20)]

    splits = divide(labels, people)

    assert not shared_people(splits, people)
    assert splits.count("PublicTest") == 4
