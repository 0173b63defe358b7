"""The commands of ``fer-train`` that concern the classifier."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.labels import EMOTIONS
from train.classifier import recipes
from train.classifier.shipped import SHIPPED, find_shipped
from train.data import fer2013
from train.data.options import fer2013_options, load_faces
from train.data.selection import require_split
from train.run.backend import start_backend
from train.run.folder import HISTORY_FILE, MODEL_FILE, RunOptions, is_resumable
from train.run.options import epochs_option, precision_option, run_options, whole_number
from train.run.progress import progress_bar

if TYPE_CHECKING:
    from train.classifier.fairness import Fairness

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

RUNS = Path("runs")


def add_commands(commands: Commands) -> None:
    """Add the classifier's commands; each sets ``command``."""
    data, precision, split = fer2013_options(), precision_option(), _split_option()
    training = [data, precision, epochs_option(), _recipe_options()]

    fit = commands.add_parser(
        "fit", parents=[*training, run_options(None, "runs/RECIPE-SEED")], help="train a recipe into a run folder"
    )
    fit.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help=f"start from the weights of this .keras file, or from the package's with the word {SHIPPED} "
        "(default: as the recipe says, unless --teacher is given)",
    )
    fit.set_defaults(command=_fit)

    adjust = commands.add_parser(
        "adjust",
        parents=[data],
        help="move the ferplus head of a run towards weak emotions, as far as PublicTest allows",
    )
    adjust.add_argument("run", type=Path, metavar="RUN", help="a run folder of fit; its model.keras is changed")
    adjust.add_argument(
        "--strength", type=float, metavar="S", help="0 to undo, up to 1 (default: the best mean recall within bounds)"
    )
    adjust.set_defaults(command=_adjust)

    ablate = commands.add_parser("ablate", parents=training, help="train a recipe without each of its ingredients")
    ablate.add_argument(
        "--seeds", type=int, nargs="+", default=[0], metavar="SEED", help="train each variant with these (default: 0)"
    )
    ablate.add_argument(
        "--only", nargs="+", default=(), metavar="TEXT", help="train only variants whose name contains one of these"
    )
    ablate.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where runs and table go; finished runs there are kept (default: runs/ablate-RECIPE)",
    )
    ablate.set_defaults(command=_ablate)

    evaluate = commands.add_parser(
        "evaluate",
        parents=[fer2013_options(required=False), split],
        help="measure a .keras or .tflite file on one split of FER2013, or the whole device on photographs",
    )
    evaluate.add_argument(
        "model",
        type=Path,
        nargs="?",
        metavar="MODEL",
        help="a .keras file or an int8 .tflite file; with --pipeline a release folder (default: the packaged one)",
    )
    evaluate.add_argument(
        "--pipeline",
        type=Path,
        metavar="DIR",
        help="measure detector, crop and classifier on the photographs in these class folders; a missed face is wrong",
    )
    evaluate.add_argument(
        "--head", default="", metavar="NAME", help="with --pipeline: the head to ask (default: the first, ferplus)"
    )
    evaluate.add_argument(
        "--emotions", nargs="+", choices=EMOTIONS, metavar="EMOTION", help="measure only these (default: all seven)"
    )
    evaluate.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    evaluate.add_argument(
        "--sizes",
        action="store_true",
        help="also measure distant faces, of 36 to 16 pixels: accuracy, uncertainty, and the shares that a device says",
    )
    evaluate.add_argument("--plot", type=Path, metavar="PNG", help="also draw the confusion matrix into this file")
    evaluate.set_defaults(command=_evaluate)

    _add_fairness(commands, split)

    report = commands.add_parser(
        "report", parents=[data, split], help="write a page of figures, plots and mistakes into RUN/report"
    )
    report.add_argument("run", type=Path, metavar="RUN", help="a run folder of fit")
    report.add_argument(
        "--model", type=Path, metavar="FILE", help="a .keras or int8 .tflite file (default: RUN/model.keras)"
    )
    report.add_argument(
        "--sample",
        type=whole_number,
        default=1000,
        metavar="N",
        help="degrade N faces in 36 ways to see how accuracy falls (default: %(default)s)",
    )
    report.set_defaults(command=_report)

    curves = commands.add_parser("curves", help="draw the learning curves of several runs beside each other")
    curves.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="run folders of fit, or history files; their names are shown"
    )
    curves.add_argument("--out", type=Path, default=Path("curves.png"), metavar="PNG", help="(default: %(default)s)")
    curves.set_defaults(command=_curves)

    _add_compare(commands, [data, precision])

    crop = commands.add_parser(
        "crop-rule", parents=[data, split], help="measure how a face detector frames the faces of FER2013"
    )
    crop.add_argument("--detector", required=True, choices=("builtin", "haar", "yunet"))
    crop.add_argument("--model", type=Path, metavar="PATH", help="release folder of builtin, or .onnx file of yunet")
    crop.set_defaults(command=_crop_rule)


