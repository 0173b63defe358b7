"""What each stage of fer-edge takes of a frame: ``make bench-stages``, a picture."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.clips import letterboxed
from benchmarks.compare import ROOT

STAGES = "decode", "detect", "track", "crop", "classify", "window", "publish"
"""In the order of the pipeline; ``fer-edge bench`` says what they are."""
REST = "all else"


def main() -> None:
    """Measure, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", nargs="+", type=Path, help="videos of people")
    parser.add_argument("--size", default="640x480", help="size to letterbox them to (default: 640x480)")
    parser.add_argument("--rounds", type=int, default=5, help="runs, of which the median counts (default: 5)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/pictures/stages.png", help="where the picture goes")
    options = parser.parse_args()
    spent = {}
    for film in options.films:
        clip = letterboxed(film, options.size, ROOT / "build/benchmarks")
        runs = [stages_ms(clip) for _ in range(options.rounds)]
        spent[film.stem] = {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}
        print(film.stem, ", ".join(f"{stage} {each_ms:.3f} ms" for stage, each_ms in spent[film.stem].items()))
    draw(spent, options.out)


def stages_ms(clip: Path) -> dict[str, float]:
    """Milliseconds of processor time a frame, by stage."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "clip.toml"
        config.write_text(f'[camera]\nkind = "replay"\npath = {json.dumps(str(clip))}\n')
        command = [str(Path(sys.executable).with_name("fer-edge")), "bench", "--json", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"fer-edge failed on {clip}:\n{done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(done.stdout)
    spent = {stage: float(measured["stage_ms"].get(stage, 0)) for stage in STAGES}
    return spent | {REST: measured["cpu_ms_per_frame"] - sum(spent.values())}


def draw(spent: dict[str, dict[str, float]], out: Path) -> None:
    """A bar for each stage and film."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    stages = [*STAGES, REST]
    thick = 0.8 / len(spent)
    figure, plot = plt.subplots(figsize=(8, 1.2 + len(stages) * max(0.3, 0.25 * len(spent))), layout="constrained")
    for index, (film, each_ms) in enumerate(spent.items()):
        places = [place + (index - (len(spent) - 1) / 2) * thick for place in range(len(stages))]
        label = f"{film}: {sum(each_ms.values()):.2f} ms in all"
        bars = plot.barh(places, [each_ms[stage] for stage in stages], thick, label=label)
        plot.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    plot.set_yticks(range(len(stages)), stages)
    plot.invert_yaxis()
    plot.set_xlabel("processor time a frame, ms")
    plot.margins(x=0.1)
    plot.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", frameon=False)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
