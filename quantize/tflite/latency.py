"""How long one inference takes in float and in int8, side by side on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.tflite.run import open_in_tensorflow


@dataclass(frozen=True, slots=True)
class Latency:
    """Medians of one inference in milliseconds, one thread. They differ between machines, their ratio hardly."""

    original_ms: float
    quantised_ms: float

    @property
    def ratio(self) -> float:
        """How many times faster int8 is."""
        return self.original_ms / self.quantised_ms


def measure_latency(original: bytes, quantised: bytes, repeats: int = 100) -> Latency:
    """Run a float and an int8 file in turns, so that other load on the machine affects both alike.

    XNNPACK computes both: the daemon's runtime has the same kernels.
    """
    interpreters = [open_in_tensorflow(model, "AUTO") for model in (original, quantised)]
    durations_s = np.array([[_inference_s(each) for each in interpreters] for _ in range(repeats)])
    return Latency(*(1000 * np.median(durations_s, axis=0)).tolist())


def _inference_s(interpreter: Any) -> float:
    begun_s = time.perf_counter()
    interpreter.invoke()
    return time.perf_counter() - begun_s
