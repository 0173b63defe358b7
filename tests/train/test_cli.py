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

from train import cli
from train.classifier.shipped import WEIGHTS

STANDARD = WEIGHTS / "standard.keras"


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["fit", "evaluate", "fairness", "report", "compare"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        run(command, "--help")

    assert ending.value.code == 0
    assert "--data" in capsys.readouterr().out


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
