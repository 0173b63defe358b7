import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.errors import DelegateError, ModelError
from edge.model import interpreter
from edge.model.interpreter import Interpreter
from edge.model.manifest import TensorSpec
from tests.support.paths import ROOT, TINY


def model(name: str) -> bytes:
    return (TINY / name).read_bytes()


def test_an_open_model_describes_its_tensors_and_its_runtime() -> None:
    opened = Interpreter(model("grey/model.tflite"))

    assert opened.inputs == (TensorSpec((1, 48, 48, 1), 1.0, -128),)
    assert [output.shape for output in opened.outputs] == [(1, 7)]
    assert re.fullmatch(r"(ai-edge-litert|tflite-runtime) \d+\.\d+\.\d+", opened.runtime)


def test_a_white_image_raises_the_logit_of_happy_and_lowers_that_of_sad() -> None:
    opened = Interpreter(model("grey/model.tflite"))

    (logits,) = opened.run(np.full((1, 48, 48, 1), 127, np.int8))

    assert logits.dtype == np.int8
    assert int(logits[0].argmax()) == 3
    assert int(logits[0].argmin()) == 4


def test_a_model_with_two_outputs_returns_both_in_the_order_of_its_specs() -> None:
    opened = Interpreter(model("two_outputs.tflite"))

    outputs = opened.run(np.zeros((1, 48, 48, 1), np.int8))

    assert sorted(output.shape for output in opened.outputs) == [(1, 2), (1, 4)]
    assert [output.shape for output in outputs] == [spec.shape for spec in opened.outputs]


def test_an_output_does_not_change_when_the_model_runs_again() -> None:
    opened = Interpreter(model("grey/model.tflite"))
    (first,) = opened.run(np.full((1, 48, 48, 1), 127, np.int8))
    before = first.copy()

    opened.run(np.full((1, 48, 48, 1), -128, np.int8))

    assert first.tolist() == before.tolist()


@pytest.mark.parametrize(
    "tensors",
    [
        (),
        (np.zeros((1, 48, 48, 1), np.int8), np.zeros((1, 48, 48, 1), np.int8)),
        (np.zeros((1, 48, 48, 1), np.float32),),
        (np.zeros((1, 24, 24, 1), np.int8),),
        (np.zeros((48, 48), np.int8),),
    ],
    ids=["none", "one too many", "float", "too small", "flat"],
)
def test_tensors_that_do_not_fit_are_refused(tensors: tuple[np.ndarray, ...]) -> None:
    opened = Interpreter(model("grey/model.tflite"))

    with pytest.raises(ValueError):  # noqa: PT011 - the runtime's own sentences differ
        opened.run(*tensors)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "model of 0 bytes begins with"),
        (b"\x80\x02}q\x00." * 500, "expected a .tflite file"),
        (model("grey/model.tflite")[:1500], "model of 1500 bytes is cut off or damaged"),
        (model("float.tflite"), "picture:0' is float32; expected int8"),
        (model("open_batch.tflite"), "picture:0' has the dynamic shape [-1, 48, 48, 1]"),
    ],
    ids=["empty", "garbage", "truncated", "float", "open batch"],
)
def test_a_model_that_must_not_run_is_named_in_a_sentence(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        Interpreter(content)


def test_opening_a_model_writes_nothing_to_standard_error() -> None:
    program = "import sys; from edge.model.interpreter import Interpreter; Interpreter(open(sys.argv[1], 'rb').read())"
    command = [sys.executable, "-c", program, str(TINY / "grey" / "model.tflite")]

    opened = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert opened.stderr == ""


def test_a_model_for_the_edge_tpu_asks_for_the_uncompiled_file(shared: Path) -> None:
    compiled = shared / "models" / "mediapipe_coral_face-detector-quantized_edgetpu.tflite"

    with pytest.raises(ModelError, match="compiled for the Edge TPU and cannot run on the cpu"):
        Interpreter(compiled.read_bytes())


def test_a_missing_edge_tpu_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(interpreter.DELEGATES, "edgetpu", "libabsent-edgetpu.so.1")

    with pytest.raises(DelegateError, match=r"edgetpu: library libabsent-edgetpu\.so\.1 .* install .*libedgetpu1-std"):
        Interpreter(model("grey/model.tflite"), delegate="edgetpu")


def test_a_library_without_its_device_says_to_plug_it_in(coral: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGETPU_ABSENT", "1")

    with pytest.raises(DelegateError, match=r"edgetpu: .*libedgetpu\.so\.1 finds no device; plug the accelerator in"):
        Interpreter(model("grey/model.tflite"), delegate="edgetpu")


def test_a_library_that_crashes_ends_a_probe_and_not_the_daemon(coral: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGETPU_CRASHES", "1")

    with pytest.raises(DelegateError, match=r"crashes \(SIGABRT\) with .*; install the build of libedgetpu1-std for "):
        Interpreter(model("grey/model.tflite"), delegate="edgetpu")


def test_an_accelerator_that_hangs_is_given_up(coral: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fault").write_text("hang")
    monkeypatch.setenv("EDGETPU_FAULT", str(tmp_path / "fault"))
    monkeypatch.setattr(interpreter, "_PROBE_S", 2.0)

    with pytest.raises(DelegateError, match="edgetpu: does not answer within 2 s; unplug it and plug it in again"):
        Interpreter(model("grey/model.tflite"), delegate="edgetpu")


def test_an_accelerator_that_works_runs_the_model(coral: None) -> None:
    image = np.zeros((1, 48, 48, 1), np.int8)

    (on_cpu,) = Interpreter(model("grey/model.tflite")).run(image)
    (on_coral,) = Interpreter(model("grey/model.tflite"), delegate="edgetpu").run(image)

    assert (on_cpu == on_coral).all()


def test_an_unknown_delegate_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="delegate 'gpu' is unknown; expected one of edgetpu"):
        Interpreter(model("grey/model.tflite"), delegate="gpu")


def test_a_runtime_built_for_another_numpy_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_with_wrong_numpy(**_: object) -> None:
        raise SystemError("CreateWrapperFromBuffer returned a result with an exception set")

    monkeypatch.setattr("edge.model.interpreter.tflite.Interpreter", open_with_wrong_numpy)

    with pytest.raises(ModelError, match=r"cannot open models with numpy .*; install numpy below 2"):
        Interpreter(model("grey/model.tflite"))