def _add_fairness(commands: Commands, split: argparse.ArgumentParser) -> None:
    fairness = commands.add_parser(
        "fairness",
        parents=[fer2013_options(required=False), split],
        help="measure accuracy by age, skin tone or any other column, and say which differences exceed chance",
        description="Compare groups of people: accuracy, macro F1 and recall of each, with 95 % intervals. A group is "
        "compared with what everybody gets on faces of the same expressions, so that one which smiles more gains "
        "nothing by it. The labels are those of FER2013, or of FER+ with --votes.",
    )
    fairness.add_argument(
        "model",
        type=Path,
        nargs="?",
        metavar="MODEL",
        help="a .keras file or an int8 .tflite file; with --pipeline a release folder (default: the packaged one)",
    )
    fairness.add_argument("--by", required=True, metavar="COLUMN", help="the column that names the groups")
    fairness.add_argument(
        "--attributes",
        type=Path,
        metavar="FILE",
        help="a csv with that column and one named row (of --data) or file (of --pipeline; default: --data itself)",
    )
    fairness.add_argument(
        "--pipeline",
        type=Path,
        metavar="DIR",
        help="measure detector, crop and classifier on the photographs in these class folders; a missed face is wrong",
    )
    fairness.add_argument("--head", default="", metavar="NAME", help="with --pipeline: the head to ask")
    fairness.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    fairness.add_argument("--plot", type=Path, metavar="PNG", help="also draw the groups into this file")
    fairness.set_defaults(command=_fairness)


def _add_compare(commands: Commands, parents: list[argparse.ArgumentParser]) -> None:
    compare = commands.add_parser(
        "compare", parents=parents, help="train well-known networks in the same way and compare them with ours"
    )
    compare.add_argument(
        "--backbones",
        nargs="+",
        default=(),
        metavar="NAME",
        help="some of cnn, mobilenetv2, resnet50, vgg11, vgg16, vggface (default: all; vggface only with --weights)",
    )
    compare.add_argument(
        "--weights",
        action="append",
        default=[],
        type=_weights,
        metavar="NAME=FILE",
        help="pretrained weights: a Keras file of the network without its head, or imagenet to download them; "
        "may be repeated",
    )
    compare.add_argument("--frozen", action="store_true", help="keep pretrained weights fixed and train only the head")
    compare.add_argument(
        "--emotions", nargs="+", default=EMOTIONS, choices=EMOTIONS, metavar="EMOTION", help="only these (default: all)"
    )
    compare.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    compare.add_argument("--epochs", type=whole_number, default=30, metavar="N", help="(default: %(default)s)")
    compare.add_argument("--limit", type=whole_number, metavar="N", help="use N images of each split (default: all)")
    compare.add_argument("--batch", type=whole_number, default=128, metavar="N", help="(default: %(default)s)")
    compare.add_argument("--out", type=Path, default=RUNS / "compare", metavar="DIR", help="(default: %(default)s)")
    compare.set_defaults(command=_compare)


def _recipe_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--recipe", default="first", choices=recipes.names(), help="(default: %(default)s)")
    parser.add_argument(
        "--teacher",
        type=Path,
        action="append",
        metavar="FILE",
        help="a .keras file to distil from; may be repeated (default: the recipe's teachers, trained first if needed)",
    )
    parser.add_argument(
        "--teacher-epochs",
        type=whole_number,
        metavar="N",
        help="train missing teachers N epochs, to try a whole chain quickly (default: as their recipes say)",
    )
    return parser


def _split_option() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--split", default="PublicTest", choices=fer2013.SPLITS, help="(default: %(default)s)")
    return parser


def _weights(text: str) -> tuple[str, str]:
    backbone, _, file = text.partition("=")
    if not file:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give NAME=FILE, such as vgg16=weights.h5")
    return backbone, file


def _load_split(options: argparse.Namespace) -> fer2013.FaceSet:
    return require_split(load_faces(options), options.split)


