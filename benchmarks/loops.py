"""The loops that people write for faces and expressions, each a whole program: ``python -m benchmarks.loops fer CLIP``.

The parts are the published ones as they come, with their own defaults; nothing is tuned, for or against. What they
import they import when they start, so that start and memory are each loop's own. ``FER_DATA`` names the folder of the
models in the package ``fer``, ``YUNET`` YuNet's file.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.mark import mark

Bgr = npt.NDArray[np.uint8]
Analyse = Callable[[Bgr], int]
"""Detects and classifies every face of one frame, and says how many there were."""

FER_FACE_PX = 64
"""Side of the classifier's input in the package ``fer``, mini-Xception (Arriaga et al. 2017)."""


def fer() -> Analyse:
    """The package ``fer`` with its defaults: Haar, and mini-Xception by TensorFlow's interpreter of .tflite files."""
    from fer.fer import FER

    detector = FER()
    return lambda frame: len(detector.detect_emotions(frame))


def tutorial() -> Analyse:
    """What tutorials teach: Haar, then ``model.predict`` of Keras for each face; mini-Xception as in ``fer``."""
    from keras.models import load_model

    cascade = _cascade()
    model = load_model(_fer_data() / "emotion_model.hdf5", compile=False)

    def analyse(frame: Bgr) -> int:
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        faces = cascade.detectMultiScale(grey, 1.1, 5, minSize=(50, 50))
        for left, top, width, height in faces:
            model.predict(_fer_input(grey[top : top + height, left : left + width]), verbose=0)
        return len(faces)

    return analyse


def fer_int8() -> Analyse:
    """Haar and the .tflite file of ``fer``, which has int8 weights, in a runtime without TensorFlow."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tflite_runtime.interpreter import Interpreter

    cascade = _cascade()
    interpreter = Interpreter(str(_fer_data() / "emotion_model_quantized.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()

    def analyse(frame: Bgr) -> int:
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        faces = cascade.detectMultiScale(grey, 1.1, 5, minSize=(50, 50))
        for left, top, width, height in faces:
            interpreter.set_tensor(source["index"], _fer_input(grey[top : top + height, left : left + width]))
            interpreter.invoke()
            interpreter.get_tensor(target["index"])
        return len(faces)

    return analyse


def yunet() -> Analyse:
    """YuNet at 320x240 with the score at which fer-edge uses it, and our classifier, both on every frame."""
    from edge.vision.classifier import PACKAGED_MODEL, EmotionClassifier, load_release

    size = 320, 240
    detector = cv2.FaceDetectorYN.create(os.environ["YUNET"], "", size, 0.7)
    classifier = EmotionClassifier(load_release(PACKAGED_MODEL))
    side_px = classifier.input_size_px

    def analyse(frame: Bgr) -> int:
        rows: Any = detector.detect(cv2.resize(frame, size))[1]  # OpenCV's types do not know None
        found = np.empty((0, 15)) if rows is None else rows
        (height, width), scale = frame.shape[:2], frame.shape[1] / size[0]
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        crops = []
        for left, top, wide, high in (found[:, :4] * scale).astype(int).tolist():
            face = grey[max(top, 0) : min(top + high, height), max(left, 0) : min(left + wide, width)]
            crops.append(np.asarray(cv2.resize(face, (side_px, side_px)), np.uint8))
        classifier.classify(crops)
        return len(crops)

    return analyse


LOOPS: dict[str, Callable[[], Analyse]] = {
    "fer": fer,
    "tutorial": tutorial,
    "fer-int8": fer_int8,
    "yunet": yunet,
}


def main() -> None:
    """Run one loop over one clip and print what it took.

    ``start_s`` is until the first frame has been analysed; the frames after it are measured.
    """
    name, clip = sys.argv[1:]
    begun_s = _started_s()
    analyse = LOOPS[name]()
    cv2.setNumThreads(1)
    video = cv2.VideoCapture(clip, cv2.CAP_FFMPEG, (cv2.CAP_PROP_N_THREADS, 1))
    if (first := _next(video)) is None:
        sys.exit(f"{clip}: holds no video that OpenCV reads")
    analyse(first)
    start_s, cpu_s, frames, faces = time.clock_gettime(time.CLOCK_BOOTTIME) - begun_s, time.process_time(), 0, 0
    mark()
    while (frame := _next(video)) is not None:
        faces += analyse(frame)
        frames += 1
    mark()
    measured: dict[str, Any] = {
        "frames": frames,
        "faces_per_frame": faces / frames,
        "cpu_ms_per_frame": 1000 * (time.process_time() - cpu_s) / frames,
        "rss_mb": _resident_mb(),
        "start_s": start_s,
        "start_cpu_s": cpu_s,
    }
    print(json.dumps(measured))


def _started_s() -> float:
    """When this process started, in seconds since the boot."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return ticks / 100


def _resident_mb() -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def _next(video: cv2.VideoCapture) -> Bgr | None:
    ok, frame = video.read()
    return np.asarray(frame, np.uint8) if ok else None


def _cascade() -> cv2.CascadeClassifier:
    from cv2.data import haarcascades

    return cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_default.xml")


def _fer_data() -> Path:
    return Path(os.environ["FER_DATA"])


def _fer_input(face: npt.ArrayLike) -> npt.NDArray[np.float32]:
    small = cv2.resize(np.asarray(face, np.float32), (FER_FACE_PX, FER_FACE_PX))
    return np.asarray(small / 127.5 - 1, np.float32)[None, :, :, None]


if __name__ == "__main__":
    main()
