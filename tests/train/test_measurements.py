"""The commands of ``fer-train`` that measure: what they print, draw and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.labels import EMOTIONS
from edge.vision.classifier import PACKAGED_LIGHT_MODEL
from tests.support.paths import TINY
from train import cli

MODEL = TINY / "grey" / "model.tflite"


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_evaluate_prints_a_table_and_draws(csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run("evaluate", MODEL, "--data", csv, "--cache", tmp_path, "--plot", tmp_path / "confusion.png")

    out = capsys.readouterr().out
    assert status == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert rows["FER2013"][0] == "faces"
    assert [rows[emotion][0] for emotion in EMOTIONS] == ["1"] * 7
    assert (tmp_path / "confusion.png").stat().st_size > 1000


def test_evaluate_prints_json_for_machines(csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("evaluate", MODEL, "--data", csv, "--cache", tmp_path, "--json", "--emotions", "happy", "sad")

    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["split"] == "PublicTest"
    assert document["emotions"] == ["happy", "sad"]
    assert document["fer2013"]["faces"] == 2
    assert document["ferplus"] is None


def test_evaluate_measures_distant_faces_when_asked(
    csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("evaluate", MODEL, "--data", csv, "--cache", tmp_path, "--sizes")
    in_words = capsys.readouterr().out
    run("evaluate", MODEL, "--data", csv, "--cache", tmp_path, "--sizes", "--json")

    sizes = json.loads(capsys.readouterr().out)["sizes"]
    assert [each["size_px"] for each in sizes["sizes"]] == [48, 36, 24, 20, 16]
    assert all(sum(each["means"]) == pytest.approx(1) for each in sizes["sizes"])
    assert "face, fer2013" in in_words


def test_missing_data_ends_with_one_sentence_and_status_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run("evaluate", MODEL, "--data", tmp_path / "absent.csv", "--cache", tmp_path)

    error = capsys.readouterr().err
    assert status == 78
    assert error.startswith("fer-train: ")
    assert "absent.csv" in error
    assert len(error.splitlines()) == 1


def test_a_split_that_the_data_lacks_is_named(csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run("evaluate", MODEL, "--data", csv, "--cache", tmp_path, "--split", "PrivateTest")

    assert status == 78
    assert "has no PrivateTest split; it has PublicTest" in capsys.readouterr().err


def test_the_whole_device_is_measured_on_class_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "happy").mkdir()
    cv2.imwrite(str(tmp_path / "happy" / "wall.png"), np.full((120, 160), 128, np.uint8))

    status = run("evaluate", "--pipeline", tmp_path, "--json")

    document = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (document["photographs"], document["found"], document["accuracy"]) == (1, 0.0, 0.0)
    assert document["recall"] == {"happy": 0.0}


@pytest.mark.parametrize(("given", "missing"), [((), "--data or --pipeline"), ((TINY,), "--data or --pipeline")])
def test_evaluate_says_what_it_lacks(
    given: tuple[object, ...], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run("evaluate", *given)

    assert status == 78
    assert f"evaluate needs {missing}" in capsys.readouterr().err


def test_fairness_compares_groups_by_a_column_of_the_data_itself(
    csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, *rows = csv.read_text("ascii").splitlines()
    groups = ["young", "old", "", "old", "young", "old", "old"]
    lines = [f"{header},age", *(f"{row},{group}" for row, group in zip(rows, groups, strict=True))]
    csv.write_text("\n".join(lines), "ascii")

    status = run("fairness", MODEL, "--data", csv, "--cache", tmp_path, "--by", "age", "--json")

    document = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (document["column"], document["without"], document["accuracy"]["faces"]) == ("age", 1, 6)
    assert [(group["name"], group["accuracy"]["faces"]) for group in document["groups"]] == [("old", 4), ("young", 2)]


def test_fairness_takes_the_column_of_another_file_and_draws(
    csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "skin.csv").write_text("row,skin\n2,dark\n3,light\n4,dark\n8,light\n", "ascii")
    about = ["--attributes", tmp_path / "skin.csv", "--by", "skin", "--plot", tmp_path / "groups.png"]

    status = run("fairness", MODEL, "--data", csv, "--cache", tmp_path, *about)

    assert status == 0
    assert "model.tflite by skin: 4 faces" in capsys.readouterr().out
    assert (tmp_path / "groups.png").stat().st_size > 1000


def test_fairness_and_the_whole_device_follow_the_labels_of_a_model_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["file,age"]
    for label in ("attentive", "bored", "confused"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(10):
            cv2.imwrite(str(tmp_path / "set" / label / f"{number}.png"), np.full((48, 48), 20 * number, np.uint8))
            lines.append(f"{label}/{number}.png,{'old' if number % 2 else 'young'}")
    (tmp_path / "age.csv").write_text("\n".join(lines), "ascii")
    about = ["--attributes", tmp_path / "age.csv", "--by", "age"]
    data = ["--data", tmp_path / "set", "--cache", tmp_path / "cache"]

    of_faces = run("fairness", TINY / "three", *data, *about)
    faces = capsys.readouterr().out
    of_photographs = run("fairness", TINY / "three", "--pipeline", tmp_path / "set", *about)
    photographs = capsys.readouterr().out
    of_device = run("evaluate", TINY / "three", "--pipeline", tmp_path / "set")

    assert (of_faces, of_photographs, of_device) == (0, 0, 0)
    for out in (faces, photographs, capsys.readouterr().out):
        assert {"attentive", "bored", "confused"} <= set(out.split())
        assert "happy" not in out


def test_fairness_of_the_whole_device_counts_faces_that_are_not_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set" / "happy").mkdir(parents=True)
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "set" / "happy" / f"{name}.png"), np.full((120, 160), 128, np.uint8))
    (tmp_path / "age.csv").write_text("file,age\nhappy/a.png,old\nb.png,young\n", "ascii")

    status = run("fairness", "--pipeline", tmp_path / "set", "--attributes", tmp_path / "age.csv", "--by", "age")

    out = capsys.readouterr().out
    assert status == 0
    assert out.count("a face found on 0.0%") == 2


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ((), "fairness needs --data"),
        ((MODEL,), "fairness needs --data"),
        ((MODEL, "--data", TINY), "fairness needs --attributes; a folder says nothing"),
        (("--pipeline", TINY), "fairness needs --attributes beside --pipeline"),
    ],
)
def test_fairness_says_what_it_lacks(
    given: tuple[object, ...], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run("fairness", *given, "--by", "age")

    assert status == 78
    assert missing in capsys.readouterr().err


def test_curves_draws_run_folders_and_history_files_beside_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "epoch,loss,accuracy,val_loss,val_accuracy,val_ferplus,learning_rate\n"
    (tmp_path / "short-0").mkdir()
    (tmp_path / "short-0" / "history.csv").write_text(head + "1,2,.3,2,.3,.4,.1\n", "ascii")
    (tmp_path / "long.csv").write_text(head + "1,2,.3,2,nan,nan,.1\n2,1,.6,1,.6,nan,.1\n", "ascii")
    png = tmp_path / "curves.png"

    status = run("curves", tmp_path / "short-0", tmp_path / "long.csv", "--out", png)

    assert status == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    assert run("curves", tmp_path / "absent", "--out", png) == 78
    assert "absent: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("evaluate", "--pipeline", TINY, "--plot", "x.png"), "evaluate --pipeline: --plot has no effect here"),
        (("evaluate", "--pipeline", TINY, "--sizes"), "evaluate --pipeline: --sizes has no effect here"),
        (("evaluate", "--pipeline", TINY, "--data", "absent.csv"), "evaluate --pipeline: --data has no effect here"),
        (("evaluate", MODEL, "--data", TINY, "--head", "ferplus"), "evaluate: --head has an effect with --pipeline"),
        (("fairness", "--by", "age", "--pipeline", TINY, "--votes", "x"), "fairness --pipeline: --votes has no effect"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    given: tuple[object, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*given) == 78
    assert sentence in capsys.readouterr().err


def test_the_light_model_and_a_file_of_a_release_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set" / "happy").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "set" / "happy" / "wall.png"), np.full((120, 160), 128, np.uint8))

    for model in ("light", PACKAGED_LIGHT_MODEL / "model.tflite"):
        assert run("evaluate", model, "--pipeline", "set") == 0
    assert capsys.readouterr().out.count(": 1 photograph, a face found on 0.00%") == 2


def test_a_release_is_measured_with_the_temperatures_of_a_device(
    csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = shutil.copy(PACKAGED_LIGHT_MODEL / "model.tflite", tmp_path / "alone.tflite")
    data = ("--data", csv, "--cache", tmp_path, "--json")

    documents = []
    for model in (PACKAGED_LIGHT_MODEL, alone):
        assert run("evaluate", model, *data) == 0
        documents.append(json.loads(capsys.readouterr().out))

    release, bare = documents
    heads = json.loads((PACKAGED_LIGHT_MODEL / "model.json").read_bytes())["heads"]
    assert release["temperatures"] == [head["temperature"] for head in heads]
    assert bare["temperatures"] == [1, 1]
    assert release["fer2013"]["accuracy"] == bare["fer2013"]["accuracy"]
    assert release["fer2013"]["calibration_error"] != bare["fer2013"]["calibration_error"]
