"""How the processor time grows with people, pixels and frames a second: ``make bench-growth``, a picture.

Portraits sway on a plain picture, each in its own rhythm, so that every program has all of them to find. Each loop of
``benchmarks/loops.py`` looks at every frame, so it costs the same at every rate; ours does not.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.clips import Bgr, write
from benchmarks.compare import OURS, WHAT, Setting, measure

FACES = (1, 4, 12, 30)
SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080))
RATES = (1, 5, 10, 30)
USUAL = (640, 480)
SECONDS = 6
SMALL = "[detector]\nmin_face_px = 20\n"
"""For fer-edge: the faces of a crowd of thirty are smaller than the 40 pixels that it looks for by default."""


def main() -> None:
    """Measure three curves, keep them as JSON, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, required=True, help="folder of portraits")
    parser.add_argument("--peers", type=Path, required=True, help="virtual environment with the package fer")
    parser.add_argument("--yunet", type=Path, required=True, help="YuNet's ONNX file")
    parser.add_argument("--only", nargs="+", choices=WHAT, default=list(WHAT), help="programs to run (default: all)")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/growth.png"), help="where the picture goes")
    options = parser.parse_args()
    setting = Setting(options.peers.absolute(), options.yunet.absolute())
    files = sorted(options.portraits.iterdir())[: max(FACES)]
    portraits = [np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR), np.uint8) for file in files]
    work = Path("build/benchmarks").absolute()

    def cost_ms(name: str, faces: int, size: tuple[int, int], fps: float) -> float:
        clip = work / f"crowd-{faces}-{size[0]}x{size[1]}-{fps}.mp4"
        if not clip.exists():
            write(clip, crowd(portraits[:faces], size, fps), fps)
        spent = measure(name, clip, setting, camera=f"fps = {fps}\n{SMALL}")["cpu_ms_per_frame"]
        print(f"{name}: {faces} faces, {size[0]}x{size[1]}, {fps} frames/s: {spent:.2f} ms a frame", flush=True)
        return spent

    curves = {
        name: {
            "faces": [cost_ms(name, faces, USUAL, 10) for faces in FACES],
            "pixels": [cost_ms(name, 1, size, 10) for size in SIZES],
            "rate": [cost_ms(name, 1, USUAL, rate) * rate / 10 for rate in RATES],
        }
        for name in options.only
    }
    options.out.with_suffix(".json").write_text(json.dumps(curves, indent=1) + "\n")
    draw(curves, options.out)


def crowd(portraits: Sequence[Bgr], size: tuple[int, int], fps: float) -> list[Bgr]:
    """Frames in which every portrait sways by a twenty-fifth of its side, once in two to four seconds."""
    width, height = size
    columns = math.ceil(math.sqrt(len(portraits) * width / height))
    rows = math.ceil(len(portraits) / columns)
    cell = min(width // columns, height // rows)
    side = min(round(0.92 * cell), height // 3)
    scaled = [cv2.resize(each, (side, side)) for each in portraits]
    frames = []
    for number in range(max(12, round(SECONDS * fps))):
        frame = np.full((height, width, 3), 110, np.uint8)
        for index, portrait in enumerate(scaled):
            sway = 0.04 * side * math.sin(2 * math.pi * number / fps / (2 + index % 3) + index)
            left = round((index % columns + 0.5) * width / columns - side / 2 + sway)
            top = round((index // columns + 0.5) * height / rows - side / 2)
            left = min(max(left, 0), width - side)
            frame[top : top + side, left : left + side] = portrait
        frames.append(frame)
    return frames


def draw(curves: dict[str, dict[str, list[float]]], out: Path) -> None:
    """Three plots with a line for each program, on logarithmic scales."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, plots = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    megapixels = [width * height / 1e6 for width, height in SIZES]
    axes = {
        "faces": (FACES, "faces in 640x480", "CPU time a frame, ms"),
        "pixels": (megapixels, "megapixels, one face", "CPU time a frame, ms"),
        "rate": (RATES, "frames a second, one face in 640x480", "share of a core, %"),
    }
    for plot, (curve, (along, below, beside)) in zip(plots, axes.items(), strict=True):
        for name, values in curves.items():
            label, dashed = WHAT[name].replace("`", ""), name == "fer-int8"  # it lies on the package's line
            style = {"linewidth": 3 if name == OURS else 1.5, "linestyle": "--" if dashed else "-"}
            plot.plot(along, values[curve], marker="o", label=label, **style)
        plot.set(xscale="log", yscale="log", xlabel=below, ylabel=beside)
        ticks = [str(each) if isinstance(each, int) else f"{each:.2g}" for each in along]
        plot.set_xticks(along, ticks)
        plot.minorticks_off()
        plot.grid(alpha=0.3)
    figure.legend(*plots[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
