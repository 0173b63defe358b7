from __future__ import annotations

import pytest

from train.run.progress import progress_bar


def test_the_bar_shows_its_title_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("reading fer2013.csv") as progress:
        progress(1, 2)
        progress(2, 2)

    output = capsys.readouterr()
    assert "reading fer2013.csv" in output.err
    assert output.out == ""


def test_a_step_that_reports_nothing_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("reading fer2013.csv"):
        pass

    assert capsys.readouterr().err.strip() == ""
