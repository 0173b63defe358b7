"""A folder -> a ``.deb``, without dpkg-deb, so that a Mac can write one too.

A ``.deb`` is an ``ar`` file of three members: the format's version, the control files, and the files to install; see
deb(5). Owners, order and dates are fixed, so that the same files make the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
from collections.abc import Mapping
from pathlib import Path

_MAINTAINER_SCRIPTS = frozenset({"preinst", "postinst", "prerm", "postrm"})


def write_deb(
    package: Path, control: Mapping[str, bytes], root: Path, modes: Mapping[str, int], time_s: int, preset: int = 6
) -> None:
    """Write ``package``.

    Args:
        package: the file to write.
        control: the control files by name. Installed-Size is added to ``control``, and ``md5sums`` is made.
        root: holds the files to install, laid out as on the target.
        modes: permissions that are neither 0755 for folders and programs nor 0644, by path below ``root``.
        time_s: the date of every member, in seconds since 1970.
        preset: how hard xz compresses.
    """
    paths = sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix())
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    sums = "".join(
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root).as_posix()}\n"
        for path in files
    )
    # As dpkg-gencontrol counts: files in whole KiB, one KiB for everything else.
    size_kib = sum(-(-path.stat().st_size // 1024) for path in files) + len(paths) - len(files)
    members = dict(control)
    members["control"] = members["control"].replace(b"\nDepends:", b"\nInstalled-Size: %d\nDepends:" % size_kib, 1)
    members["md5sums"] = sums.encode()

    meta = _Tar(time_s)
    meta.add_folder(".")
    for name, content in sorted(members.items()):
        meta.add_file(f"./{name}", content, 0o755 if name in _MAINTAINER_SCRIPTS else 0o644)
    data = _Tar(time_s)
    data.add_folder(".")
    for path in paths:
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            data.add_link(f"./{name}", path.readlink().as_posix())
        elif path.is_dir():
            data.add_folder(f"./{name}", modes.get(name, 0o755))
        else:
            default = 0o755 if path.parent.name == "bin" else 0o644
            data.add_file(f"./{name}", path.read_bytes(), modes.get(name, default))
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": meta.compressed(preset),
        "data.tar.xz": data.compressed(preset),
    }
    package.write_bytes(b"!<arch>\n" + b"".join(_ar_member(name, each, time_s) for name, each in parts.items()))


def _ar_member(name: str, content: bytes, time_s: int) -> bytes:
    header = f"{name:<16}{time_s:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)


class _Tar:
    """A tar file in memory; everything belongs to root."""

    def __init__(self, time_s: int) -> None:
        self._time_s = time_s
        self._buffer = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._buffer, mode="w", format=tarfile.GNU_FORMAT)

    def add_folder(self, name: str, mode: int = 0o755) -> None:
        self._tar.addfile(self._member(name, mode, tarfile.DIRTYPE))

    def add_file(self, name: str, content: bytes, mode: int) -> None:
        member = self._member(name, mode, tarfile.REGTYPE)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))

    def add_link(self, name: str, target: str) -> None:
        member = self._member(name, 0o777, tarfile.SYMTYPE)
        member.linkname = target
        self._tar.addfile(member)

    def compressed(self, preset: int) -> bytes:
        self._tar.close()
        return lzma.compress(self._buffer.getvalue(), check=lzma.CHECK_CRC32, preset=preset)

    def _member(self, name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.mode, member.type, member.mtime = mode, kind, self._time_s
        member.uname = member.gname = "root"
        return member
