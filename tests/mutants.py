"""What ``make mutants`` found, as docs/mutants.md: figures of each file, and every survivor with its reason.

The reasons are written by hand, below their survivor on that page, and are kept as long as the same change survives.
Ends with 1 if too few changes are noticed or a survivor has no reason.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from collections import Counter, defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import edge

PAGE = Path(__file__).parents[1] / "docs" / "mutants.md"
ENOUGH = 0.9
NO_REASON = "No reason yet."
CAUGHT = {"killed", "timeout", "segfault"}
_RESULT = re.compile(r"^ +(?P<name>(?P<module>[a-z_.]+)\.x(?P<function>\S+)__mutmut_\d+): (?P<status>[a-z ]+)$", re.M)
_SURVIVOR = re.compile(r"^- (?P<change>.+)\n  (?P<reason>.+)$", re.MULTILINE)

TEXT = """\
# Small changes that no test notices

`make mutants` changes the code that counts and delivers in every small way that
[mutmut](https://mutmut.readthedocs.io) knows: a number plus one, `<` for `<=`, `or` for `and`, None for a value. It
runs the tests that concern each file against every change. A change that fails no test survives and stands here with
the reason why it may. The target writes the figures and the changes; the reasons are written by hand. It fails with
less than {enough:.0%} noticed, or without a reason.

mutmut leaves properties, other decorated functions, constants of a module and fields of a dataclass as they are.

Version {version}, mutmut {mutmut}, Python {python}.

| file | changes | noticed | |
|---|---|---|---|
{rows}

## Survivors
{survivors}"""


@dataclass(frozen=True)
class Mutant:
    """One change: its file, what was changed, and what the tests made of it."""

    name: str
    file: str
    function: str
    status: str

    @property
    def caught(self) -> bool:
        return self.status in CAUGHT

    def change(self) -> str:
        """Function, and the code before and after."""
        lines = _mutmut("show", self.name).splitlines()
        before, after = (
            " ".join(line[1:].strip() for line in lines if line.startswith(sign) and line[1:2] != sign)
            for sign in ("-", "+")
        )
        return f"`{self.function}`: `{before}` becomes `{after}`"


def mutants() -> list[Mutant]:
    """All that the last run made.

    Raises:
        SystemExit: it was interrupted.
    """
    found = [
        Mutant(
            each["name"],
            each["module"].replace(".", "/") + ".py",
            each["function"].removeprefix("ǁ").removeprefix("_").replace("ǁ", "."),
            each["status"],
        )
        for each in _RESULT.finditer(_mutmut("results", "--all", "true"))
    ]
    if not found or "not checked" in {mutant.status for mutant in found}:
        sys.exit("mutants: the last run did not end; make mutants runs it again")
    return found


def page(found: list[Mutant], reasons: dict[str, str]) -> str:
    """docs/mutants.md."""
    total, caught = Counter(mutant.file for mutant in found), Counter(mutant.file for mutant in found if mutant.caught)
    rows = [(f"`{file}`", total[file], caught[file]) for file in sorted(total)]
    rows.append(("all", total.total(), caught.total()))
    survivors: defaultdict[str, list[str]] = defaultdict(list)
    for mutant in found:
        if not mutant.caught:
            change = mutant.change()
            survivors[mutant.file].append(f"- {change}\n  {reasons.get(change, NO_REASON)}\n")
    return TEXT.format(
        enough=ENOUGH,
        version=edge.__version__,
        mutmut=version("mutmut"),
        python=".".join(map(str, sys.version_info[:2])),
        rows="\n".join(f"| {file} | {made} | {noticed} | {noticed / made:.0%} |" for file, made, noticed in rows),
        survivors="".join(f"\n### {file}\n\n" + "".join(survivors[file]) for file in sorted(survivors)),
    )


def _mutmut(*arguments: str) -> str:
    program = Path(sysconfig.get_path("scripts"), "mutmut")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Write the page; its last sentence is the exit status where something is to be done."""
    found = mutants()
    known = PAGE.read_text("utf-8") if PAGE.exists() else ""
    reasons = {survivor["change"]: survivor["reason"] for survivor in _SURVIVOR.finditer(known)}
    text = page(found, reasons)
    PAGE.write_text(text, "utf-8")
    share = sum(mutant.caught for mutant in found) / len(found)
    if share < ENOUGH:
        sys.exit(f"mutants: {share:.1%} of {len(found)} changes were noticed, expected {ENOUGH:.0%}; see {PAGE}")
    if NO_REASON in text:
        sys.exit(f"mutants: a survivor has no reason; write a test that notices it, or the reason into {PAGE}")


if __name__ == "__main__":
    main()
