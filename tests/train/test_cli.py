"""``fer-train``: what it prints, and how it ends."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.labels import EMOTIONS
from tests.support.paths import TINY
from train import cli
from train.classifier.shipped import WEIGHTS

MODEL = TINY / "grey" / "model.tflite"

STANDARD = WEIGHTS / "standard.keras"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Seven PublicTest faces, one of each emotion."""
    random = np.random.default_rng(1)
    rows = [f"{label},{' '.join(map(str, random.integers(0, 256, 48 * 48)))},PublicTest" for label in range(7)]
    file = tmp_path / "fer2013.csv"
    file.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n", "ascii")
    return file


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["fit", "evaluate", "fairness", "report", "compare"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        run(command, "--help")

    assert ending.value.code == 0
    assert "--data" in capsys.readouterr().out


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


@pytest.mark.parametrize(
    ("recipe", "given", "runs", "start", "teachers"),
    [
        (
            "student",
            (),
            ["baseline-0", "student-0"],
            "runs/baseline-0/model.keras",
            ["runs/baseline-0/model.keras"],
        ),
        (
            "light",
            ("--epochs", "1"),
            ["baseline-0", "student-0", "standard-0", "light-0"],
            "runs/standard-0/model.keras",
            ["runs/standard-0/model.keras"],
        ),
        ("student", ("--teacher", "one.keras"), ["student-0"], None, ["one.keras"]),
        ("student", ("--teacher", "one.keras", "--start", "other.keras"), ["student-0"], "other.keras", ["one.keras"]),
        ("standard", ("--start", "shipped"), ["standard-0"], STANDARD, [STANDARD]),
        ("baseline", ("--start", "shipped"), ["baseline-0"], STANDARD, []),
        ("light", ("--start", "shipped"), ["light-0"], WEIGHTS / "light.keras", [WEIGHTS / "light.keras"]),
    ],
)
def test_a_recipe_trains_its_teachers_first_and_begins_where_it_says(
    recipe: str,
    given: tuple[str, ...],
    runs: list[str],
    start: str | None,
    teachers: list[str],
    csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("keras", reason="needs the extra train")
    calls: list[tuple[Path, Any, Any]] = []

    def recorder(recipe: Any, faces: Any, folder: Path, options: Any, **others: Any) -> Path:
        calls.append((folder, options.start, others.get("teachers")))
        return folder / "model.keras"

    monkeypatch.setattr("train.classifier.weight_average.fit_averaged", recorder)  # first: it imports fit
    monkeypatch.setattr("train.classifier.fit.fit", recorder)
    monkeypatch.chdir(tmp_path)

    assert run("fit", "--recipe", recipe, "--data", csv, *given) == 0

    assert [folder.name for folder, _, _ in calls] == runs
    assert calls[-1][1:] == (start and Path(start), [Path(each) for each in teachers])


def test_a_resumed_run_goes_on_as_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("keras", reason="needs the extra train")
    from train.run.checkpoints import History

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for part in ("train", "val"):
        for place, label in enumerate(("bored", "happy")):
            for number in range(4):
                path = tmp_path / "faces" / part / label / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), np.full((48, 48), 100 * place + number, np.uint8))
    data = ("--data", tmp_path / "faces", "--cache", tmp_path / "cache", "--run", tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_epoch_end", stop)
        assert run("fit", *data, "--start", "shipped", "--epochs", "2", "--seed", "3") == 130
    started = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))

    status = run("fit", *data, "--resume")

    resumed = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert status == 0
    assert started["options"]["start"] == str(STANDARD)
    assert (resumed["recipe"], resumed["options"]) == (started["recipe"], started["options"])


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


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_command_trains_the_whole_chain_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keras = pytest.importorskip("keras", reason="needs the extra train")
    random = np.random.default_rng(3)
    rows = [
        f"{face % 7},{' '.join(map(str, random.integers(0, 256, 48 * 48)))},{usage}"
        for usage, count in (("Training", 140), ("PublicTest", 14))
        for face in range(count)
    ]
    data = tmp_path / "fer2013.csv"
    data.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n", "ascii")
    monkeypatch.chdir(tmp_path)

    assert run("fit", "--recipe", "light", "--data", data, "--epochs", 1, "--teacher-epochs", 1) == 0

    files = [Path("runs") / name / "model.keras" for name in ("baseline-0", "student-0", "standard-0", "light-0")]
    sizes = [keras.saving.load_model(file).count_params() for file in files]
    assert sizes[0] == sizes[1] == sizes[2] > 800_000
    assert sizes[3] < 200_000
    assert "runs/light-0/model.keras: trained" in capsys.readouterr().out


def test_without_the_extra_the_package_to_install_is_named(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without_keras(name: str, *rest: Any) -> Any:
        if name == "keras":
            raise ModuleNotFoundError("No module named 'keras'", name="keras")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_keras)

    status = run("fit", "--data", csv, "--cache", tmp_path)

    assert status == 1
    assert (
        capsys.readouterr().err
        == "fer-train: the package keras is missing; run make setup, or install fer-edge[train]\n"
    )


def test_the_whole_device_is_measured_on_class_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "happy").mkdir()
    cv2.imwrite(str(tmp_path / "happy" / "wall.png"), np.full((120, 160), 128, np.uint8))

    status = run("evaluate", "--pipeline", tmp_path, "--json")

    document = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (document["photographs"], document["found"], document["accuracy"]) == (1, 0.0, 0.0)
    assert document["recall"] == {"happy": 0.0}


@pytest.mark.parametrize(("given", "missing"), [((), "MODEL"), ((TINY,), "--data")])
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
        ((), "fairness needs MODEL"),
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
