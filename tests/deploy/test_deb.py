"""The Debian packages of ``make deb``, opened again; tests/acceptance installs them."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.debian.archive import write_deb

ROOT = Path(__file__).parents[2]
SITE = "./usr/lib/fer-edge/app/site"
DOC = "./usr/share/doc/fer-edge"


@dataclass(frozen=True)
class Deb:
    """A package: its file, its control files, and what it installs by path."""

    path: Path
    control: dict[str, bytes]
    members: dict[str, tarfile.TarInfo]
    files: dict[str, bytes]


def unpacked(path: Path) -> Deb:
    """The package as ar(5) and tar read it, without dpkg."""
    content, offset, parts = path.read_bytes(), 8, {}
    while offset < len(content):
        name, size = content[offset : offset + 16].decode().strip(), int(content[offset + 48 : offset + 58])
        parts[name] = content[offset + 60 : offset + 60 + size]
        offset += 60 + size + size % 2
    read = {}
    for name in ("control", "data"):
        with tarfile.open(fileobj=io.BytesIO(parts[f"{name}.tar.xz"])) as archive:
            members = {member.name: member for member in archive.getmembers()}
            opened = {member.name: archive.extractfile(member) for member in members.values() if member.isfile()}
            read[name] = members, {key: file.read() for key, file in opened.items() if file is not None}
    control = {key.removeprefix("./"): value for key, value in read["control"][1].items()}
    return Deb(path, control, *read["data"])


def build(folder: Path, *options: str) -> list[Path]:
    command: list[str | Path] = [sys.executable, "-m", "deploy.debian.build", "--preset=0", "--dist", folder, *options]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "release.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
    return path


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(folder, "--architecture=arm64", "--key", str(key))
    return folder


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def deb(request: pytest.FixtureRequest, dist: Path) -> Deb:
    (path,) = dist.glob(f"*~{request.param}_arm64.deb")
    return unpacked(path)


def test_the_same_sources_make_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    again = build(tmp_path, "--architecture=arm64", "--suite=bookworm")

    made = {path.name: path.read_bytes() for path in dist.iterdir()}
    assert len(again) == 4  # package, its bill of materials, wheel, checksums
    assert not [path.name for path in again if path.name != "SHA256SUMS" and made[path.name] != path.read_bytes()]


def test_every_library_is_built_for_the_target(deb: Deb) -> None:
    libraries = {name: content for name, content in deb.files.items() if re.search(r"\.so[.\d]*$", name)}

    assert any("cv2" in name for name in libraries)
    # e_machine of the ELF header, 183: AArch64
    assert {int.from_bytes(content[18:20], "little") for content in libraries.values()} == {183}


def test_the_package_has_the_daemon_and_no_training_code(deb: Deb) -> None:
    folders = {name.split("/")[6] for name in deb.files if name.startswith(f"{SITE}/")}

    assert {"edge", "cv2", "msgspec", "paho", "rich"} <= folders
    assert not folders & {"train", "quantize", "tests", "deploy", "numpy", "tensorflow"}
    assert f"{SITE}/edge/models/model.tflite" in deb.files
    assert f"{SITE}/edge/media/astronaut.mp4" in deb.files


def test_the_version_names_code_and_models_and_the_daemon_says_it(deb: Deb) -> None:
    control = deb.control["control"].decode()

    version = re.search(r"^Version: (\d+\.\d+\.\d+\+\d{14}\.c[0-9a-f]{7}\.m[0-9a-f]{7})~[a-z]+$", control, re.MULTILINE)

    assert version is not None, control
    assert f'__version__ = "{version[1]}"'.encode() in deb.files[f"{SITE}/edge/__init__.py"]


def test_a_rebuilt_package_with_another_model_has_a_higher_version(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    shutil.copytree(ROOT / "deploy/debian", copy / "deploy/debian", dirs_exist_ok=True)
    wheel = (
        "import sys; from pathlib import Path; from deploy.debian.build import build_wheel; "
        "print(build_wheel(Path(sys.argv[1]))[0])"
    )

    def version() -> str:
        command = [sys.executable, "-c", wheel, tempfile.mkdtemp(dir=tmp_path)]
        return Path(subprocess.check_output(command, cwd=copy, text=True).strip()).name.split("-")[1]

    before = version()
    with (copy / "edge/models/model.tflite").open("ab") as model:
        model.write(b"another")

    after = version()

    assert after.split(".")[:3] > before.split(".")[:3]
    assert after.split(".")[3:] != before.split(".")[3:]


def test_the_configuration_is_a_conffile_that_only_its_group_reads(deb: Deb) -> None:
    assert deb.control["conffiles"] == b"/etc/fer-edge/fer-edge.toml\n"
    assert deb.members["./etc/fer-edge/fer-edge.toml"].mode == 0o640


def test_everything_belongs_to_root_and_programs_alone_are_executable(deb: Deb) -> None:
    files = [member for member in deb.members.values() if member.isfile()]

    assert {(member.uid, member.gid) for member in deb.members.values()} == {(0, 0)}
    assert {member.name for member in files if member.mode & 0o111} == {
        f"./usr/lib/fer-edge/app/bin/{name}" for name in ("allow-resolver", "fer-edge", "prove")
    }


def test_the_package_brings_manual_completion_licences_examples_and_the_dashboard_page(deb: Deb) -> None:
    expected = [
        "./usr/share/man/man1/fer-edge.1.gz",
        "./usr/share/bash-completion/completions/fer-edge",
        "./usr/share/zsh/vendor-completions/_fer-edge",
        "./usr/lib/udev/rules.d/60-fer-edge-coral.rules",
        "./usr/lib/systemd/system/fer-edge.service",
        "./usr/lib/systemd/system/fer-edge@.service",
        f"{DOC}/copyright",
        f"{DOC}/changelog.gz",
        f"{DOC}/examples/fer-edge.toml",
        f"{DOC}/examples/dashboard/index.html",
        f"{DOC}/examples/home-assistant/dashboard.yaml",
    ]

    assert not [name for name in expected if name not in deb.files]


def test_only_a_systemd_that_knows_growing_restart_delays_gets_them(deb: Deb) -> None:
    drop_in = "./usr/lib/systemd/system/fer-edge.service.d/restart.conf"

    assert (drop_in in deb.files) == ("trixie" in deb.path.name)


def test_the_bill_of_materials_lists_libraries_and_models_with_hash_and_licence(deb: Deb) -> None:
    document = json.loads(deb.path.with_suffix(".cdx.json").read_bytes())

    parts = {part["name"]: part for part in document["components"]}
    libraries = [part for part in parts.values() if part["type"] == "library"]
    models = [part for part in parts.values() if part["type"] == "machine-learning-model"]
    manifest = json.loads(deb.files[f"{SITE}/edge/models/model.json"])
    assert document["bomFormat"] == "CycloneDX"
    assert {"paho-mqtt", "opencv-python-headless"} <= parts.keys()
    assert all(part["hashes"] and part["licenses"] for part in libraries)
    assert parts[manifest["id"]]["hashes"] == [{"alg": "SHA-256", "content": manifest["sha256"]}]
    assert len(models) == sum(name.startswith(f"{SITE}/edge/models") and name.endswith(".tflite") for name in deb.files)


def test_checksums_are_right_and_openssl_accepts_their_signature(dist: Path, key: Path, tmp_path: Path) -> None:
    lines = [line.split() for line in (dist / "SHA256SUMS").read_text("utf-8").splitlines()]
    public = tmp_path / "release.pem"
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)

    verify: list[str | Path] = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        public,
        "-rawin",
        "-in",
        dist / "SHA256SUMS",
    ]
    verified = subprocess.run([*verify, "-sigfile", dist / "SHA256SUMS.sig"], capture_output=True, check=False)

    assert {name: digest for digest, name in lines} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in dist.iterdir()
        if not path.name.startswith("SHA256SUMS")
    }
    assert verified.returncode == 0, verified.stdout


def test_the_maintainer_scripts_are_shell_that_shellcheck_accepts(deb: Deb, tmp_path: Path) -> None:
    for name in ("postinst", "prerm", "postrm"):
        (tmp_path / name).write_bytes(deb.control[name])
    programs = [name for name in deb.files if name.startswith("./usr/lib/fer-edge/app/bin/")]
    for name in programs:
        (tmp_path / Path(name).name).write_bytes(deb.files[name])

    command: list[str | Path] = [Path(sys.executable).with_name("shellcheck"), *tmp_path.iterdir()]
    result = subprocess.run(command, capture_output=True, check=False)

    assert result.returncode == 0, result.stdout.decode()


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs the program dpkg-deb")
def test_dpkg_reads_what_was_written_without_it(deb: Deb) -> None:
    read = subprocess.run(["dpkg-deb", "--contents", deb.path], capture_output=True, text=True, check=True).stdout

    assert len(read.splitlines()) == len(deb.members)


@pytest.mark.skipif(shutil.which("lintian") is None, reason="needs the program lintian")
def test_lintian_finds_nothing_that_is_not_explained(deb: Deb) -> None:
    result = subprocess.run(["lintian", "--allow-root", deb.path], capture_output=True, text=True, check=False)

    assert result.stdout == ""


@pytest.mark.skipif(shutil.which("man") is None, reason="needs the program man")
def test_the_manual_page_is_what_man_can_show(deb: Deb, tmp_path: Path) -> None:
    page = tmp_path / "fer-edge.1.gz"
    page.write_bytes(deb.files["./usr/share/man/man1/fer-edge.1.gz"])

    shown = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, check=True)

    assert shown.stderr == ""
    assert "fer-edge simulate" in shown.stdout


def test_a_package_of_odd_and_even_members_is_an_ar_file(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr").mkdir(parents=True)
    (root / "usr/odd").write_bytes(b"odd")

    write_deb(tmp_path / "a.deb", {"control": b"Package: a\nDepends: b\n"}, root, {"usr/odd": 0o600}, 0)

    deb = unpacked(tmp_path / "a.deb")
    assert deb.files["./usr/odd"] == b"odd"
    assert deb.members["./usr/odd"].mode == 0o600
    assert b"Installed-Size: 2\n" in deb.control["control"]
