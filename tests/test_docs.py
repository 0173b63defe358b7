"""The documentation: what is generated is current, and what it tells people to type exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from edge.commands.arguments import parse
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
TYPED = ("quickstart.md", "deploy.md", "models.md", "coral.md", "cameras.md", "preview.md")
"""Pages whose commands people type on a device."""
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_UNITS = ("fer-edge", "fer-edge-prove", "fer-edge@door")


def commands(page: str) -> list[str]:
    """The lines of a page's blocks of commands, without comments and ``sudo``."""
    blocks = [block for kind, block in _BLOCK.findall((DOCS / page).read_text("utf-8")) if not kind]
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
    return [line.removeprefix("sudo ") for line in lines if re.match(r"(sudo |\.venv/bin/)?[a-z-]+( |$)", line)]


def ours(program: str) -> list[tuple[str, list[str]]]:
    """Every use of one of our programs, with the page it stands on."""
    typed = [(page, shlex.split(line)) for page in TYPED for line in commands(page)]
    return [(page, line[1:]) for page, line in typed if line and Path(line[0]).name == program]


def test_the_reference_of_the_configuration_is_current(tmp_path: Path) -> None:
    subprocess.run([sys.executable, DOCS / "make_configuration.py", tmp_path / "made.md"], cwd=ROOT, check=True)

    assert (tmp_path / "made.md").read_text("utf-8") == (DOCS / "configuration.md").read_text("utf-8")


def test_every_key_of_the_configuration_has_a_sentence() -> None:
    page = (DOCS / "configuration.md").read_text("utf-8")

    keys = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)

    assert not [key for key in keys if not re.search(rf"^(`\w+`, )*`{key}`(, `\w+`)*: .", page, re.MULTILINE)]


@pytest.mark.parametrize(("page", "arguments"), ours("fer-edge"), ids=str)
def test_every_command_of_the_device_in_the_documentation_can_be_typed(page: str, arguments: list[str]) -> None:
    assert parse(arguments).command


def test_the_documentation_names_enough_commands() -> None:
    typed = {" ".join(arguments[:2]) if arguments[0] == "model" else arguments[0] for _, arguments in ours("fer-edge")}

    assert typed >= {"setup", "doctor", "watch", "notice", "model install", "model list", "model rollback"}


@pytest.mark.parametrize(("page", "arguments"), ours("fer-quantize"), ids=str)
def test_every_command_of_the_workstation_in_the_documentation_can_be_typed(page: str, arguments: list[str]) -> None:
    parser = pytest.importorskip("quantize.cli", reason="needs the workstation's half")._parser()

    assert parser.parse_args(arguments).command


@pytest.mark.parametrize("program", ["systemctl", "journalctl"])
def test_every_service_in_the_documentation_is_ours(program: str) -> None:
    named = [word for _, arguments in ours(program) for word in arguments if word.startswith("fer-edge")]

    assert set(named) <= set(_UNITS)


def test_every_page_of_the_site_exists_and_no_link_leads_nowhere() -> None:
    pytest.importorskip("mkdocs", reason="needs the packages of make setup")
    made = subprocess.run(
        [sys.executable, DOCS / "make_site.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert made.returncode == 0, made.stderr
    assert (ROOT / "build" / "site" / "README.html").is_file() or (ROOT / "build" / "site" / "index.html").is_file()
