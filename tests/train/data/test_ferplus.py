from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge.errors import DataError
from edge.labels import EMOTIONS
from tests.train.faces import ballots
from train.data.ferplus import CLASSES, distribution, majority, not_a_face, read_votes, restrict

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"


def ballot(**counts: int) -> npt.NDArray[np.uint8]:
    return ballots([counts])


def test_votes_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fer2013new.csv"
    path.write_text(HEADER + "Training,fer0.png,4,0,0,1,3,2,0,0,0,0\nPublicTest,,0,0,0,0,0,0,0,0,0,10\n")

    votes = read_votes(path)

    assert votes.usages == ("Training", "PublicTest")
    assert votes.counts.tolist() == [[4, 0, 0, 1, 3, 2, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]]
    assert votes.counts.dtype == np.uint8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'NF'; give FER[+]'s fer2013new.csv"),
        ("emotion,pixels,Usage\n", "has no column 'NF'; give"),
        (HEADER, "has no rows; it needs one for each row of fer2013.csv"),
        (HEADER + "Training,a.png,4,0,0,1,3,2,0,0,0,x\n", "row 2: NF is 'x', which is not a number of votes, 0..10"),
        (HEADER + "Training,a.png,4,0,0,1,3,2,0,0,0\n", "row 2: NF is '', which is not a number of votes, 0..10"),
        (
            HEADER + "Training,a.png,-1,0,0,1,3,2,0,0,0,0\n",
            "row 2: neutral is '-1', which is not a number of votes, 0..10",
        ),
        (
            HEADER + "Training,a.png,11,0,0,1,3,2,0,0,0,0\n",
            "row 2: neutral is '11', which is not a number of votes, 0..10",
        ),
    ],
)
def test_a_wrong_vote_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "fer2013new.csv"
    path.write_text(text)

    with pytest.raises(DataError, match=message):
        read_votes(path)


def test_an_unreadable_vote_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent.csv: cannot be read"):
        read_votes(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        (ballot(happiness=10), "happy"),
        (ballot(anger=5, sadness=4, fear=1), "angry"),  # the single vote is noise: 5 of 9
        (ballot(contempt=6, neutral=4), "contempt"),
        (ballot(anger=5, sadness=5), None),
        (ballot(anger=4, sadness=3, fear=3), None),
        (ballot(unknown=6, happiness=4), None),
        (ballot(NF=10), None),
        (ballot(happiness=5, NF=5), None),
        (ballot(), None),
        (ballot(anger=1, sadness=1, fear=1), None),
    ],
)
def test_the_majority_needs_over_half_of_the_votes_without_noise(
    votes: npt.NDArray[np.uint8], expected: str | None
) -> None:
    (index,) = majority(votes)

    assert (None if index == -1 else CLASSES[index]) == expected


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        (ballot(happiness=6, surprise=2, fear=1), {"happy": 0.75, "surprise": 0.25}),
        (ballot(neutral=3, contempt=2, sadness=5), {"neutral": 0.5, "sad": 0.5}),
        (ballot(neutral=1, contempt=1, sadness=8), {"sad": 1.0}),
        (ballot(anger=2, unknown=6, NF=2), {"angry": 1.0}),
        (ballot(unknown=8, disgust=1, fear=1), {}),
    ],
)
def test_the_distribution_leaves_out_noise_and_counts_contempt_as_neutral(
    votes: npt.NDArray[np.uint8], expected: dict[str, float]
) -> None:
    (shares,) = distribution(votes)

    assert shares.dtype == np.float32
    assert {emotion: share for emotion, share in zip(EMOTIONS, shares.tolist(), strict=True) if share} == expected


@pytest.mark.parametrize(("no_face", "expected"), [(10, True), (6, True), (5, False), (0, False)])
def test_a_row_is_not_a_face_when_over_half_of_the_annotators_say_so(no_face: int, expected: bool) -> None:
    votes = ballot(NF=no_face, happiness=10 - no_face)

    assert not_a_face(votes).tolist() == [expected]


def test_3199_faces_of_public_test_have_a_majority(shared: Path) -> None:
    votes = read_votes(shared / "data" / "fer2013" / "fer2013new.csv")
    public = votes.counts[np.array(votes.usages) == "PublicTest"]

    agreed = majority(public)

    assert np.count_nonzero(agreed >= 0) == 3199
    assert np.count_nonzero(not_a_face(public)) == 10


def test_votes_for_excluded_emotions_become_unknown() -> None:
    votes = ballot(happiness=4, anger=3, contempt=2, unknown=1)

    with_neutral, without = restrict(votes, ("happy", "neutral")), restrict(votes, ("happy", "sad"))

    assert with_neutral.tolist() == ballot(happiness=4, contempt=2, unknown=4).tolist()
    assert without.tolist() == ballot(happiness=4, unknown=6).tolist()
    assert with_neutral.dtype == np.uint8
