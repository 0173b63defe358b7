"""``fer-train``: fit a recipe, evaluate or report on a model file, compare networks."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge.errors import ConfigError, FerEdgeError
from edge.labels import EMOTIONS
from train.classifier import recipes
from train.data import fer2013
from train.detector.cli import add_commands
from train.run.backend import start_backend
from train.run.progress import progress_bar

CACHE = Path("data/cache")
RUNS = Path("runs")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except FerEdgeError as error:
        print(f"fer-train: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        print(f"fer-train: the package {error.name} is missing; install fer-edge[train]", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fer-train: stopped; what is finished is kept, and fit goes on with --resume", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer-train",
        description="Train and measure emotion classifiers on FER2013 and FER+.",
        epilog="example: fer-train fit --recipe first --data fer2013.csv --votes fer2013new.csv",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data", type=Path, required=True, help="fer2013.csv (.gz, .xz), icml_face_data.csv or a folder")
    data.add_argument("--votes", type=Path, help="FER+ votes beside the csv (fer2013new.csv)")
    data.add_argument("--cache", type=Path, default=CACHE, help="folder for the parsed data (default: %(default)s)")

    training = argparse.ArgumentParser(add_help=False)
    training.add_argument(
        "--precision",
        default="float32",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        help="arithmetic; mixed_bfloat16 doubles the speed where processor or GPU has it",
    )
    recipe = argparse.ArgumentParser(add_help=False)
    recipe.add_argument("--recipe", default="first", choices=recipes.names(), help="(default: %(default)s)")
    recipe.add_argument("--epochs", type=_count, help="length of the run instead of the recipe's")
    recipe.add_argument(
        "--teacher",
        type=Path,
        action="append",
        metavar="FILE",
        help="a .keras file to learn from, for a recipe that is distilled; may be repeated "
        "(default: the recipe's teachers, trained first where their runs are not finished)",
    )
    measuring = argparse.ArgumentParser(add_help=False)
    measuring.add_argument("--split", default="PublicTest", choices=fer2013.SPLITS, help="(default: %(default)s)")

    fit = commands.add_parser("fit", parents=[data, training, recipe], help="train a recipe into a run folder")
    fit.add_argument("--seed", type=int, default=0, help="seed of weights, order and augmentation (default: 0)")
    fit.add_argument("--run", type=Path, help="run folder (default: runs/RECIPE-SEED)")
    fit.add_argument("--resume", action="store_true", help="go on from the last finished epoch of the run folder")
    fit.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help="begin from the weights of this .keras file (default: the recipe's start, unless --teacher is given)",
    )
    fit.set_defaults(command=_fit)

    ablate = commands.add_parser(
        "ablate", parents=[data, training, recipe], help="train a recipe without each of its ingredients"
    )
    ablate.add_argument("--seeds", type=int, nargs="+", default=[0], help="each variant once with each (default: 0)")
    ablate.add_argument(
        "--only", nargs="+", default=(), metavar="PART", help="only variants whose name holds one of these"
    )
    ablate.add_argument(
        "--out", type=Path, metavar="DIR", help="(default: runs/ablate-RECIPE); goes on where it was stopped"
    )
    ablate.set_defaults(command=_ablate)

    evaluate = commands.add_parser(
        "evaluate", parents=[data, measuring], help="measure a .keras or .tflite file on a split"
    )
    evaluate.add_argument("model", type=Path, metavar="MODEL", help="a .keras or an int8 .tflite file")
    evaluate.add_argument("--emotions", nargs="+", choices=EMOTIONS, metavar="EMOTION", help="answer among these only")
    evaluate.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    evaluate.add_argument("--plot", type=Path, help="write the confusion matrix to this PNG file")
    evaluate.set_defaults(command=_evaluate)

    report = commands.add_parser("report", parents=[data, measuring], help="write a page on a run into RUN/report")
    report.add_argument("run", type=Path, metavar="RUN", help="a run folder of fit")
    report.add_argument(
        "--model", type=Path, metavar="FILE", help="a .keras or int8 .tflite (default: RUN/model.keras)"
    )
    report.add_argument(
        "--sample",
        type=_count,
        default=1000,
        metavar="N",
        help="faces to degrade, 36 passes each (default: %(default)s)",
    )
    report.set_defaults(command=_report)

    compare = commands.add_parser("compare", parents=[data, training], help="train well-known networks the same way")
    compare.add_argument(
        "--backbones",
        nargs="+",
        default=(),
        metavar="BACKBONE",
        help="of cnn, mobilenetv2, resnet50, vgg11, vgg16, vggface (default: all, vggface if it has weights)",
    )
    compare.add_argument(
        "--weights",
        action="append",
        default=[],
        type=_weights,
        metavar="BACKBONE=FILE",
        help="start from a Keras file of the network without its head, or from imagenet (fetched); may be repeated",
    )
    compare.add_argument("--frozen", action="store_true", help="keep those weights and train the head alone")
    compare.add_argument(
        "--emotions", nargs="+", default=EMOTIONS, choices=EMOTIONS, metavar="EMOTION", help="only these (default: all)"
    )
    compare.add_argument("--seed", type=int, default=0, help="(default: 0)")
    compare.add_argument("--epochs", type=_count, default=30, help="(default: %(default)s)")
    compare.add_argument("--limit", type=_count, metavar="N", help="use N pictures of each split (default: all)")
    compare.add_argument("--batch", type=_count, default=128, metavar="N", help="(default: %(default)s)")
    compare.add_argument("--out", type=Path, default=RUNS / "compare", metavar="DIR", help="(default: %(default)s)")
    compare.set_defaults(command=_compare)

    crop = commands.add_parser("crop-rule", parents=[data, measuring], help="measure how a detector frames faces")
    crop.add_argument("--detector", required=True, choices=("fer", "haar", "yunet"))
    crop.add_argument("--model", type=Path, metavar="PATH", help="fer: its release folder; yunet: its .onnx file")
    crop.set_defaults(command=_crop_rule)

    detector = commands.add_parser("detector", help="train and measure the face detector")
    add_commands(detector, CACHE)
    return parser


def _load(options: argparse.Namespace) -> dict[str, fer2013.FaceSet]:
    with progress_bar(f"reading {options.data.name}") as progress:
        return fer2013.load(options.data, options.votes, options.cache, progress)


def _load_split(options: argparse.Namespace) -> fer2013.FaceSet:
    faces = _load(options)
    if options.split not in faces:
        raise ConfigError(f"data {options.data}: has no {options.split} split, it has {', '.join(faces)}")
    return faces[options.split]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _weights(text: str) -> tuple[str, str]:
    backbone, _, file = text.partition("=")
    if not file:
        raise argparse.ArgumentTypeError(f"{text!r} is not BACKBONE=FILE")
    return backbone, file


def _fit(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.fit import RunOptions, fit
    from train.classifier.weight_average import fit_averaged

    recipe, faces = recipes.load(options.recipe), _load(options)
    folder = options.run or RUNS / f"{recipe.name}-{options.seed}"
    teachers = _teachers(recipe, options, faces, folder.parent, options.seed)
    start = options.start
    if recipe.start and not (start or options.teacher):
        start = teachers[recipe.teachers.index(recipe.start)]
    run = RunOptions(seed=options.seed, epochs=options.epochs, precision=options.precision, start=start)
    with progress_bar("asking the teachers") as progress:
        trained = fit if recipe.runs == 1 else fit_averaged
        model = trained(recipe, faces, folder, run, resume=options.resume, teachers=teachers, progress=progress)
    print(f"{model}: trained; measure it with: fer-train evaluate {model} --data {options.data}")
    return 0


def _teachers(
    recipe: recipes.Recipe, options: argparse.Namespace, faces: dict[str, fer2013.FaceSet], runs: Path, seed: int
) -> list[Path]:
    """The files that are given, or the recipe's teachers out of ``runs``, trained or trained on where they are not."""
    from train.classifier.fit import RunOptions, fit

    if options.teacher:
        return list(options.teacher)
    run, teachers = RunOptions(seed=seed, precision=options.precision), []
    for name in recipe.teachers:
        folder = runs / f"{name}-{seed}"
        print(f"{folder}: the teacher of {recipe.name}", flush=True)
        teachers.append(fit(recipes.load(name), faces, folder, run, resume=(folder / "state.npz").is_file()))
    return teachers


