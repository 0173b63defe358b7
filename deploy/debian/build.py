"""``make deb``: the Debian packages, the wheel and their checksums, made from the sources and the locks.

Nothing runs on the target's processor and pip runs only here: the wheels that the lock names for the target are
downloaded, checked against their hashes and unpacked. The same sources make the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.debian.archive import write_deb
from deploy.debian.bill import bill, distributions, licence_of
from deploy.debian.manual import completions, manual
from edge import __version__
from quantize.sign import sign

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SOURCES = ("edge", "train", "quantize", "deploy", "systemd", "requirements", "pyproject.toml", "README.md", "LICENSE")
APP = Path("usr/lib/fer-edge/app")
DOC = Path("usr/share/doc/fer-edge")
MODES = {"etc/fer-edge/fer-edge.toml": 0o640}
EXAMPLES = ("fer-edge.toml", "broker", "dashboard", "grafana", "home-assistant")
# The GPU driver of the runtime, its converters and plugins for other chips, 25 MB that the daemon never opens, and the
# command line of segno.
UNUSED = (
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
    "ai_edge_litert/aot",
    "ai_edge_litert/tools",
    "ai_edge_litert/vendors",
    "segno/cli.py",
)


@dataclass(frozen=True)
class Suite:
    """A release of Debian and Raspberry Pi OS: its name, Python 3.x, and glibc 2.x."""

    name: str
    python: int
    glibc: int


SUITES = {suite.name: suite for suite in (Suite("bookworm", 11, 36), Suite("trixie", 13, 41))}
MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}


def main(arguments: list[str] | None = None) -> int:
    """Make what the options ask for, by default everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=SUITES, action="append", help="only this release (default: all)")
    parser.add_argument("--architecture", choices=MACHINES, action="append", help="only this one (default: all)")
    parser.add_argument("--key", type=Path, help="Ed25519 private key (PEM) that signs SHA256SUMS")
    parser.add_argument("--preset", type=int, default=6, help="how hard xz compresses, 0 to 9 (default: 6)")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where the packages go (default: dist)")
    options = parser.parse_args(arguments)
    options.dist.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        _say("building the wheel of the daemon")
        wheel, time_s = build_wheel(Path(work))
        shutil.copy2(wheel, options.dist)
        made = [options.dist / wheel.name]
        for suite in options.suite or SUITES:
            for architecture in options.architecture or MACHINES:
                made += build_deb(SUITES[suite], architecture, wheel, time_s, options.preset, Path(work), options.dist)
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(made))
    (options.dist / "SHA256SUMS").write_text(sums, "utf-8")
    if options.key:
        sign(options.dist / "SHA256SUMS", options.key)
    _say(f"done, in {options.dist}:")
    for path in made:
        sys.stdout.write(f"{path.stat().st_size / 1e6:6.1f} MB  {path}\n")
    return 0


def build_wheel(work: Path) -> tuple[Path, int]:
    """The wheel of a copy of the sources whose version names code and models, and the date of the sources.

    Built from a copy: a build/ folder of an earlier build would leak files that are gone into the wheel.
    """
    names = _sources()
    time_s = _date(names)
    source = work / "source"
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    models = [name for name in names if name.endswith(".tflite")]
    code = _digest(name for name in names if name not in models)
    stamp = datetime.fromtimestamp(time_s, UTC).strftime("%Y%m%d%H%M%S")
    # Letters, or a checksum of digits alone would lose its zeros in front (PEP 440).
    version = f"{__version__}+{stamp}.c{code}.m{_digest(models)}"
    module = source / "edge/__init__.py"
    module.write_text(module.read_text("utf-8").replace(f'"{__version__}"', f'"{version}"', 1), "utf-8")
    _run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--no-build-isolation", "--wheel-dir", str(work), str(source)),
        SOURCE_DATE_EPOCH=str(time_s),
    )
    (wheel,) = work.glob("fer_edge-*.whl")
    return wheel, time_s


def build_deb(
    suite: Suite, architecture: str, wheel: Path, time_s: int, preset: int, work: Path, dist: Path
) -> list[Path]:
    """The package and its bill of materials."""
    version = f"{wheel.name.split('-')[1]}~{suite.name}"
    root = work / f"{suite.name}-{architecture}"
    site = root / APP / "site"
    _say(f"{suite.name} {architecture}: downloading its libraries")
    wheels = download(suite, MACHINES[architecture])
    for each in wheels:
        with zipfile.ZipFile(each) as archive:
            archive.extractall(site)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site, [name for name in archive.namelist() if name.startswith("edge/")])
    for name in (*UNUSED, *(path.name for path in site.glob("*.data"))):
        path = site / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    _lay_out(root, suite)
    _document(root, version, suite, time_s)
    materials = dist / f"fer-edge_{version}_{architecture}.cdx.json"
    materials.write_text(bill(version, site, wheels), "utf-8")
    control = {path.name: path.read_bytes() for path in (HERE / "control").iterdir()}
    fields = {"glibc": suite.glibc, "version": version, "architecture": architecture, "suite": suite.name.capitalize()}
    pythons = {"python": f"3.{suite.python}", "next_python": f"3.{suite.python + 1}"}
    control["control"] = control["control"].decode().format(**fields, **pythons).encode()
    package = dist / f"fer-edge_{version}_{architecture}.deb"
    _say(f"{suite.name} {architecture}: compressing, which takes the longest")
    write_deb(package, control, root, MODES, time_s, preset)
    return [package, materials]


