"""Finds out by its content what a file that somebody calls a model is, and what to do with one that is none."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from edge.errors import ModelError

FORMS = (
    "give a Keras file (.keras, .h5), a SavedModel folder, a .tflite or .onnx file, or the zip that Teachable Machine "
    "exported"
)
"""The end of most messages about what is no model."""

MAX_UNPACKED_BYTES = 2_000_000_000
"""Of a zip, whatever its header says: a network for a Raspberry Pi has a few megabytes."""

_KERAS_ARCHIVE = {"config.json", "metadata.json"}
_MODELS = (".h5", ".hdf5", ".keras", ".tflite", ".onnx")
_EXPORT_AGAIN = "export it again as TensorFlow, Keras, or as TensorFlow Lite, Floating point"


def kind_of(path: Path) -> str:
    """What ``path`` holds: ``keras_h5``, ``keras_zip``, ``saved_model``, ``tflite``, ``onnx``, ``zip`` or ``folder``.

    The last two hold one of the others.

    Raises:
        ModelError: it is something else; the message says what, and how to get a model.
    """
    if not path.exists():
        raise ModelError(f"model {path}: does not exist; {FORMS}")
    if path.is_dir():
        return "saved_model" if (path / "saved_model.pb").is_file() else "folder"
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ModelError(f"model {path}: cannot be read ({error.strerror})") from error
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "keras_h5"
    if head[4:8] == b"TFL3":
        return "tflite"
    if head.startswith(b"PK"):
        return _kind_of_zip(path)
    if path.suffix.lower() == ".onnx" and head[:1] == b"\x08":  # field 1 of a protobuf: the version of the format
        return "onnx"
    raise _refusal(path, head)


def only_model(names: list[str], place: str) -> str:
    """The one of ``names`` that is a model.

    Raises:
        ModelError: none is, or more than one.
    """
    shown = [
        name for name in names if not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith("._")
    ]
    found = [name for name in shown if name.lower().endswith(_MODELS)]
    found += [name.removesuffix("/saved_model.pb") for name in shown if name.endswith("/saved_model.pb")]
    if len(found) == 1:
        return found[0]
    if found:
        raise ModelError(f"{place}: holds {len(found)} models ({', '.join(sorted(found)[:5])}); give one of them")
    bases = {name.rpartition("/")[2] for name in shown}
    if "model.json" in bases and any(name.endswith(".bin") for name in bases):
        raise ModelError(f"{place}: is a network for TensorFlow.js; {_EXPORT_AGAIN}")
    if "project.json" in bases or "manifest.json" in bases:
        raise ModelError(f"{place}: is a project and no network; open it in Teachable Machine and {_EXPORT_AGAIN}")
    holds = f"holds no model, but {', '.join(sorted(bases)[:5])}" if bases else "is empty"
    raise ModelError(f"{place}: {holds}; {FORMS}")


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"model {path}: is a zip that was cut off or damaged ({error}); download it again") from error
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES:
        raise ModelError(
            f"model {path}: unpacks to {size // 10**6} MB, at most {MAX_UNPACKED_BYTES // 10**6} are read; give the "
            "model alone"
        )
    if any(member.flag_bits & 1 for member in members):
        raise ModelError(f"model {path}: is a zip with a password; unpack it and give the model")
    names = {member.filename for member in members}
    if names >= _KERAS_ARCHIVE:
        return "keras_zip"
    if any(name.endswith(("data.pkl", "constants.pkl")) for name in names):
        raise _pytorch_refusal(path)
    return "zip"


def _refusal(path: Path, head: bytes) -> ModelError:
    size, text, suffix = path.stat().st_size, head.lstrip(b"\xef\xbb\xbf \r\n\t").lower(), path.suffix.lower()
    if not size:
        return ModelError(f"model {path}: is empty; download it again")
    if text.startswith(b"version https://git-lfs"):
        return ModelError(
            f"model {path}: is a pointer of Git LFS and not the file itself; run git lfs pull in its repository, or "
            "download it with the button of the web page"
        )
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<error")):
        return ModelError(
            f"model {path}: is a web page and not the file itself; open the link in a browser and download the file "
            "from there"
        )
    if text.startswith((b"{", b"[")):
        return _json_refusal(path)
    if head.startswith(b"\x80") or suffix in (".pkl", ".pickle", ".joblib"):
        if b"torch" in head or suffix in (".pt", ".pth"):
            return _pytorch_refusal(path)
        return ModelError(
            f"model {path}: is a Python pickle (scikit-learn, joblib), which runs code when it is opened and holds no "
            "network; train a network on the same pictures, see fer-train fit"
        )
    if suffix in (".pt", ".pth", ".safetensors"):
        return _pytorch_refusal(path)
    if suffix == ".pb":
        return ModelError(
            f"model {path}: is a graph alone; give the whole SavedModel folder, the one with saved_model.pb and "
            "variables/, and of a frozen graph of TensorFlow 1 the Keras file from which it was made"
        )
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")) or head[257:262] == b"ustar":
        return ModelError(f"model {path}: is an archive; unpack it and give the model that is inside")
    if suffix in _MODELS:
        return ModelError(f"model {path}: is no {suffix} file, it begins with {head[:8]!r}; download it again")
    return ModelError(f"model {path}: is of no known kind, it begins with {head[:8]!r}; {FORMS}")


def _json_refusal(path: Path) -> ModelError:
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        document = None
    if isinstance(document, dict) and {"modelTopology", "weightsManifest"} & set(document):
        return ModelError(f"model {path}: is a network for TensorFlow.js; {_EXPORT_AGAIN}")
    if isinstance(document, dict) and {"class_name", "config"} <= set(document):
        return ModelError(
            f"model {path}: is the layout of a Keras network without its weights; where it was made, load the weights "
            "and save all with model.save('model.keras')"
        )
    return ModelError(f"model {path}: is a text and no model, perhaps the answer of a web server; {FORMS}")


def _pytorch_refusal(path: Path) -> ModelError:
    return ModelError(
        f"model {path}: is PyTorch's, which runs code when it is opened; where it was made, export it with "
        "torch.onnx.export(model.eval(), torch.zeros(1, CHANNELS, SIZE, SIZE), 'model.onnx') and convert that"
    )
