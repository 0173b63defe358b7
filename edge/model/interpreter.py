"""Opens an int8 TFLite model on the CPU or on an Edge TPU. The only module that imports a TFLite runtime.

``ai-edge-litert`` and its predecessor ``tflite-runtime`` (up to Python 3.11) contain the same interpreter; whichever is
installed is used, the newer one first.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import DelegateError, ModelError
from edge.model.flatbuffer import verify_model
from edge.model.manifest import TensorSpec
from edge.streams import native_code_silenced

try:
    import ai_edge_litert as tflite_package
    from ai_edge_litert import interpreter as tflite

    PACKAGE = "ai-edge-litert"
except ImportError:
    import tflite_runtime as tflite_package
    from tflite_runtime import interpreter as tflite

    PACKAGE = "tflite-runtime"

VERSION: str = tflite_package.__version__

DELEGATES = {"edgetpu": "libedgetpu.so.1"}
"""Accelerators by name, and the library that drives each."""


_PROBE = """\
import importlib, sys
tflite = importlib.import_module(sys.argv[1])
try:
    delegate = tflite.load_delegate(sys.argv[2])
except ValueError:
    sys.exit(3)
if model := sys.stdin.buffer.read():
    interpreter = tflite.Interpreter(model_content=model, experimental_delegates=[delegate])
    interpreter.allocate_tensors()
    interpreter.invoke()
"""
_NO_DEVICE = 3
_PROBE_S = 60.0


class Interpreter:
    """A model ready to run, with fixed shapes and int8 at every input and output. Used by one thread only.

    Attributes:
        inputs: the input tensors in the model's order.
        outputs: the output tensors in the model's order.
        runtime: package and version that run the model.
    """

    def __init__(self, model: bytes, *, threads: int = 1, delegate: str | None = None) -> None:
        """Open ``model``, the content of a .tflite file, on the CPU or on the accelerator named by ``delegate``.

        Raises:
            ModelError: the bytes are not a TFLite model, an operator is unknown, or an input or output is not int8.
            DelegateError: the accelerator, or the library that drives it, is absent.
            ValueError: ``delegate`` is not a known accelerator.
        """
        verify_model(model)
        if delegate is not None:
            probe_delegate(delegate, model)
        delegates = [] if delegate is None else [tflite.load_delegate(_library(delegate))]
        try:
            with native_code_silenced():  # it says that it uses XNNPACK; what is wrong comes as an exception
                self._tflite = tflite.Interpreter(
                    model_content=model, num_threads=threads, experimental_delegates=delegates
                )
                self._tflite.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(_why_refused(error)) from error
        except SystemError as error:  # tflite-runtime imports with numpy 2 and fails only here
            raise ModelError(
                f"{PACKAGE} cannot open models with numpy {np.__version__}; install numpy below 2, or ai-edge-litert"
            ) from error
        inputs, outputs = self._tflite.get_input_details(), self._tflite.get_output_details()
        self.inputs = tuple(_tensor_spec(tensor) for tensor in inputs)
        self.outputs = tuple(_tensor_spec(tensor) for tensor in outputs)
        self.runtime = f"{PACKAGE} {VERSION}"
        self._input_ids = [tensor["index"] for tensor in inputs]
        self._output_ids = [tensor["index"] for tensor in outputs]

    def run(self, *tensors: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.int8], ...]:
        """One forward pass: ``tensors`` in the order and shapes of ``inputs`` -> copies in those of ``outputs``.

        Raises:
            ValueError: a tensor is missing, or has another shape or type than the model's.
        """
        for index, tensor in zip(self._input_ids, tensors, strict=True):
            self._tflite.set_tensor(index, tensor)
        self._tflite.invoke()
        return tuple(self._tflite.get_tensor(index) for index in self._output_ids)


def probe_delegate(name: str, model: bytes | None) -> None:
    """Try an accelerator, with its ``model`` if there is one, in a process of its own.

    Google's libedgetpu ends the process where tflite-runtime is 2.12 or newer (google-coral/edgetpu#812): no exception
    would tell, and the daemon would start again and again.

    Raises:
        DelegateError: its library or the device is absent, the library crashes or hangs, or does not take the model.
        ValueError: ``name`` is not a known accelerator.
    """
    library = _library(name)
    advice = f"install the build of libedgetpu1-std for {PACKAGE} {VERSION}, see docs/coral.md, or run on the cpu"
    try:
        ctypes.CDLL(library)
    except OSError as error:
        raise DelegateError(f"{name}: library {library} cannot be loaded ({error}); {advice}") from error
    command = [sys.executable, "-c", _PROBE, tflite.__name__, library]
    try:
        probe = subprocess.run(command, input=model or b"", capture_output=True, timeout=_PROBE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise DelegateError(
            f"{name}: does not answer within {_PROBE_S:.0f} s; unplug it and plug it in again"
        ) from error
    if probe.returncode == _NO_DEVICE:
        raise DelegateError(
            f"{name}: {library} finds no device; plug the accelerator in and let this user open it, or run on the cpu"
        )
    if probe.returncode < 0:
        killed = signal.Signals(-probe.returncode).name
        raise DelegateError(f"{name}: {library} crashes ({killed}) with {PACKAGE} {VERSION}; {advice}")
    if probe.returncode:
        reason = probe.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise DelegateError(f"{name}: {library} does not run the model ({reason}); {advice}")


def _library(name: str) -> str:
    if name not in DELEGATES:
        raise ValueError(f"delegate {name!r} is unknown; expected one of {', '.join(sorted(DELEGATES))}")
    return DELEGATES[name]


def _why_refused(error: Exception) -> str:
    if "edgetpu-custom-op" in str(error):
        return "model is compiled for the Edge TPU and cannot run on the cpu; expected the uncompiled model.tflite"
    reason = " ".join(str(error).split())
    return f"model cannot be opened by the TFLite runtime ({reason}); expected an int8 .tflite file"


def _tensor_spec(tensor: dict[str, Any]) -> TensorSpec:
    """Check one of the runtime's tensor descriptions and keep what the daemon needs."""
    name, dtype, shape = tensor["name"], np.dtype(tensor["dtype"]).name, tensor["shape_signature"].tolist()
    scale, zero_point = tensor["quantization"]
    if dtype != "int8":
        raise ModelError(f"model tensor {name!r} is {dtype}; expected int8; quantise inputs and outputs too")
    if -1 in shape:
        raise ModelError(f"model tensor {name!r} has the dynamic shape {shape}; convert the model for batches of 1")
    if scale <= 0:
        raise ModelError(f"model tensor {name!r} has no scale of its own; expected one scale and zero point per tensor")
    return TensorSpec(tuple(shape), float(scale), int(zero_point))
