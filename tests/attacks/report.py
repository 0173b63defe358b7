"""Tries every attack and writes the table of docs/privacy.md and its picture: ``make attacks``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from tests.attacks.scenes import ATTACKS, POSTERS, Attack, Scene, Vector, after, before, guessing
from tests.support.page import replace_section

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"
PICTURE = PAGE.parent / "pictures" / "attacks.png"


def without_posters(attack: Attack) -> float:
    """The passer-by alone: posters are no people."""

    def publish(scene: Scene, *arguments: Any) -> list[Vector | None]:
        return after(scene[-1:], *arguments)

    return attack.recovered(publish)


def figures() -> list[tuple[str, float, float]]:
    """Each attack with the share of right guesses before and now."""
    rows = [(attack.name, attack.recovered(before), without_posters(attack)) for attack in POSTERS]
    return rows + [(attack.name, attack.recovered(before), attack.recovered(after)) for attack in ATTACKS]


def table(rows: list[tuple[str, float, float]]) -> str:
    """Markdown."""
    lines = [f"| {name} | {old:.0%} | {new:.0%} |" for name, old, new in rows]
    return "\n".join(["| attack | right before | right now |", "|---|---|---|", *lines]) + "\n"


def draw(rows: list[tuple[str, float, float]], guess: float) -> None:
    """Bars of before and now, and a line where guessing stands."""
    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.6), layout="constrained")
    places = np.arange(len(rows))[::-1]
    axes.barh(places + 0.2, [100 * old for _, old, _ in rows], 0.38, label="before", color="#c9ced6")
    axes.barh(places - 0.2, [100 * new for _, _, new in rows], 0.38, label="now", color="#2b8ccb")
    axes.axvline(100 * guess, color="#d1495b", linestyle="--", label="guessing")
    axes.set_yticks(places, [name for name, _, _ in rows])
    axes.set_xlabel("strongest emotion of the one person guessed right, %")
    axes.set_xlim(0, 100)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    figure.savefig(PICTURE, dpi=100)


def main() -> None:
    """Write both."""
    rows, guess = figures(), guessing()
    body = f"Guessing the commonest emotion is right in {guess:.0%} of the tries.\n\n{table(rows)}"
    replace_section(PAGE, "attacks", body)
    draw(rows, guess)


if __name__ == "__main__":
    main()
