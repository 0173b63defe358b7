"""Opens a classifier that somebody else trained, whatever its form, as one float .tflite file."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from train.foreign.label_file import read_labels
from train.foreign.model_file import FORMS, kind_of, only_model
from train.tflite.float_model import in_float, with_fixed_shapes
from train.tflite.graph import read_graph
from train.tflite.trace import trace

_CODE = ("Lambda", "TFOpLambda", "SlicingOpLambda")
_SAVED_MODEL = "where it was made, save it with model.export('folder') and convert that folder"


@dataclass(frozen=True, slots=True)
class ThirdParty:
    """A classifier as its file has it.

    ``network`` is a float .tflite file of one square image, (1, size, size, 1 or 3). ``labels`` lay beside it, empty if
    none did. ``teachable`` means that Teachable Machine made it, whose networks take -1..1.
    """

    network: bytes
    labels: tuple[str, ...] = ()
    teachable: bool = False

    @property
    def size_px(self) -> int:
        """The side of the image that it takes."""
        return read_graph(self.network).inputs[0].shape[1]


def open_third_party(path: Path, size_px: int | None = None) -> ThirdParty:
    """Open a Keras file, a SavedModel, a .tflite or .onnx file, or a zip or folder with one of these and labels.txt.

    Args:
        path: the classifier. No code in it is run but the operators of TensorFlow.
        size_px: the side of the image, for a network that takes every size.

    Raises:
        ModelError: it cannot be opened, or takes no square image; the message says why and what would do.
    """
    kind = kind_of(path)
    if kind == "zip":
        return _open_zip(path, size_px)
    if kind == "folder":
        names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
        return _open_with_labels(path / only_model(names, f"model {path}"), size_px)
    opened = _READERS[kind](path, size_px)
    network = in_float(opened)
    _check_input(path, network)
    return ThirdParty(with_fixed_shapes(network))


def _open_zip(path: Path, size_px: int | None) -> ThirdParty:
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        chosen = only_model(archive.namelist(), f"model {path}")
        for name in archive.namelist():
            if name == chosen or name.startswith(f"{chosen}/") or name.endswith(("labels.txt", "metadata.json")):
                try:
                    archive.extract(name, folder)  # which keeps even a name like ../x inside
                except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
                    raise ModelError(f"model {path}: {name} cannot be unpacked ({error}); download it again") from error
        return _open_with_labels(Path(folder) / chosen, size_px, shown=f"{path}/{chosen}")


def _open_with_labels(model: Path, size_px: int | None, shown: str | None = None) -> ThirdParty:
    try:
        opened = open_third_party(model, size_px)
    except ModelError as error:  # the person knows the zip, not where it was unpacked
        raise ModelError(str(error).replace(str(model), shown or str(model))) from error
    file = model.with_name("labels.txt")
    if not file.is_file():
        return opened
    teachable = file.read_bytes().lstrip().startswith(b"0 ")  # "0 Class 1"
    return ThirdParty(opened.network, read_labels(file), teachable)


def _check_input(path: Path, network: bytes) -> None:
    inputs = read_graph(network).inputs
    match [tensor.shape for tensor in inputs]:
        case [(1, int(height), int(width), 1 | 3)] if height == width:
            return
    shapes = " and ".join(str(tensor.shape) for tensor in inputs)
    raise ModelError(f"model {path}: takes {shapes}, expected one square image, (1, size, size, 1) grey or 3 for RGB")


def _read_keras_h5(path: Path, size_px: int | None) -> bytes:
    import h5py

    try:
        with h5py.File(path) as file:
            if "model_config" not in file.attrs:
                raise ModelError(f"model {path}: {_without_network(list(file))}")
            config, version = _text(file.attrs["model_config"]), _text(file.attrs.get("keras_version", "1"))
    except (OSError, KeyError, RuntimeError) as error:
        raise ModelError(f"model {path}: was cut off or damaged ({_reason(error)}); download it again") from error
    return _read_keras(path, config, version, size_px)


def _without_network(groups: list[str]) -> str:
    if groups == ["optimizer_weights"]:
        what = "the state of an optimizer and no network"
    elif {
        "layers",
        "layer_names",
        "model_weights",
        "_layer_checkpoint_dependencies",
        "vars",
        "top_level_model_weights",
    } & set(groups):
        what = "weights without the network that they belong to"
    else:
        what = f"no Keras network, but {', '.join(groups[:4]) or 'nothing'}"
    return (
        f"holds {what}; where it was made, build the network, load the weights and save it with "
        "model.save('model.keras')"
    )


def _read_keras_zip(path: Path, size_px: int | None) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():  # Keras does not compare checksums, see train.run.saved
                raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
            config = archive.read("config.json").decode()
            version = str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"model {path}: is damaged ({_reason(error)}); download it again") from error
    return _read_keras(path, config, version, size_px)


def _read_keras(path: Path, config: str, version: str, size_px: int | None) -> bytes:
    """Open a file with the Keras that wrote it: Keras 3 refuses some layers of Keras 2, such as SeparableConv2D."""
    if code := sorted({name for name in _classes(json.loads(config)) if name in _CODE}):
        raise ModelError(
            f"model {path}: has a {code[0]} layer, Python code in the file, which is not run; {_SAVED_MODEL}"
        )
    if version.startswith("3."):
        import keras
    else:
        import tf_keras as keras
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever a layer's code raises
        raise ModelError(f"model {path}: {_why_not(error, version)}") from error
    return _trace_keras(path, model, size_px)


def _classes(config: Any) -> set[str]:
    """Every class that a Keras layout names."""
    if isinstance(config, list):
        return {name for each in config for name in _classes(each)}
    if not isinstance(config, dict):
        return set()
    found = {config["class_name"]} if isinstance(config.get("class_name"), str) else set()
    return found | _classes(list(config.values()))


def _why_not(error: Exception, version: str) -> str:
    text = str(error)
    for phrase in ("Unknown layer: ", "Could not locate class ", "Unknown object: ", "Unknown activation function: "):
        if phrase in text:
            name = text.partition(phrase)[2].split()[0].strip("'\".,;")
            return f"needs {name!r}, code that is not in the file; {_SAVED_MODEL}"
    return f"Keras {version} wrote it, and it cannot be opened ({_reason(error)}); {_SAVED_MODEL}"


def _trace_keras(path: Path, model: Any, size_px: int | None) -> bytes:
    inputs = model.inputs if hasattr(model, "inputs") else None
    if not inputs or len(inputs) != 1:
        raise ModelError(f"model {path}: takes {len(inputs or [])} inputs, expected one image; {FORMS}")
    return _trace(path, lambda pixels: model(pixels, training=False), tuple(inputs[0].shape), size_px)


def _read_saved_model(folder: Path, size_px: int | None) -> bytes:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder))
        signature = loaded.signatures.get("serving_default") or next(iter(loaded.signatures.values()))
        ((name, taken),) = signature.structured_input_signature[1].items()
    except StopIteration as error:
        raise ModelError(
            f"model {folder}: has no signature to call it by; where it was made, save it with model.export('folder')"
        ) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, tf.errors.OpError) as error:
        raise ModelError(f"model {folder}: cannot be opened ({_reason(error)}); {FORMS}") from error
    return _trace(folder, lambda pixels: signature(**{name: pixels}), tuple(taken.shape), size_px)


def _trace(path: Path, call: Callable[[Any], Any], shape: tuple[int | None, ...], size_px: int | None) -> bytes:
    """The network as a file with a fixed shape and the channels last."""
    import tensorflow as tf

    _, *sides = shape
    channels_first = len(sides) == 3 and sides[0] in (1, 3) and sides[2] not in (1, 3)
    if channels_first:
        sides = [*sides[1:], sides[0]]
    if None in sides[:2]:
        if size_px is None:
            raise ModelError(f"model {path}: takes images of any size; give that of its training with --size")
        sides[:2] = [size_px, size_px]
    fixed = (1, *(int(side or 0) for side in sides))
    try:
        if channels_first:
            return trace(lambda pixels: call(tf.transpose(pixels, (0, 3, 1, 2))), fixed)
        return trace(call, fixed)
    except ModelError as error:
        raise ModelError(f"model {path}: {error}") from error


def _read_tflite(path: Path, size_px: int | None) -> bytes:
    content = path.read_bytes()
    try:
        read_graph(content)
    except ModelError as error:
        raise ModelError(f"model {path}: {error}; download it again") from error
    return content


def _read_onnx(path: Path, size_px: int | None) -> bytes:
    """By the program onnx2tf: its packages fix versions that are not ours, so it has an environment of its own."""
    program = shutil.which("onnx2tf")
    if program is None:
        raise ModelError(
            f"model {path}: is ONNX, which the program onnx2tf translates; install it (pipx install onnx2tf) and "
            "convert again"
        )

    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [program, "-i", path, "-o", folder, "-n", "-b", "1"], capture_output=True, check=False, text=True
        )
        found = sorted(Path(folder).glob("*float32.tflite"))
        if not found:
            last = (done.stdout + done.stderr).strip().rpartition("\n")[2]
            raise ModelError(f"model {path}: onnx2tf could not translate it (status {done.returncode}: {last[:200]})")
        return found[0].read_bytes()


_READERS: dict[str, Callable[[Path, int | None], bytes]] = {
    "keras_h5": _read_keras_h5,
    "keras_zip": _read_keras_zip,
    "saved_model": _read_saved_model,
    "tflite": _read_tflite,
    "onnx": _read_onnx,
}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
