"""A TOML file as people write it, with a sentence for what their editors do to it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.errors import ConfigError

_LOGIN = re.compile(r"[^\s\"']*(?::|//)[^\s\"']*@[^\s\"']*")
"""What looks like an address with credentials; /run/credentials/fer-edge@door.service/mqtt-password is a file."""
_QUOTES = frozenset("\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb")


def without_secrets(text: str) -> str:
    """``text`` with every address that has a user or password in it cut out."""
    return _LOGIN.sub("...", text)


def read_toml(path: Path, option: str = "config") -> dict[str, Any]:
    """The document in the file that ``--option`` names; it may begin with a byte order mark.

    Raises:
        ConfigError: it cannot be read or is not TOML.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{option} {path}: cannot be read ({error.strerror}); name a TOML file with --{option}"
        ) from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]:
        raise ConfigError(f"{option} {path}: is UTF-16; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{option} {path}: is not UTF-8 in line {line}; save it as UTF-8") from error
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOML's own, or a number of thousands of digits
        raise ConfigError(f"{option} {path}: {_reason(text, str(error))}") from error
    except RecursionError as error:
        raise ConfigError(f"{option} {path}: is not TOML that can be read (nested too deeply)") from error


def _reason(text: str, said: str) -> str:
    """Why ``text`` is not TOML, given what Python says of it."""
    lines, found = text.split("\n"), re.search(r"at line (\d+)", said)
    if found and (number := int(found[1])) <= len(lines):
        quotes = sorted(_QUOTES & set(lines[number - 1]))
        if quotes:
            return f"has typographic quotes ({' '.join(quotes)}) in line {number}; TOML needs straight ones"
        if "\\" in lines[number - 1] and re.search(r"hex|\\", said):
            return f"has a backslash in double quotes in line {number}; write the path with /, or in single quotes"
    return f"is not TOML ({without_secrets(said)})"


def with_values(text: str, values: Mapping[str, Mapping[str, Any]]) -> str:
    """``text`` of a TOML file with these values of keys by section; everything else, comments too, stays as it is.

    Raises:
        ConfigError: a key's value spans several lines, or ``text`` is no TOML.
    """
    lines = text.splitlines()
    for section, keys in values.items():
        for key, value in keys.items():
            _set(lines, section, f"{key} = {_written(value)}")
    changed = "\n".join(lines) + "\n"
    try:
        expected = tomllib.loads(text)
        for section, keys in values.items():
            expected.setdefault(section, {}).update(keys)
        intact = tomllib.loads(changed) == expected
    except ValueError as error:
        raise ConfigError(f"the configuration is not TOML ({error}); mend it, or move it away") from error
    if not intact:
        named = ", ".join(f"{section}.{key}" for section, keys in values.items() for key in keys)
        raise ConfigError(f"the configuration cannot be changed in place; write each value into one line: {named}")
    return changed


def _set(lines: list[str], section: str, assignment: str) -> None:
    """Put ``assignment`` into ``section``: over the same key, else at the section's end, else into a new one."""
    key = assignment.partition(" ")[0]
    current, end = "", None
    for number, line in enumerate(lines):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            current = header[1]
        if current == section:
            if re.match(rf"\s*{re.escape(key)}\s*=", line):
                lines[number] = assignment
                return
            if line.strip():
                end = number + 1
    if end is None:
        lines += ["", f"[{section}]", assignment]
    else:
        lines.insert(end, assignment)


def _written(value: object) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's too.
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