def _fit(options: argparse.Namespace) -> int:
    start_backend()

    recipe, faces = recipes.load(options.recipe), load_faces(options)
    folder, start = options.run or RUNS / f"{recipe.name}-{options.seed}", options.start
    if start == Path(SHIPPED):
        start = find_shipped(recipe)
        options.teacher = options.teacher or [start] * bool(recipe.teachers)
    teachers = _teachers(recipe, options, faces, folder.parent, options.seed)
    if recipe.start and not (start or options.teacher):
        start = teachers[recipe.teachers.index(recipe.start)]
    model = _train(recipe, options, faces, folder, start, teachers, resume=options.resume)
    print(f"{model}: trained; measure it with: fer-train evaluate {model} --data {options.data}")
    return 0


def _teachers(
    recipe: recipes.Recipe, options: argparse.Namespace, faces: dict[str, fer2013.FaceSet], runs: Path, seed: int
) -> list[Path]:
    """The files that ``--teacher`` names, or the recipe's teachers in ``runs``, trained or resumed where needed.

    A teacher's own teachers come first, so that one command runs the whole chain from nothing.
    """
    if options.teacher:
        return list(options.teacher)
    trained = []
    for name in recipe.teachers:
        teacher, folder = recipes.load(name), runs / f"{name}-{seed}"
        its_teachers = _teachers(teacher, options, faces, runs, seed)
        print(f"{folder}: the teacher of {recipe.name}", flush=True)
        start = its_teachers[teacher.teachers.index(teacher.start)] if teacher.start else None
        resume = teacher.runs > 1 or is_resumable(folder)  # of several runs each is resumed by itself
        trained.append(_train(teacher, options, faces, folder, start, its_teachers, resume=resume))
    return trained


def _train(
    recipe: recipes.Recipe,
    options: argparse.Namespace,
    faces: dict[str, fer2013.FaceSet],
    folder: Path,
    start: Path | None,
    teachers: list[Path],
    *,
    resume: bool,
) -> Path:
    from train.classifier.fit import fit
    from train.classifier.weight_average import fit_averaged

    epochs = options.epochs if recipe.name == options.recipe else options.teacher_epochs
    run = RunOptions(options.seed, epochs, options.precision, start)
    train = fit if recipe.runs == 1 else fit_averaged
    with progress_bar("running the teachers") as progress:
        return train(recipe, faces, folder, run, resume=resume, teachers=teachers, progress=progress)