def _ablate(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.ablate import ablate, markdown
    from train.classifier.fit import RunOptions

    recipe, faces = recipes.load(options.recipe), _load(options)
    run = RunOptions(epochs=options.epochs, precision=options.precision)
    teachers = _teachers(recipe, options, faces, RUNS, options.seeds[0])
    with progress_bar("asking the teachers") as progress:
        rows = ablate(
            recipe,
            faces,
            options.out or RUNS / f"ablate-{recipe.name}",
            run,
            seeds=options.seeds,
            only=options.only,
            teachers=teachers,
            progress=progress,
        )
    print(markdown(rows), end="")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from train.classifier.evaluate import evaluate, table
    from train.run.plots import save_confusion

    if options.model.suffix == ".keras":
        start_backend()
    result = evaluate(options.model, _load_split(options), options.emotions or EMOTIONS)
    if options.plot:
        title = f"{options.model.name} on {options.split}: {result.fer2013.accuracy:.1%}"
        save_confusion(result.fer2013.confusion, result.emotions, title, options.plot)
    if options.json:
        print(json.dumps(result.to_dict(), indent=1))
    else:
        print(table(result))
    return 0


def _report(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.report import write_report

    model = options.model or options.run / "model.keras"
    page = write_report(options.run, model, _load_split(options), options.sample)
    print(f"{page}: written; it shows faces of the data set, so keep it where you keep those")
    return 0


def _compare(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.compare import Settings, compare, contenders, markdown

    entered = contenders(options.backbones, dict(options.weights), frozen=options.frozen)
    settings = Settings(
        emotions=tuple(options.emotions),
        epochs=options.epochs,
        limit=options.limit,
        batch=options.batch,
        seed=options.seed,
        precision=options.precision,
    )
    print(markdown(compare(entered, _load(options), options.out, settings)), end="")
    return 0


def _crop_rule(options: argparse.Namespace) -> int:
    from edge.model.release import MODEL_FILE
    from edge.vision.classifier import PACKAGED_MODEL
    from train.classifier.crop_rule import cut_again, describe, measure_crop, open_detector
    from train.classifier.evaluate import judge, predict

    detector = open_detector(options.detector, options.model)
    faces = _load_split(options)
    with progress_bar(f"finding faces with {detector.name}") as progress:
        measured = measure_crop(detector, faces.pixels, progress=progress)
    rule, classifier = measured.rule, PACKAGED_MODEL / MODEL_FILE
    with progress_bar("cutting them again") as progress:
        found, cuts = cut_again(detector, rule, faces.pixels, progress=progress)
    shown = faces.select(found)
    given, cut = (judge("", predict(classifier, pixels), shown).fer2013.accuracy for pixels in (shown.pixels, cuts))
    print(f"{detector.name} finds {measured.found} of {measured.pictures} faces of {options.split}")
    print(describe(measured))
    print(f"  the packaged classifier names {cut:.1%} of them right as cut, {given:.1%} as in the data")
    return 0
