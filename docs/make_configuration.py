"""Writes docs/configuration.md, a reference of every key: make_configuration.py [FILE].

``make configuration`` runs it. Types, defaults and bounds are those of edge/config.py, the sentences those of
deploy/fer-edge.toml, where a comment stands above the keys that it is about.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from edge.config import Config

ROOT = Path(__file__).parents[1]
TYPES = {str: "text", bool: "true or false", int: "whole number", float: "number"}

HEAD = """\
# Configuration

<!-- made by make configuration; change deploy/fer-edge.toml or edge/config.py instead -->

The service reads `/etc/fer-edge/fer-edge.toml`, a [TOML](https://toml.io) file; `fer-edge@NAME` reads
`fer-edge@NAME.toml` beside it. `sudo fer-edge setup` writes what most devices need, and every other key has the default
below. A relative path starts at the folder of the file. After a change:

```
fer-edge check --config /etc/fer-edge/fer-edge.toml
sudo systemctl restart fer-edge
```

A key that does not exist, or a value that is not allowed, is an error that names the key and what is allowed.
[fer-edge.toml](../deploy/fer-edge.toml) has the same sentences in a file to copy from.
"""


def main() -> None:
    """Write the file that the arguments name, by default the one in docs."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "configuration.md"
    target.write_text(reference((ROOT / "deploy" / "fer-edge.toml").read_text("utf-8")), "utf-8")


def reference(documented: str) -> str:
    """The page, with the comments of the documented file."""
    told = _comments(documented)
    page = [HEAD]
    for name, section in get_type_hints(Config).items():
        page += [f"\n## `[{name}]`\n", "| key | default | allowed |", "|---|---|---|"]
        types = get_type_hints(section)
        for key in fields(section):
            allowed = _allowed(types[key.name], **key.metadata)
            page.append(f"| `{key.name}` | `{_toml(key.default)}` | {allowed} |")
        page += [f"\n{', '.join(f'`{key}`' for key in keys)}: {text}" for keys, text in _grouped(told[name])]
    return "\n".join(page) + "\n"


def _comments(documented: str) -> dict[str, dict[str, str]]:
    """The comment above every key, by section; keys without one of their own share that of the key above."""
    told: dict[str, dict[str, str]] = {}
    section, comment, fresh = "", "", True
    for line in documented.splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section, comment, fresh = header[1], "", True
            told[section] = {}
        elif line.startswith("# ") and section:
            comment = line[2:] if fresh else f"{comment} {line[2:]}"
            fresh = False
        elif key := re.match(r"(\w+) = ", line):
            told[section][key[1]] = comment
            fresh = True
    return told


def _grouped(told: dict[str, str]) -> Iterator[tuple[list[str], str]]:
    """Keys that share a sentence, and the sentence; keys without one speak for themselves."""
    for text in dict.fromkeys(told.values()):
        if text:
            yield [key for key, of_key in told.items() if of_key == text], text.replace("<", "&lt;")


def _allowed(kind: Any, low: float | None, high: float | None, choices: tuple[str | int, ...] | None) -> str:
    if choices is not None:
        return ", ".join(f"`{_toml(choice)}`" for choice in choices)
    expected = TYPES.get(kind, "list")
    return expected if low is None else f"{expected} from {low:g} to {high:g}"


def _toml(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


if __name__ == "__main__":
    main()
