"""Opens csv files in the encodings and with the separators in which spreadsheets of all languages save them."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, cast

from train.data.source import ending

DAMAGED = (OSError, EOFError, lzma.LZMAError, zlib.error, UnicodeError, csv.Error)
"""What reading a damaged table raises."""

_DECOMPRESS: dict[str, Callable[[IO[bytes]], Any]] = {".xz": lzma.open, ".gz": gzip.open}
_SEPARATORS = ",;\t|"
_SAMPLE = 1 << 16


def open_table(name: str, raw: IO[bytes]) -> Iterator[list[str]]:
    """The rows of an open csv file, which is compressed if ``name`` says so.

    UTF-16 is known by its first bytes; what is not UTF-8 is read as Windows' Western European. The separator is the
    one that the first line has most of.

    Raises:
        one of ``DAMAGED``.
    """
    decompress = _DECOMPRESS.get(ending(name))
    content = io.BufferedReader(cast("io.RawIOBase", decompress(raw) if decompress else raw), _SAMPLE)
    head = content.peek(_SAMPLE)
    encoding = _encoding(head)
    first = head.decode(encoding, "ignore").partition("\n")[0]
    with io.TextIOWrapper(content, encoding=encoding, newline="") as text:
        yield from csv.reader(text, delimiter=max(_SEPARATORS, key=first.count))


def column(header: Sequence[str], *names: str) -> int | None:
    """Where the first of ``names`` that occurs is in ``header``, in any case and with any blanks, or None."""
    known = [name.strip("\ufeff \t").lower() for name in header]
    return next((known.index(name) for name in names if name in known), None)


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # may end inside a character
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"
