"""The manual page and the shell completions of ``fer-edge``, made from its argument parser."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime

import shtab

from edge.commands.arguments import parser

_FILES = """\
.SH FILES
.TP
.I /etc/fer-edge/fer-edge.toml
The configuration. /usr/share/doc/fer-edge/examples/fer-edge.toml explains every key.
.TP
.I /etc/fer-edge/fer-edge@NAME.toml
The configuration of a further camera, which fer-edge@NAME.service runs.
.TP
.I /var/lib/fer-edge
Windows that wait for the broker.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.BR mosquitto (8)
"""


def manual(version: str, time_s: int) -> str:
    """The page as ``man`` reads it; every command is a section."""
    root = parser()
    date = datetime.fromtimestamp(time_s, UTC).date()
    page = [f'.TH FER\\-EDGE 1 "{date}" "fer-edge {version}" "User Commands"']
    page += [".SH NAME", f"fer\\-edge \\- {_escaped('facial-expression sensor that publishes counts over MQTT')}"]
    page += [".SH SYNOPSIS", ".B fer\\-edge", "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR"]
    page += [".SH DESCRIPTION", _text(root.description), ".SH OPTIONS", *_options(root)]
    page += [".SH COMMANDS"]
    for name, command in _commands(root):
        page += [f".SS {_escaped(name)}", _text(command.description), *_options(command)]
        page += _examples(command.epilog)
    page += [".SH EXAMPLES", *_examples(root.epilog), _FILES]
    return "\n".join(line for line in page if line) + "\n"


def completions(shell: str) -> str:
    """The completion script for ``bash`` or ``zsh``."""
    return str(shtab.complete(parser(), shell=shell))


def _commands(of: argparse.ArgumentParser, prefix: str = "") -> list[tuple[str, argparse.ArgumentParser]]:
    """All commands with their parsers, a command's own commands after it."""
    found = []
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                found += [(f"{prefix}{name}", command), *_commands(command, f"{prefix}{name} ")]
    return found


def _options(of: argparse.ArgumentParser) -> list[str]:
    formatter = of._get_formatter()
    lines = []
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
            continue
        names = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
        value = f" {action.metavar or choices}" if action.option_strings and action.nargs != 0 else ""
        explained = formatter._expand_help(action) if action.help else ""
        lines += [".TP", f".B {_escaped(names + value)}", _text(explained)]
    return lines


def _examples(epilog: str | None) -> list[str]:
    return [".PP", ".nf", *map(_escaped, epilog.rstrip().splitlines()), ".fi"] if epilog else []


def _text(text: str | None) -> str:
    return _escaped(re.sub(r"\n\n", "\n.PP\n", text or ""))


def _escaped(text: str) -> str:
    """A line that begins with a dot or an apostrophe would be a command to troff."""
    return re.sub(r"^(['.](?!PP$))", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"), flags=re.MULTILINE)
