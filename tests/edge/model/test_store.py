"""Installed models: what is taken out of an archive, which one is current, and when it has to give way."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from edge.errors import ConfigError, ModelError
from edge.model import store as stores
from edge.model.manifest import Manifest
from edge.model.store import Store, unpacked
from edge.model.trial import ATTEMPTS, Trial
from edge.vision.classifier import load_release
from edge.vision.detector.builtin import load_detector
from tests.support.paths import TINY

NAMES = ["model.json", "model.tflite"]
REFINER_NAMES = [f"refiner/{name}" for name in NAMES]


@pytest.fixture
def manifest() -> Manifest:
    return load_release(TINY / "grey").manifest


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store("classifier", tmp_path / "models")


def archive(path: Path, *members: tuple[str, bytes], mode: Literal["w", "w:gz", "w:xz"] = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_an_archive_is_unpacked_whatever_packed_it_and_in_whichever_folder(
    tmp_path: Path, mode: Literal["w", "w:gz", "w:xz"]
) -> None:
    members = [(f"release/{name}", (TINY / "grey" / name).read_bytes()) for name in NAMES]
    packed = archive(tmp_path / "model.tar", *members, ("release/notes.txt", b"x"), mode=mode)

    with unpacked(packed) as folder:
        assert names(folder) == NAMES
        assert load_release(folder).manifest.id == "grey"


@pytest.mark.parametrize("folder", ["", "release/", "./"])
@pytest.mark.parametrize("refiner_first", [True, False])
def test_a_detector_is_unpacked_with_its_refiner(tmp_path: Path, folder: str, refiner_first: bool) -> None:
    members = [(f"{folder}{name}", (TINY / "refined" / name).read_bytes()) for name in (*NAMES, *REFINER_NAMES)]
    packed = archive(tmp_path / "model.tar", *(reversed(members) if refiner_first else members))

    for source in (packed, TINY / "refined"):
        with unpacked(source) as release:
            assert names(release) == sorted([*NAMES, *NAMES, "refiner"])
            assert load_detector(release).refiner == load_detector(TINY / "refined").refiner


def test_nothing_is_written_beside_the_folder_and_no_link_is_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    path = archive(tmp_path / "model.tar", ("../../model.json", b"{}"), ("model.tflite", b"x"))
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("model.json.sig")
        link.type, link.linkname = tarfile.SYMTYPE, str(victim)
        tar.addfile(link)

    with unpacked(path) as folder:
        assert names(folder) == NAMES

    assert victim.read_text() == "untouched"


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x1f\x8b\x08\x00nothing"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.tar").write_bytes(content)

    with pytest.raises(ModelError, match="is not a whole tar archive"), unpacked(tmp_path / "model.tar"):
        pass


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_half_an_archive_is_refused(tmp_path: Path, mode: Literal["w", "w:gz", "w:xz"]) -> None:
    path = archive(tmp_path / "model.tar", *[(name, os.urandom(5000)) for name in NAMES], mode=mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(ModelError), unpacked(path):
        pass


def test_an_archive_without_a_model_says_what_is_expected(tmp_path: Path) -> None:
    path = archive(tmp_path / "model.tar", ("model.json", b"{}"))

    with pytest.raises(ModelError, match=r"holds no model\.tflite and model\.json; expected"), unpacked(path):
        pass


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MAX_BYTES", 100_000)
    path = archive(tmp_path / "model.tar.gz", ("model.tflite", b"\0" * 1_000_000), mode="w:gz")
    assert path.stat().st_size < 100_000

    with pytest.raises(ModelError, match="more than 100000 bytes"), unpacked(path):
        pass


def test_an_absent_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.tar: cannot be read"), unpacked(tmp_path / "absent.tar"):
        pass


@pytest.mark.parametrize("name", ["", "https://models.example/mine.tar"])
def test_an_archive_and_the_file_in_it_are_named_as_the_user_does(tmp_path: Path, name: str) -> None:
    members = [("release/model.json", (TINY / "grey" / "model.json").read_bytes()), ("release/model.tflite", b"x")]
    path = archive(tmp_path / "mine.tar", *members)

    with pytest.raises(ModelError) as caught, unpacked(path, name) as folder:
        load_release(folder)

    assert str(caught.value).startswith(f"model {name or path}/model.tflite: sha256 of its 1 bytes is ")


def test_one_current_and_one_previous_release_are_kept(store: Store, manifest: Manifest) -> None:
    first = store.adopt(TINY / "grey", manifest)
    second = store.adopt(TINY / "grey", manifest)
    third = store.adopt(TINY / "grey", manifest)

    assert (store.current, store.previous) == (third, second)
    assert not first.exists()
    assert len({first, second, third}) == 3


def test_a_rollback_goes_to_the_release_before_and_at_last_to_the_package(store: Store, manifest: Manifest) -> None:
    first = store.adopt(TINY / "grey", manifest)

    assert store.roll_back() is None
    assert (store.current, store.previous) == (None, first)
    assert store.roll_back() == first
    assert store.current == first


def test_a_release_that_failed_is_not_gone_back_to(store: Store, manifest: Manifest) -> None:
    first = store.adopt(TINY / "grey", manifest)
    store.adopt(TINY / "grey", manifest)

    store.give_up()
    assert (store.current, store.previous, store.can_roll_back) == (first, None, True)
    store.give_up()
    assert (store.current, store.can_roll_back) == (None, False)


def test_without_an_installed_model_there_is_nothing_to_go_back_to(store: Store) -> None:
    with pytest.raises(ModelError, match="none to go back to"):
        store.roll_back()


@pytest.mark.row(35, "an older signed release")
def test_a_release_that_was_packed_earlier_is_refused_also_after_a_rollback(store: Store, manifest: Manifest) -> None:
    store.adopt(TINY / "grey", replace(manifest, counter=7))
    store.roll_back()

    store.refuse_older(replace(manifest, counter=7))
    with pytest.raises(ModelError, match="its counter is 6, and 7 was installed before"):
        store.refuse_older(replace(manifest, counter=6))
    with pytest.raises(ModelError, match="its counter is 0"):
        store.refuse_older(manifest)


def test_a_power_cut_while_a_release_is_copied_leaves_the_one_before(store: Store, manifest: Manifest) -> None:
    first = store.adopt(TINY / "grey", manifest)
    half = first.with_name("0002-abc")
    half.mkdir()

    assert store.current == first
    assert store.adopt(TINY / "grey", manifest).name.startswith("0003-")


def test_everybody_can_read_what_root_installed(store: Store, manifest: Manifest) -> None:
    before = os.umask(0o077)
    try:
        with unpacked(TINY / "refined") as folder:
            installed = store.adopt(folder, manifest)
    finally:
        os.umask(before)

    for path in (installed, installed / "refiner", installed.parent, installed.parent.parent):
        assert path.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in installed.rglob("model*")} == {0o644}


def test_a_home_folder_that_may_not_be_entered_holds_no_models(tmp_path: Path) -> None:
    (tmp_path / "models" / "classifier").mkdir(parents=True)
    (tmp_path / "models").chmod(0)
    as_anybody = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    program = "import sys, pathlib; from edge.model.store import Store; "
    program += "store = Store('classifier', pathlib.Path(sys.argv[1])); print(store.current, store.can_roll_back)"

    told = subprocess.run(
        [*as_anybody, sys.executable, "-c", program, tmp_path / "models"], capture_output=True, text=True, check=False
    )
    (tmp_path / "models").chmod(0o755)

    assert (told.stdout, told.stderr) == ("None False\n", "")


class TestTrial:
    """Of two releases, of which the second is new."""

    @pytest.fixture
    def old(self, store: Store, manifest: Manifest) -> Path:
        return store.adopt(TINY / "grey", manifest)

    @pytest.fixture
    def new(self, old: Path, store: Store, manifest: Manifest) -> Path:
        return store.adopt(TINY / "grey", manifest)

    @pytest.fixture
    def state(self, tmp_path: Path) -> Path:
        return tmp_path / "model-trial.json"

    def test_a_release_that_proved_itself_stays(self, store: Store, new: Path, state: Path) -> None:
        Trial(store, state).prove()

        assert [Trial(store, state).release for _ in range(ATTEMPTS + 1)] == [new] * (ATTEMPTS + 1)

    def test_one_that_never_does_gives_way_to_the_one_before(
        self, store: Store, old: Path, new: Path, state: Path
    ) -> None:
        starts = [Trial(store, state) for _ in range(ATTEMPTS + 2)]

        assert [trial.release for trial in starts] == [new] * ATTEMPTS + [old] * 2
        assert [trial.failed for trial in starts] == [None] * ATTEMPTS + [new] * 2

    def test_the_release_in_the_package_is_the_one_before_the_first(self, store: Store, old: Path, state: Path) -> None:
        starts = [Trial(store, state).release for _ in range(ATTEMPTS + 1)]

        assert starts == [old] * ATTEMPTS + [None]

    def test_a_start_that_a_person_ended_does_not_count(self, store: Store, new: Path, state: Path) -> None:
        for _ in range(2 * ATTEMPTS):
            trial = Trial(store, state)
            trial.stop()

        assert (trial.release, trial.failed) == (new, None)

    def test_one_that_cannot_be_opened_gives_way_at_once(self, store: Store, old: Path, new: Path, state: Path) -> None:
        trial = Trial(store, state)

        assert trial.refuse()
        assert (trial.release, trial.failed) == (old, new)
        assert Trial(store, state).release == old

    def test_one_that_had_proved_itself_is_not_given_up_for_an_error_today(
        self, store: Store, new: Path, state: Path
    ) -> None:
        Trial(store, state).prove()

        assert not Trial(store, state).refuse()

    def test_the_same_model_installed_again_is_a_new_trial(
        self, store: Store, new: Path, state: Path, manifest: Manifest
    ) -> None:
        for _ in range(ATTEMPTS + 1):
            Trial(store, state)
        again = store.adopt(TINY / "grey", manifest)

        assert Trial(store, state).release == again

    @pytest.mark.parametrize("content", [b"", b"[]", b'{"classifier": 1}', b'{"classifier": {"name": 1}}', b"\xff"])
    def test_a_damaged_count_begins_anew(self, store: Store, new: Path, state: Path, content: bytes) -> None:
        state.write_bytes(content)

        assert [Trial(store, state).release for _ in range(ATTEMPTS)] == [new] * ATTEMPTS

    def test_without_a_state_folder_there_is_no_trial(self, store: Store, new: Path) -> None:
        trial = Trial(store, None)

        assert (trial.release, trial.refuse()) == (new, False)

    def test_a_folder_that_cannot_be_written_does_not_stop_the_daemon(
        self, store: Store, new: Path, tmp_path: Path
    ) -> None:
        shutil.rmtree(tmp_path / "none", ignore_errors=True)

        assert Trial(store, tmp_path / "none" / "model-trial.json").release == new
