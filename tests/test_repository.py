"""What README, Makefile, locks and packaging promise, held against each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import edge

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MAKE = re.compile(r"(?:`|^)make ([a-z-]+)", re.MULTILINE)
"""A make command in a code span, or at the beginning of a line of a code block."""
LOCKS = sorted((ROOT / "requirements").glob("*.lock.txt"))
LAPTOP = {
    "sys_platform": "linux",
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "platform_machine": "x86_64",
}
BOOKWORM_PI = {"python_version": "3.11", "python_full_version": "3.11.2", "platform_machine": "aarch64"}
TRIXIE_PI = {"python_version": "3.13", "python_full_version": "3.13.5", "platform_machine": "aarch64"}


def project_files(*patterns: str) -> list[Path]:
    """Files that are or may be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("needs a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def locked(name: str, machine: dict[str, str]) -> dict[str, str]:
    """Versions that the lock chooses on ``machine``."""
    text = (ROOT / "requirements" / f"{name}.lock.txt").read_text("utf-8")
    pins = [Requirement(line.rstrip(" \\")) for line in re.findall(r"^[a-z].*", text, re.MULTILINE)]
    chosen = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(machine)]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in chosen}


def test_every_make_target_in_the_documentation_exists() -> None:
    pages = project_files("*.md")

    named = {target for page in pages for target in MAKE.findall(page.read_text("utf-8"))}

    assert {"demo", "test"} <= named
    assert named <= make_targets()


def test_make_help_explains_every_target() -> None:
    shown = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout

    explained = set(re.findall(r"^  make ([a-z-]+) {2,}\S", shown, re.MULTILINE))
    assert explained == make_targets() - {"have-data", "have-run"}


def test_every_relative_link_of_the_documentation_resolves() -> None:
    pages = project_files("*.md")

    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))]

    assert not [
        f"{page.name}: {link}" for page, link in links if "://" not in link and not (page.parent / link).exists()
    ]


def test_no_file_names_a_home_folder() -> None:
    home = re.compile(rb"/(?:home|Users)/[a-z]|/" + rb"root/")

    assert not [path.name for path in project_files() if home.search(path.read_bytes())]


def test_the_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")

    versions = re.findall(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)

    assert versions[0] == edge.__version__


def test_the_package_list_names_every_package() -> None:
    sources = project_files("edge/*.py", "train/*.py", "quantize/*.py")

    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in sources if path.name == "__init__.py"}

    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == folders


@pytest.mark.parametrize("machine", [LAPTOP, BOOKWORM_PI, TRIXIE_PI], ids=["laptop", "Bookworm", "Trixie"])
def test_the_daemon_alone_needs_no_tensorflow(machine: dict[str, str]) -> None:
    asked = [Requirement(line) for line in distribution("fer-edge").requires or ()]

    plain = {each.name for each in asked if each.marker is None or each.marker.evaluate(machine | {"extra": ""})}

    assert "paho-mqtt" in plain
    assert not plain & {"tensorflow", "keras", "rich", "amqtt"}


@pytest.mark.parametrize(("lock", "machine"), [("deb-bookworm", BOOKWORM_PI), ("deb-trixie", TRIXIE_PI)])
def test_the_packages_carry_what_was_tested_but_numpy_and_nothing_for_training(
    lock: str, machine: dict[str, str]
) -> None:
    carried = locked(lock, machine)
    extras = PYPROJECT["project"]["optional-dependencies"]
    asked = map(Requirement, [*PYPROJECT["project"]["dependencies"], *extras["button"], *extras["watch"]])
    needed = {each.name for each in asked if each.marker is None or each.marker.evaluate(machine)}

    assert carried.items() <= locked("demo", machine).items()
    assert needed - {"numpy"} <= carried.keys()
    assert not carried.keys() & {"numpy", "tensorflow", "keras", "amqtt"}


@pytest.mark.parametrize(
    ("machine", "runtime", "numpy"),
    [
        pytest.param(LAPTOP, "ai-edge-litert", "2.", id="laptop"),
        pytest.param(BOOKWORM_PI, "tflite-runtime", "1.24.2", id="Bookworm as in its apt"),
        pytest.param(TRIXIE_PI, "ai-edge-litert", "2.2.4", id="Trixie as in its apt"),
    ],
)
def test_each_machine_gets_one_runtime_and_the_numpy_that_suits_it(
    machine: dict[str, str], runtime: str, numpy: str
) -> None:
    versions = locked("demo", machine)

    assert versions.keys() & {"ai-edge-litert", "tflite-runtime"} == {runtime}
    assert versions["numpy"].startswith(numpy)


@pytest.mark.parametrize(
    ("small", "large", "machine"),
    [("demo", "dev", LAPTOP), ("deb-bookworm", "demo", BOOKWORM_PI), ("deb-trixie", "demo", TRIXIE_PI)],
)
def test_what_is_tested_is_what_ships(small: str, large: str, machine: dict[str, str]) -> None:
    assert locked(small, machine).items() <= locked(large, machine).items()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_a_hash_for_every_package_and_names_no_index(lock: Path) -> None:
    text = lock.read_text("utf-8")

    pins = re.findall(r"^[a-z].*\n(?:    --hash=sha256:[0-9a-f]{64}.*\n)*", text, re.MULTILINE)

    assert pins
    assert not [pin.splitlines()[0] for pin in pins if "--hash" not in pin]
    assert "://" not in text
    assert "index-url" not in text
