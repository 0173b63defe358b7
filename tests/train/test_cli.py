"""``fer-train``: what it prints, and how it ends."""

from __future__ import annotations

import builtins
import json
from dataclasses import replace
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


def model(run: str) -> Path:
    return Path("runs") / run / "model.keras"


TAUGHT = ["plain-0", "wide-0", "dense-0", "standard-0"]


@pytest.mark.parametrize(
    ("recipe", "given", "runs", "start", "teachers"),
    [
        ("standard", (), TAUGHT, None, [model(run) for run in TAUGHT[:3]]),
        ("light", ("--epochs", "1"), [*TAUGHT, "light-0"], model("standard-0"), [model(run) for run in TAUGHT[:3]]),
        ("light", ("--teacher", "one.keras"), ["light-0"], None, [Path("one.keras")]),
        ("light", ("--teacher", "a.keras", "--start", "b.keras"), ["light-0"], Path("b.keras"), [Path("a.keras")]),
        ("standard", ("--start", "shipped"), ["standard-0"], STANDARD, [STANDARD]),
        ("plain", (), ["plain-0"], None, []),
        ("light", ("--start", "shipped"), ["light-0"], WEIGHTS / "light.keras", [WEIGHTS / "light.keras"]),
    ],
)
def test_a_recipe_trains_its_teachers_first_and_begins_where_it_says(
    recipe: str,
    given: tuple[str, ...],
    runs: list[str],
    start: Path | None,
    teachers: list[Path],
    csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("keras", reason="needs the extra train")
    calls: list[tuple[Path, Any, Any]] = []

    def recorder(recipe: Any, faces: Any, folder: Path, options: Any, **others: Any) -> Path:
        calls.append((folder, options.start, others["teachers"]))
        return folder / "model.keras"

    monkeypatch.setattr("train.classifier.fit.fit", recorder)
    monkeypatch.setattr("train.classifier.chain.describe", lambda *_: "")
    monkeypatch.chdir(tmp_path)
    csv.write_text(csv.read_text("ascii").replace("PublicTest", "Training", 3), "ascii")

    assert run("fit", "--recipe", recipe, "--data", csv, *given) == 0

    assert [folder.name for folder, _, _ in calls] == runs
    assert calls[-1][1:] == (start, tuple(teachers))


def fer2013(file: Path, training: int, public: int) -> Path:
    random = np.random.default_rng(3)
    rows = [
        f"{face % 7},{' '.join(map(str, random.integers(0, 256, 48 * 48)))},{usage}"
        for usage, count in (("Training", training), ("PublicTest", public))
        for face in range(count)
    ]
    file.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n", "ascii")
    return file


def test_a_stopped_chain_says_what_is_left_and_goes_on_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("keras", reason="needs the extra train")
    from train.classifier.network import Stage, build
    from train.classifier.recipes import dense, plain, standard, wide
    from train.run.checkpoints import History

    for recipe in (plain, wide, dense, standard):
        small = replace(recipe.RECIPE, network=lambda: build(4, (Stage(8, 1),), 0.1), epochs=2, batch=16)
        monkeypatch.setattr(recipe, "RECIPE", small)
    monkeypatch.chdir(tmp_path)
    command = ["fit", "--recipe", "standard", "--data", fer2013(tmp_path / "fer2013.csv", 70, 14)]
    finished = 0
    real = History.on_epoch_end

    def stop_after_the_third(self: Any, epoch: int, logs: Any = None) -> None:
        nonlocal finished
        real(self, epoch, logs)
        finished += 1
        if finished == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_epoch_end", stop_after_the_third)
        stopped = run(*command)
    before = capsys.readouterr()
    plain_model = model("plain-0").read_bytes()
    again = run(*command, "--resume")
    after = capsys.readouterr()

    assert (stopped, again) == (130, 0)
    assert "recipe standard: 4 runs, about 1 minute on this machine" in before.out
    assert "the same command with --resume goes on" in before.err
    left = [line.split(":")[1].split(",")[0].strip() for line in after.out.splitlines()[1:5]]
    assert left == ["finished", "1 epoch", "2 epochs", "2 epochs"]
    assert model("plain-0").read_bytes() == plain_model
    assert json.loads(model("standard-0").with_name("run.json").read_text("utf-8"))["options"]["teachers"] == [
        str(model(run)) for run in TAUGHT[:3]
    ]
    assert run(*command) == 78
    assert "already holds a run; add --resume to continue it" in capsys.readouterr().err


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
    data = fer2013(tmp_path / "fer2013.csv", 140, 14)
    monkeypatch.chdir(tmp_path)

    assert run("fit", "--recipe", "light", "--data", data, "--epochs", 1, "--teacher-epochs", 1) == 0

    parameters = {run: keras.saving.load_model(model(run)).count_params() for run in (*TAUGHT, "light-0")}
    assert all(parameters[teacher] > 3_000_000 for teacher in TAUGHT[:3])
    assert parameters["light-0"] < 250_000 < parameters["standard-0"] < 1_000_000
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