def download(suite: Suite, machine: str) -> list[Path]:
    """The wheels of the suite's lock for a kind of processor, kept in build/wheels; pip checks their hashes."""
    folder = ROOT / "build/wheels" / f"{suite.name}-{machine}"
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(suite.glibc, 16, -1)] + [f"manylinux2014_{machine}"]
    shutil.rmtree(folder, ignore_errors=True)
    _run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary=:all:", f"--python-version=3.{suite.python}", *(f"--platform={tag}" for tag in tags)),
        *("--require-hashes", "-r", str(ROOT / f"requirements/deb-{suite.name}.lock.txt"), "--dest", str(folder)),
    )
    return sorted(folder.glob("*.whl"))


def _lay_out(root: Path, suite: Suite) -> None:
    """Everything but the Python code and the documentation."""
    units = root / "usr/lib/systemd/system"
    for unit in sorted((ROOT / "systemd").glob("fer-edge*.*")):
        _copy(unit, units / unit.name)
    for name in ("fer-edge.service", "fer-edge@.service"):
        _copy(units / name, root / APP / "systemd" / name)
        if suite.python > 11:  # systemd 254 and later: Bookworm has 252
            _copy(ROOT / "systemd/restart.conf", units / f"{name}.d" / "restart.conf")
    _link("../fer-edge-prove.service", units / "multi-user.target.wants/fer-edge-prove.service")
    _link("../fer-edge-resolver.path", units / "multi-user.target.wants/fer-edge-resolver.path")
    rules = ROOT / "systemd/60-fer-edge-coral.rules"
    _copy(rules, root / "usr/lib/udev/rules.d" / rules.name)
    for program in sorted((HERE / "bin").iterdir()):
        _copy(program, root / APP / "bin" / program.name)
    _link("app", root / APP.parent / "current")
    _link("../lib/fer-edge/current/bin/fer-edge", root / "usr/bin/fer-edge")
    _copy(HERE / "fer-edge.toml", root / "etc/fer-edge/fer-edge.toml")


def _document(root: Path, version: str, suite: Suite, time_s: int) -> None:
    """Manual page, completions, licences, changelog, examples and the dashboard page."""
    _pack(root / "usr/share/man/man1/fer-edge.1.gz", manual(version, time_s))
    completion = root / "usr/share/bash-completion/completions/fer-edge"
    completion.parent.mkdir(parents=True)
    completion.write_text(completions("bash"), "utf-8")
    zsh = root / "usr/share/zsh/vendor-completions/_fer-edge"
    zsh.parent.mkdir(parents=True)
    zsh.write_text(completions("zsh"), "utf-8")
    _copy(HERE / "lintian-overrides", root / "usr/share/lintian/overrides/fer-edge")
    date = datetime.fromtimestamp(time_s, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    author = "fer-edge maintainers <maintainers@fer-edge.invalid>"
    entry = f"fer-edge ({version}) {suite.name}; urgency=medium\n\n  * See NEWS.gz.\n\n -- {author}  {date}\n"
    _pack(root / DOC / "changelog.gz", entry)
    _pack(root / DOC / "NEWS.gz", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    _copy(ROOT / "README.md", root / DOC / "README.md")
    (root / DOC / "copyright").write_text(_copyright(root / APP / "site"), "utf-8")
    for drop_in in ("mqtt-password.conf", "pause-button.conf"):
        _copy(ROOT / "systemd" / drop_in, root / DOC / "examples/systemd" / drop_in)
    for name in EXAMPLES:
        source, target = ROOT / "deploy" / name, root / DOC / "examples" / name
        if source.is_dir():
            shutil.copytree(source, target, copy_function=shutil.copyfile)
        else:
            _copy(source, target)


def _copyright(site: Path) -> str:
    """Debian's machine-readable copyright file; the libraries' own licence files lie beside them."""
    licence = (ROOT / "LICENSE").read_text("utf-8")
    owner = licence.splitlines()[2].removeprefix("Copyright (c) ")
    terms = "\n".join(f" {line}" if line else " ." for line in licence.splitlines()[4:])
    stanzas = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: fer-edge",
        f"Files: *\nCopyright: {owner}\nLicense: MIT\n{terms}",
    ]
    for metadata in distributions(site):
        name = metadata["Name"]
        folder = re.sub(r"[-.]+", "_", name)
        author = metadata["Author"] or metadata["Author-Email"] or metadata["Maintainer"] or f"the {name} authors"
        stanzas.append(
            f"Files: {APP}/site/{folder}-*\nCopyright: {' '.join(author.split())}\nLicense: {licence_of(metadata)}\n"
            f" {name} {metadata['Version']}; its licence is in {APP}/site/{folder}-{metadata['Version']}.dist-info."
        )
    return "\n\n".join(stanzas) + "\n"


def _sources() -> list[str]:
    """The files that git knows or would add, below SOURCES; without git, all."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return sorted(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())
    found = [path for name in SOURCES for path in [ROOT / name, *(ROOT / name).rglob("*")]]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.is_file() and path.suffix != ".pyc")


def _date(names: Iterable[str]) -> int:
    """When the sources last changed: the commit's date, or that of the newest file that differs from it.

    It orders the versions, so that a build of changed sources, or with other models, is always an upgrade.
    """
    status = ["git", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *SOURCES]
    listed = subprocess.run(status, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        return max(int((ROOT / name).stat().st_mtime) for name in names)
    commit = _run("git", "log", "-1", "--format=%ct")
    changed = [ROOT / entry[3:] for entry in listed.stdout.split("\0") if entry]
    return max([int(commit), *(int(path.stat().st_mtime) for path in changed if path.is_file())])


def _digest(names: Iterable[str]) -> str:
    """Seven hexadecimal digits of the files' names and contents."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0".encode() + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return digest.hexdigest()[:7]


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def _say(step: str) -> None:
    sys.stderr.write(f"make deb: {step}\n")
    sys.stderr.flush()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _link(target: str, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


def _pack(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    sys.exit(main())
