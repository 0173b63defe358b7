from __future__ import annotations

from quantize.tflite.latency import Latency, measure_latency


def test_both_files_are_run_and_compared(float_file: bytes, int8_file: bytes) -> None:
    latency = measure_latency(float_file, int8_file, repeats=3)

    assert latency.original_ms > 0
    assert latency.quantised_ms > 0


def test_the_ratio_is_how_many_times_faster_int8_is() -> None:
    assert Latency(original_ms=3.0, quantised_ms=1.5).ratio == 2
