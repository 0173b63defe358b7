"""The commands of ``fer-train`` that concern the classifier; those that measure are in ``measurements``."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import ConfigError
from edge.labels import EMOTIONS
from train.classifier import measurements, recipes
from train.classifier.shipped import SHIPPED, find_shipped
from train.data import fer2013
from train.data.options import CACHE, fer2013_options, load_faces
from train.data.selection import SUBSETS, require_split, training_faces
from train.run.backend import start_backend
from train.run.folder import MODEL_FILE, RunOptions, check_folder, is_resumable, read_settings
from train.run.options import epochs_option, precision_option, run_options, whole_number

if TYPE_CHECKING:
    from train.classifier.chain import Run

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

RUNS = Path("runs")
_SETS = {len(emotions): emotions for emotions in (EMOTIONS, *SUBSETS.values())}
"""What most published figures are about, by the number of emotions."""


def add_commands(commands: Commands) -> None:
    """Add the classifier's commands; each sets ``command``."""
    data, precision = fer2013_options(), precision_option()
    training = [data, precision, epochs_option(), _recipe_options()]

    fit = commands.add_parser(
        "fit", parents=[*training, run_options(None, "runs/RECIPE-SEED")], help="train a recipe into a run folder"
    )
    fit.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help=f"start from the weights of this .keras file, or from the package's with the word {SHIPPED} "
        "(default: as the recipe says, unless --teacher is given); without --teacher the recipe's teachers are trained "
        "too",
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

    measurements.add_commands(commands, _print_measurement)
    _add_compare(commands, [data, precision])
    measurements.add_crop_rule(commands, _print_measurement)


def _add_compare(commands: Commands, parents: list[argparse.ArgumentParser]) -> None:
    compare = commands.add_parser(
        "compare", parents=parents, help="train well-known networks in the same way and compare them with ours"
    )
    compare.add_argument(
        "--backbones",
        nargs="+",
        default=(),
        metavar="NAME",
        help="some of cnn, mobilenetv2, resnet50, vgg11, vgg16, vggface (default: all)",
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
        "--emotions",
        nargs="+",
        action="append",
        metavar="EMOTION",
        choices=(*EMOTIONS, *map(str, _SETS)),
        help=f"what to tell apart: 4, 5, 7, or names of {', '.join(EMOTIONS)}; may be repeated (default: 7, 5 and 4)",
    )
    compare.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    compare.add_argument("--epochs", type=whole_number, default=30, metavar="N", help="(default: %(default)s)")
    compare.add_argument("--limit", type=whole_number, metavar="N", help="use N images of each split (default: all)")
    compare.add_argument("--batch", type=whole_number, default=128, metavar="N", help="(default: %(default)s)")
    compare.add_argument("--out", type=Path, default=RUNS / "compare", metavar="DIR", help="(default: %(default)s)")
    compare.set_defaults(command=_compare)


def _recipe_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--recipe", choices=recipes.names(), help=f"(default: own with --start {SHIPPED}, else first)")
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


def _weights(text: str) -> tuple[str, str]:
    backbone, _, file = text.partition("=")
    if not file:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give NAME=FILE, such as vgg16=weights.h5")
    return backbone, file


def _fit(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.chain import chain

    name = options.recipe or ("own" if options.start == Path(SHIPPED) else "first")
    folder = options.run or RUNS / f"{name}-{options.seed}"
    if options.resume and is_resumable(folder):
        _go_on(options, read_settings(folder))
    options.recipe = options.recipe or name
    recipe, faces, start = recipes.load(options.recipe), load_faces(options), options.start
    if start == Path(SHIPPED) or (start is None and recipe.name == "own"):
        start = find_shipped(recipe)
        options.teacher = options.teacher or [start] * bool(recipe.teachers)
    run = RunOptions(options.seed, options.epochs, options.precision, start)
    runs = chain(recipe, folder, run, teachers=options.teacher or (), teacher_epochs=options.teacher_epochs)
    if not options.resume or len(runs) == 1:
        check_folder(folder, resume=options.resume)
    model = _train(runs, faces)
    again = ["--data", options.data, *(["--votes", options.votes] if options.votes else [])]
    if options.cache != CACHE:
        again += ["--cache", options.cache]
    if recipe.name == "own":
        from train.classifier.evaluate import describe_held_out

        print("\n".join(describe_held_out(model, require_split(faces, "Training"), require_split(faces, "PublicTest"))))
    print(f"{model}: trained; measure it with: {shlex.join(map(str, ['fer-train', 'evaluate', model, *again]))}")
    return 0


def _go_on(options: argparse.Namespace, before: Mapping[str, Any]) -> None:
    """Fill in what ``options`` leave out with the settings that a resumed run had ``before``."""
    given = before["options"]
    options.recipe = options.recipe or before["recipe"]["name"]
    options.seed = options.seed or given["seed"]
    options.epochs = options.epochs or given["epochs"]
    options.start = options.start or (given["start"] and Path(given["start"]))
    options.teacher = options.teacher or [Path(each) for each in given.get("teachers", ())]


def _train(runs: Sequence[Run], faces: dict[str, fer2013.FaceSet]) -> Path:
    """Train what is missing of a chain; returns the model of the last run."""
    from train.classifier.chain import describe
    from train.classifier.fit import fit

    if len(runs) > 1:
        print(describe(runs, len(training_faces(faces))), flush=True)
    for run in runs:
        resume = is_resumable(run.folder)
        model = fit(run.recipe, faces, run.folder, run.options, resume=resume, teachers=run.teachers)
    return model


def _ablate(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.ablate import ablate, markdown
    from train.classifier.chain import chain

    options.recipe = options.recipe or "first"
    recipe, faces = recipes.load(options.recipe), load_faces(options)
    folder = options.out or RUNS / f"ablate-{recipe.name}"
    run = RunOptions(options.seeds[0], options.epochs, options.precision)
    *before, last = chain(
        recipe, RUNS / recipe.name, run, teachers=options.teacher or (), teacher_epochs=options.teacher_epochs
    )
    if before:
        _train(before, faces)
    results = ablate(recipe, faces, folder, run, seeds=options.seeds, only=options.only, teachers=last.teachers)
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


def _compare(options: argparse.Namespace) -> int:
    start_backend()
    from train.classifier.compare import Settings, compare, contenders, markdown
    from train.classifier.comparison_page import write_page

    if options.out.exists() and any(options.out.iterdir()):
        raise ConfigError(f"comparison {options.out}: is not empty; name another folder with --out")
    entered, faces = contenders(options.backbones, dict(options.weights), frozen=options.frozen), load_faces(options)
    for chosen in options.emotions or [[str(number)] for number in _SETS]:
        emotions, name = tuple(chosen), "-".join(chosen)
        if len(chosen) == 1 and chosen[0].isdigit():
            emotions, name = _SETS[int(chosen[0])], f"{chosen[0]}-emotions"
        settings = Settings(
            emotions, options.epochs, options.limit, batch=options.batch, seed=options.seed, precision=options.precision
        )
        results = compare(entered, faces, options.out / name, settings, lambda: write_page(options.out))
        print(f"{name.replace('-', ' ')}\n{markdown(results)}")
    print(f"{options.out / 'index.html'}: the page; fer-quantize time {options.out} adds size and speed in int8 to it")
    return 0


def _print_measurement(options: argparse.Namespace) -> int:
    print(options.measure(options))
    return 0
