"""fer-edge beside the loops of ``benchmarks/loops.py``: the same clips, one processor core, whole processes.

``make bench-peers`` calls it. Programs take turns, so that a busy neighbour disturbs all of them alike; each figure is
the median of the rounds. Processor time is user and system time of the process, not the time that passed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

from benchmarks.clips import letterboxed

ROOT = Path(__file__).parents[1]
OURS = "fer-edge"
WHAT = {
    OURS: "fer-edge, as installed",
    "fer": "`fer` package",
    "tutorial": "tutorial: Haar and Keras",
    "fer-int8": "Haar and `fer`'s int8 file, without TensorFlow",
    "yunet": "YuNet and our classifier, every frame",
}
HEAVY = ("fer", "tutorial")
"""These need the packages of ``--peers``; the others run in this environment."""
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)
FIGURES = ("cpu_ms_per_frame", "faces_per_frame", "rss_mb", "start_s", "start_cpu_s")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the programs find what they need."""

    peers: Path
    yunet: Path

    def environment(self) -> dict[str, str]:
        """What the loops read."""
        (data,) = self.peers.glob("lib/python*/site-packages/fer/data")
        return os.environ | ONE_THREAD | {"FER_DATA": str(data), "YUNET": str(self.yunet), "TF_CPP_MIN_LOG_LEVEL": "3"}


def main() -> None:
    """Measure, print the table as Markdown, and keep the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path, help="videos of people")
    parser.add_argument("--size", default="640x480", help="size to letterbox them to (default: 640x480)")
    parser.add_argument("--peers", type=Path, required=True, help="virtual environment with the package fer")
    parser.add_argument("--yunet", type=Path, required=True, help="YuNet's ONNX file")
    parser.add_argument("--rounds", type=int, default=3, help="how often each program runs (default: 3)")
    parser.add_argument("--only", nargs="+", choices=WHAT, default=list(WHAT), help="programs to run (default: all)")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    options = parser.parse_args()
    setting = Setting(options.peers.absolute(), options.yunet.absolute())
    sizes = {
        name: installed_mb(Path(sys.prefix) if name not in HEAVY else setting.peers, name) for name in options.only
    }
    results = {}
    for film in options.films:
        clip = letterboxed(film, options.size, ROOT / "build/benchmarks")
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in options.only}
        for _ in range(options.rounds):
            for name in options.only:
                runs[name].append(measure(name, clip, setting))
        results[clip.stem] = {name: _medians(each) | {"installed_mb": sizes[name]} for name, each in runs.items()}
        print(f"\n{clip.stem}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
        print(table(results[clip.stem]))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def measure(name: str, clip: Path, setting: Setting, camera: str = "") -> dict[str, float]:
    """Run one program over a clip, on one core; ``camera`` are further keys of our [camera]."""
    with tempfile.TemporaryDirectory() as folder:
        if name == OURS:
            config = Path(folder) / "clip.toml"
            config.write_text(f'[camera]\nkind = "replay"\npath = {json.dumps(str(clip))}\n{camera}')
            command = [str(Path(sys.executable).with_name("fer-edge")), "bench", "--json", "--config", str(config)]
        else:
            python = setting.peers / "bin/python" if name in HEAVY else sys.executable
            command = [str(python), "-m", "benchmarks.loops", name, str(clip)]
        done = subprocess.run(
            ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *command],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=setting.environment(),
            check=False,
        )
    if done.returncode:
        sys.exit(f"{name} failed on {clip}:\n{done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return {figure: float(measured[figure]) for figure in FIGURES}


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {figure: statistics.median(run[figure] for run in runs) for figure in FIGURES}


def table(results: dict[str, dict[str, float]]) -> str:
    """One line a program, and how many times our processor time each takes."""
    ours = results.get(OURS, next(iter(results.values())))["cpu_ms_per_frame"]
    lines = [
        "| | CPU a frame | times ours | faces a frame | resident | start | start, CPU | installed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in results.items():
        times, size = each["cpu_ms_per_frame"] / ours, each["installed_mb"]
        lines.append(
            f"| {WHAT[name]} | {each['cpu_ms_per_frame']:.2f} ms | {times:.1f} | {each['faces_per_frame']:.2f} "
            f"| {each['rss_mb']:.0f} MB | {each['start_s']:.1f} s | {each['start_cpu_s']:.1f} s "
            f"| {size:.0f} MB |"
        )
    return "\n".join(lines)


def installed_mb(environment: Path, name: str) -> float:
    """Size of the distributions that a program needs, as they lie in ``environment``, in 10^6 bytes."""
    (site,) = environment.glob("lib/python*/site-packages")
    by_name = {_plain(each.name): each for each in map(PathDistribution, site.glob("*.dist-info"))}
    starts = {OURS: ["fer-edge"], "fer": ["fer"], "tutorial": ["tensorflow", "opencv-contrib-python"]}
    wanted = starts.get(name, ["ai-edge-litert", "opencv-python-headless"])
    seen: set[str] = set()
    while wanted:
        each = _plain(wanted.pop())
        if each not in seen and each in by_name:
            seen.add(each)
            wanted += _needed(by_name[each])
    return (
        sum(_size(file) for each in seen for file in by_name[each].files or () if "__pycache__" not in str(file)) / 1e6
    )


def _needed(distribution: Distribution) -> list[str]:
    from packaging.requirements import Requirement

    needed = map(Requirement, distribution.requires or ())
    return [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _size(file: Any) -> int:
    path = Path(file.locate())
    return path.stat().st_size if path.suffix != ".pyc" and path.is_file() else 0


if __name__ == "__main__":
    main()
