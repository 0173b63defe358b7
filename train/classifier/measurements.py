"""The commands of ``fer-train`` that measure classifiers, and what they say."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.labels import INPUT_SIZE_PX
from edge.model.release import MANIFEST_FILE
from edge.model.release import MODEL_FILE as RELEASED_MODEL
from train.data import fer2013
from train.data.options import fer2013_options, load_faces
from train.data.selection import require_split
from train.foreign.ranges import INPUT_RANGES
from train.run.backend import start_backend
from train.run.folder import HISTORY_FILE, MODEL_FILE
from train.run.options import whole_number
from train.run.progress import progress_bar

if TYPE_CHECKING:
    from edge.vision.classifier import EmotionClassifier
    from train.classifier.fairness import Fairness

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands, command: Callable[[argparse.Namespace], int]) -> None:
    """Add the commands that measure; each sets ``command``, and ``measure``, which returns the text to print."""
    data, split = fer2013_options(), _split_option()

    evaluate = commands.add_parser(
        "evaluate",
        parents=[fer2013_options(required=False), split],
        help="measure a .keras or .tflite file on one split of FER2013, or the whole device on photographs",
        description="With --data: accuracy, macro F1, recall and calibration of a classifier on cut faces with labels. "
        "With --pipeline: those of detector, crop and classifier together on photographs with labels.",
    )
    evaluate.add_argument(
        "model",
        type=Path,
        nargs="?",
        metavar="MODEL",
        help="a release folder, light, a .keras, .h5 or .tflite file of any input size, or what else fer-quantize "
        "convert takes; with --pipeline a release (default: the packaged one)",
    )
    _add_pipeline(evaluate)
    evaluate.add_argument("--emotions", nargs="+", metavar="LABEL", help="measure only these labels (default: all)")
    evaluate.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="text file with the labels of a model of others, one a line in the order of its outputs",
    )
    evaluate.add_argument(
        "--input-range",
        choices=INPUT_RANGES,
        metavar="RANGE",
        help=f"of a model of others (default: the one that is right most): {', '.join(INPUT_RANGES)}",
    )
    evaluate.add_argument("--size", type=whole_number, metavar="PX", help="side of the images of one that takes any")
    evaluate.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    evaluate.add_argument(
        "--sizes",
        action="store_true",
        help="also measure distant faces, of 36 to 16 pixels: accuracy, uncertainty, and the shares that a device says",
    )
    evaluate.add_argument("--plot", type=Path, metavar="PNG", help="also draw the confusion matrix into this file")
    evaluate.set_defaults(command=command, measure=_evaluate)

    _add_fairness(commands, split, command)

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
    report.set_defaults(command=command, measure=_report)

    curves = commands.add_parser("curves", help="draw the learning curves of several runs beside each other")
    curves.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="run folders of fit, or history files; their names are shown"
    )
    curves.add_argument("--out", type=Path, default=Path("curves.png"), metavar="PNG", help="(default: %(default)s)")
    curves.set_defaults(command=command, measure=_curves)


def _add_fairness(
    commands: Commands, split: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int]
) -> None:
    fairness = commands.add_parser(
        "fairness",
        parents=[fer2013_options(required=False), split],
        help="measure accuracy by age, skin tone or any other column, and say which differences exceed chance",
        description="Compare groups of people: accuracy, macro F1 and recall of each, with 95 % intervals. A group is "
        "compared with what everybody gets on faces of the same expressions, so that one which smiles more gains "
        "nothing by it. The labels are those of the data, or of FER+ with --votes.",
    )
    fairness.add_argument(
        "model",
        type=Path,
        nargs="?",
        metavar="MODEL",
        help="what evaluate takes; with --pipeline a release (default: the packaged one)",
    )
    fairness.add_argument("--labels", type=Path, metavar="FILE", help="labels of a model of others, as of evaluate")
    fairness.add_argument("--by", required=True, metavar="COLUMN", help="the column that names the groups")
    fairness.add_argument(
        "--attributes",
        type=Path,
        metavar="FILE",
        help="a csv with that column and one named row (of --data) or file (of --pipeline; default: --data itself)",
    )
    _add_pipeline(fairness)
    fairness.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    fairness.add_argument("--plot", type=Path, metavar="PNG", help="also draw the groups into this file")
    fairness.set_defaults(command=command, measure=_fairness)


def _add_pipeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pipeline",
        type=Path,
        metavar="DIR",
        help="measure detector, crop and classifier on the photographs in these class folders, or in an archive of "
        "them; a missed face is wrong",
    )
    parser.add_argument("--head", metavar="NAME", help="with --pipeline: the head to ask (default: the first, ferplus)")


def add_crop_rule(commands: Commands, command: Callable[[argparse.Namespace], int]) -> None:
    """Add ``crop-rule``, as ``add_commands`` adds the others."""
    crop = commands.add_parser(
        "crop-rule",
        parents=[fer2013_options(), _split_option()],
        help="measure how a face detector frames the faces of FER2013",
    )
    crop.add_argument("--detector", required=True, choices=("builtin", "haar", "yunet"))
    crop.add_argument("--model", type=Path, metavar="PATH", help="release folder of builtin, or .onnx file of yunet")
    crop.set_defaults(command=command, measure=_crop_rule)


def _split_option() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--split", default="PublicTest", choices=fer2013.SPLITS, help="(default: %(default)s)")
    return parser


def _load_split(options: argparse.Namespace, size_px: int = INPUT_SIZE_PX) -> fer2013.FaceSet:
    return require_split(load_faces(options, size_px), options.split)


def _check_options(command: str, options: argparse.Namespace) -> None:
    """Refuse what would be ignored beside ``--pipeline`` or without it, and ask for what is missing.

    Raises:
        ConfigError: an option does not apply, or is needed.
    """
    if options.pipeline:
        unused = {"data", "votes", "labels", "emotions", "input_range", "size", "sizes"}
        if command == "evaluate":
            unused.add("plot")
        for name in sorted(unused):
            if getattr(options, name, None):
                raise ConfigError(f"{command} --pipeline: --{name.replace('_', '-')} has no effect here; leave it out")
        return
    if options.head:
        raise ConfigError(f"{command}: --head has an effect with --pipeline only; leave it out, all heads are measured")
    if options.data is None:
        raise ConfigError(f"{command} needs --data or --pipeline; give faces or photographs with their labels")


def _find_model(given: Path | None) -> Path:
    """A model as it is given, where nothing stands for the packaged one and ``light`` for the smaller one."""
    from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL

    if given == Path(PACKAGED_LIGHT_MODEL.name) and not given.exists():
        return PACKAGED_LIGHT_MODEL
    return given or PACKAGED_MODEL


def _find_file(given: Path | None) -> Path:
    """The same, and of a release folder the model in it."""
    model = _find_model(given)
    return model / RELEASED_MODEL if (model / RELEASED_MODEL).is_file() else model


def _open_classifier(options: argparse.Namespace) -> EmotionClassifier:
    """A release, which a file in its folder names too."""
    from edge.vision.classifier import EmotionClassifier, load_release

    folder = _find_model(options.model)
    if folder.name in (RELEASED_MODEL, MANIFEST_FILE):
        folder = folder.parent
    return EmotionClassifier(load_release(folder), head=options.head or "")


def _evaluate(options: argparse.Namespace) -> str:
    _check_options("evaluate", options)
    if options.pipeline:
        return _evaluate_pipeline(options)
    from train.classifier.evaluate import evaluate, table, temperatures_of
    from train.classifier.face_size import measure_sizes
    from train.classifier.face_size import table as size_table
    from train.classifier.foreign import open_model
    from train.run.plots import save_confusion

    options.model = _find_file(options.model)
    opened = open_model(options.model, options.labels, options.size)
    faces = opened.fit(_load_split(options, opened.side_px))
    run, note = opened.runner(faces, options.input_range)
    predicted = run(faces.pixels)
    result = evaluate(options.model, faces, options.emotions or (), predicted)
    sizes = None
    if options.sizes:
        sizes = measure_sizes(run, faces, temperatures_of(options.model))
    if options.plot:
        title = f"{options.model.name} on {options.split}: {result.fer2013.accuracy:.1%}"
        save_confusion(result.fer2013.confusion, result.fer2013.names, title, options.plot)
    if options.json:
        return json.dumps(result.to_dict() | ({"sizes": asdict(sizes)} if sizes else {}), indent=1)
    told = table(result) + opened.describe_labels(faces, predicted) + note
    return told + (f"\n\n{size_table(sizes)}" if sizes else "")


def _evaluate_pipeline(options: argparse.Namespace) -> str:
    from train.classifier.crop_rule import open_detector
    from train.classifier.pipeline import evaluate_pipeline, table

    classifier, detector = _open_classifier(options), open_detector("builtin", None)
    with progress_bar("reading photographs") as progress:
        result = evaluate_pipeline(detector, classifier, options.pipeline, progress)
    return json.dumps(result.to_dict(), indent=1) if options.json else table(result)


def _fairness(options: argparse.Namespace) -> str:
    from train.classifier.fairness import table
    from train.classifier.plots import save_fairness

    _check_options("fairness", options)
    result = _fairness_of_photographs(options) if options.pipeline else _fairness_of_faces(options)
    if options.plot:
        save_fairness(result, options.plot)
    return json.dumps(result.to_dict(), indent=1) if options.json else table(result)


def _fairness_of_faces(options: argparse.Namespace) -> Fairness:
    from train.classifier.fairness import measure_faces
    from train.classifier.foreign import open_model
    from train.data.attributes import read_column

    if options.attributes is None and options.data.is_dir():
        raise ConfigError("fairness needs --attributes; a folder says nothing of its images beside their labels")
    values = read_column(options.attributes or options.data, options.by)
    options.model = _find_file(options.model)
    opened = open_model(options.model, options.labels, None)
    faces = opened.fit(_load_split(options, opened.side_px))
    run, _ = opened.runner(faces, None)
    return measure_faces(options.model.name, options.by, values, faces, run(faces.pixels))


def _fairness_of_photographs(options: argparse.Namespace) -> Fairness:
    from train.classifier.crop_rule import open_detector
    from train.classifier.fairness import measure_photographs
    from train.classifier.pipeline import read_photographs
    from train.data.attributes import read_column

    if options.attributes is None:
        raise ConfigError("fairness needs --attributes beside --pipeline; give a csv with the column file")
    values = read_column(options.attributes, options.by)
    classifier = _open_classifier(options)
    with progress_bar("reading photographs") as progress:
        answers = read_photographs(open_detector("builtin", None), classifier, options.pipeline, progress)
    return measure_photographs(classifier.manifest.id, options.by, values, answers, classifier.labels)


def _report(options: argparse.Namespace) -> str:
    start_backend()
    from train.classifier.report import write_report

    page = write_report(options.run, options.model or options.run / MODEL_FILE, _load_split(options), options.sample)
    return f"{page}: written; it shows faces of the data set, so do not publish it"


def _curves(options: argparse.Namespace) -> str:
    from train.run.plots import save_comparison

    histories = {run.stem: run / HISTORY_FILE if run.is_dir() else run for run in options.runs}
    save_comparison(histories, options.out)
    return f"{options.out}: written"


def _crop_rule(options: argparse.Namespace) -> str:
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
    return (
        f"{detector.name} finds {measured.found} of {measured.images} faces of {options.split}\n"
        f"{describe(measured)}\n"
        f"  the packaged classifier is right on {after:.1%} of its crops and {before:.1%} of the original images"
    )