def _ablate(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.ablate import ablate, markdown

    recipe, faces = recipes.load(options.recipe), load_faces(options)
    run = RunOptions(epochs=options.epochs, precision=options.precision)
    teachers = _teachers(recipe, options, faces, RUNS, options.seeds[0])
    with progress_bar("running the teachers") as progress:
        results = ablate(
            recipe,
            faces,
            options.out or RUNS / f"ablate-{recipe.name}",
            run,
            seeds=options.seeds,
            only=options.only,
            teachers=teachers,
            progress=progress,
        )
    print(markdown(results), end="")
    return 0


def _adjust(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.logit_adjustment import adjust, markdown

    faces = load_faces(options)
    training, held_out = (require_split(faces, split) for split in ("Training", "PublicTest"))
    measured, chosen = adjust(options.run, training, held_out, options.strength)
    print(markdown(measured, chosen), end="")
    print(f"{options.run / MODEL_FILE}: its ferplus head is adjusted with strength {chosen:g}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    if options.pipeline:
        return _evaluate_pipeline(options)
    for given, name in ((options.model, "MODEL"), (options.data, "--data")):
        if given is None:
            raise ConfigError(f"evaluate needs {name}; give a model file and --data, or --pipeline")
    from train.classifier.evaluate import evaluate, predict, table, temperatures_of
    from train.run.plots import save_confusion

    if options.model.suffix == ".keras":
        start_backend()
    from train.classifier.face_size import measure_sizes
    from train.classifier.face_size import table as size_table

    faces = _load_split(options)
    result = evaluate(options.model, faces, options.emotions or EMOTIONS)
    sizes = None
    if options.sizes:
        sizes = measure_sizes(lambda pixels: predict(options.model, pixels), faces, temperatures_of(options.model))
    if options.plot:
        title = f"{options.model.name} on {options.split}: {result.fer2013.accuracy:.1%}"
        save_confusion(result.fer2013.confusion, result.emotions, title, options.plot)
    if options.json:
        print(json.dumps(result.to_dict() | ({"sizes": asdict(sizes)} if sizes else {}), indent=1))
    else:
        print(table(result) + (f"\n\n{size_table(sizes)}" if sizes else ""))
    return 0


def _evaluate_pipeline(options: argparse.Namespace) -> int:
    from edge.vision.classifier import PACKAGED_MODEL, EmotionClassifier, load_release
    from train.classifier.crop_rule import open_detector
    from train.classifier.pipeline import evaluate_pipeline, table

    classifier = EmotionClassifier(load_release(options.model or PACKAGED_MODEL), head=options.head)
    detector = open_detector("builtin", None)
    with progress_bar("reading photographs") as progress:
        result = evaluate_pipeline(detector, classifier, options.pipeline, progress)
    print(json.dumps(result.to_dict(), indent=1) if options.json else table(result))
    return 0


def _fairness(options: argparse.Namespace) -> int:
    from train.classifier.fairness import table
    from train.classifier.plots import save_fairness

    result = _fairness_of_photographs(options) if options.pipeline else _fairness_of_faces(options)
    if options.plot:
        save_fairness(result, options.plot)
    print(json.dumps(result.to_dict(), indent=1) if options.json else table(result))
    return 0


def _fairness_of_faces(options: argparse.Namespace) -> Fairness:
    from train.classifier.evaluate import predict
    from train.classifier.fairness import measure_faces
    from train.data.attributes import read_column

    for given, name in ((options.model, "MODEL"), (options.data, "--data")):
        if given is None:
            raise ConfigError(f"fairness needs {name}; give a model file and --data, or --pipeline")
    if options.attributes is None and options.data.is_dir():
        raise ConfigError("fairness needs --attributes; a folder says nothing of its images beside their labels")
    if options.model.suffix == ".keras":
        start_backend()
    values = read_column(options.attributes or options.data, options.by)
    faces = _load_split(options)
    return measure_faces(options.model.name, options.by, values, faces, predict(options.model, faces.pixels))


def _fairness_of_photographs(options: argparse.Namespace) -> Fairness:
    from edge.vision.classifier import PACKAGED_MODEL, EmotionClassifier, load_release
    from train.classifier.crop_rule import open_detector
    from train.classifier.fairness import measure_photographs
    from train.classifier.pipeline import read_photographs
    from train.data.attributes import read_column

    if options.attributes is None:
        raise ConfigError("fairness needs --attributes beside --pipeline; give a csv with the column file")
    values = read_column(options.attributes, options.by)
    classifier = EmotionClassifier(load_release(options.model or PACKAGED_MODEL), head=options.head)
    with progress_bar("reading photographs") as progress:
        answers = read_photographs(open_detector("builtin", None), classifier, options.pipeline, progress)
    return measure_photographs(classifier.manifest.id, options.by, values, answers, options.pipeline)


def _report(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.report import write_report

    page = write_report(options.run, options.model or options.run / MODEL_FILE, _load_split(options), options.sample)
    print(f"{page}: written; it shows faces of the data set, so do not publish it")
    return 0


def _curves(options: argparse.Namespace) -> int:
    from train.run.plots import save_comparison

    histories = {run.stem: run / HISTORY_FILE if run.is_dir() else run for run in options.runs}
    save_comparison(histories, options.out)
    print(f"{options.out}: written")
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
    print(markdown(compare(entered, load_faces(options), options.out, settings)), end="")
    return 0


def _crop_rule(options: argparse.Namespace) -> int:
    from edge.model.release import MODEL_FILE as RELEASED_MODEL
    from edge.vision.classifier import PACKAGED_MODEL
    from train.classifier.crop_rule import crop_faces, describe, measure_crop, open_detector
    from train.classifier.evaluate import evaluate_logits, predict

    detector = open_detector(options.detector, options.model)
    faces = _load_split(options)
    with progress_bar(f"detecting faces with {detector.name}") as progress:
        measured = measure_crop(detector, faces.pixels, progress=progress)
    with progress_bar("cropping them") as progress:
        found, crops = crop_faces(detector, measured.rule, faces.pixels, progress=progress)
    original, classifier = faces.select(found), PACKAGED_MODEL / RELEASED_MODEL
    before, after = (
        evaluate_logits("", predict(classifier, pixels), original).fer2013.accuracy
        for pixels in (original.pixels, crops)
    )
    print(f"{detector.name} finds {measured.found} of {measured.images} faces of {options.split}")
    print(describe(measured))
    print(f"  the packaged classifier is right on {after:.1%} of its crops and {before:.1%} of the original images")
    return 0
