"""The models that ``fer-edge model install`` put on this machine: one current, the one before it, and no third.

A folder for each part of the daemon (classifier, detector) holds the releases, and two links to them, ``current`` and
``previous``. Without ``current`` the release in the package runs. Whoever reads follows a link once; whoever writes
replaces it, so that there is always one model or the other. ``highest`` holds the highest counter that was ever
installed: a release that was signed earlier is refused, because it may have been replaced for a reason.
"""

from __future__ import annotations

import io
import lzma
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Literal, TypeAlias

from edge.errors import ConfigError, FerEdgeError, ModelError
from edge.model.download import folders
from edge.model.manifest import Manifest
from edge.model.release import EDGETPU_FILE, MANIFEST_FILE, MODEL_FILE, REFINER_FOLDER
from edge.model.signature import SIGNATURE_FILE

Part: TypeAlias = Literal["classifier", "detector"]

REFINER_FILES = tuple(f"{REFINER_FOLDER}/{name}" for name in (MODEL_FILE, MANIFEST_FILE, EDGETPU_FILE))
FILES = (MODEL_FILE, MANIFEST_FILE, SIGNATURE_FILE, EDGETPU_FILE, *REFINER_FILES)
"""What is taken out of an archive or folder; all but the first two may be absent."""
MAX_BYTES = 64 * 2**20
"""Of an archive, and of everything in it: our models have less than 1 MB, and an Edge TPU holds 8."""
PACKAGED = "packaged"
"""Where ``previous`` leads if that was the release in the package."""


class Store:
    """The installed models of one part."""

    def __init__(self, part: Part, folder: Path) -> None:
        """``folder`` need not exist."""
        self.part: Part = part
        self._folder = folder / part

    @property
    def current(self) -> Path | None:
        """The release that was installed last; None for the one in the package."""
        return self._follow("current")

    @property
    def previous(self) -> Path | None:
        """The release that ran before it; None for the one in the package."""
        return self._follow("previous")

    @property
    def can_roll_back(self) -> bool:
        """Whether there was another before."""
        try:
            return (self._folder / "previous").is_symlink()
        except PermissionError:
            return False

    @property
    def highest(self) -> int:
        """The highest counter that was installed."""
        try:
            return int((self._folder / "highest").read_text("ascii"))
        except (OSError, ValueError):
            return 0

    def refuse_older(self, manifest: Manifest) -> None:
        """Refuse a release that was packed before one that is or was installed.

        Raises:
            ModelError: its counter is lower.
        """
        if manifest.counter < self.highest:
            raise ModelError(
                f"model {manifest.id}: its counter is {manifest.counter}, and {self.highest} was installed before; "
                "pack it again to go back to it, or use fer-edge model rollback"
            )

    def adopt(self, incoming: Path, manifest: Manifest) -> Path:
        """Make a checked folder of ``unpacked`` the current release; returns where it lies now."""
        number = 1 + max((int(path.name[:4]) for path in self._releases()), default=0)
        target = self._folder / f"{number:04}-{manifest.sha256[:12]}"
        before = self.current
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(incoming, target)
        # Whatever root's umask is, the service reads them.
        for folder in (self._folder.parent, self._folder, target, *target.glob("*/")):
            folder.chmod(0o755)
        (self._folder / "highest").write_text(f"{max(self.highest, manifest.counter)}\n", "ascii")
        self._link("previous", before.name if before else PACKAGED)
        self._link("current", target.name)
        for release in self._releases():
            if release not in (target, before):
                shutil.rmtree(release)
        return target

    def roll_back(self) -> Path | None:
        """Exchange current and previous; returns the release that is current now, None for the one in the package.

        Raises:
            ModelError: nothing was installed.
        """
        if not self.can_roll_back:
            raise ModelError(f"{self.part}: no model was installed before; there is none to go back to")
        before, after = self.current, self.previous
        self._link("previous", before.name if before else PACKAGED)
        if after is None:
            (self._folder / "current").unlink(missing_ok=True)
        else:
            self._link("current", after.name)
        return after

    def give_up(self) -> None:
        """Go back for good: the current release has failed. Before the one before it comes that in the package."""
        before = self.previous
        (self._folder / "previous").unlink(missing_ok=True)
        if before is None:
            (self._folder / "current").unlink(missing_ok=True)
        else:
            self._link("previous", PACKAGED)
            self._link("current", before.name)

    def _follow(self, name: str) -> Path | None:
        link = self._folder / name
        try:
            return link.resolve() if link.exists() else None
        except PermissionError:  # a home folder that the service's sandbox closes
            return None

    def _link(self, name: str, target: str) -> None:
        draft = self._folder / f".{name}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(target)
        draft.replace(self._folder / name)

    def _releases(self) -> list[Path]:
        return sorted(path.resolve() for path in self._folder.glob("[0-9][0-9][0-9][0-9]-*"))


def find_store(part: Part) -> Store:
    """The store that this user's daemon reads: the user's own if something was installed there, else the system's."""
    stores = [Store(part, folder / "models") for folder in folders()]
    return next((store for store in stores if store.current or store.can_roll_back), stores[-1])


def own_store(part: Part) -> Store:
    """The store that this user installs into."""
    return Store(part, folders()[0] / "models")


@contextmanager
def unpacked(source: Path, name: str = "") -> Iterator[Path]:
    """The files of a release, from a folder or a tar archive, in a folder that lasts as long as the context.

    Args:
        source: the folder or archive.
        name: what the user calls it, by default ``source``; errors say it, also those of what is done in the context.

    Raises:
        ModelError: it is not a release.
        ConfigError: it cannot be read.
    """
    name = name or str(source)
    with tempfile.TemporaryDirectory(prefix="fer-edge-model-") as folder:
        target = Path(folder, "release")
        target.mkdir(mode=0o755)
        try:
            _fill(target, source, name)
            yield target
        except FerEdgeError as error:
            raise type(error)(str(error).replace(str(target), name)) from error


def _fill(target: Path, source: Path, name: str) -> None:
    try:
        found = _copy_folder(source, target) if source.is_dir() else _unpack(source, target, name)
    except OSError as error:
        raise ConfigError(f"model {name}: cannot be read ({error.strerror or error})") from error
    if not {MODEL_FILE, MANIFEST_FILE} <= found:
        raise ModelError(
            f"model {name}: holds no {MODEL_FILE} and {MANIFEST_FILE}; expected an archive of fer-quantize pack, "
            "or a release folder"
        )


def _copy_folder(source: Path, target: Path) -> set[str]:
    found = {name for name in FILES if (source / name).is_file()}
    for name in found:
        with (source / name).open("rb") as file:
            _write(target / name, file)
    return found


def _unpack(source: Path, target: Path, called: str) -> set[str]:
    """Only regular files of the known names are taken, whatever folders and links the archive holds."""
    found: set[str] = set()
    with source.open("rb") as file:
        packed = file.read(MAX_BYTES + 1)
    try:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for member in archive:
                if member.size > MAX_BYTES or len(packed) > MAX_BYTES:
                    raise ModelError(f"model {called}: has more than {MAX_BYTES} bytes")
                path = PurePosixPath(member.name)
                name = f"{REFINER_FOLDER}/{path.name}" if path.parent.name == REFINER_FOLDER else path.name
                if name in FILES and member.isreg() and name not in found:
                    content = archive.extractfile(member)
                    assert content is not None
                    _write(target / name, content)
                    found.add(name)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ModelError(
            f"model {called}: is not a whole tar archive, as fer-quantize pack makes of a release folder"
        ) from error
    return found


def _write(path: Path, content: IO[bytes]) -> None:
    read = content.read(MAX_BYTES + 1)
    if len(read) > MAX_BYTES:
        raise ModelError(f"model {path}: has more than {MAX_BYTES} bytes")
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as file:
        file.write(read)
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())
