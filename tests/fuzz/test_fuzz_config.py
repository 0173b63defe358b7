"""The configuration file, damaged and invented: a configuration or every mistake in it, one line each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.config import Config
from edge.config_file import load
from edge.errors import ConfigError
from tests.fuzz.mutation import corpus, damaged

FILES = [*corpus("config").values(), (Path(__file__).parents[2] / "deploy" / "fer-edge.toml").read_bytes()]
KEYS = [(section, key) for section, kind in get_type_hints(Config).items() for key in fields(kind)]

fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Config]:
    """``read(content)`` loads a file that holds it."""
    file = tmp_path / "fer-edge.toml"

    def write_and_load(content: bytes) -> Config:
        file.write_bytes(content)
        return load(file)

    return write_and_load


@fuzz
@given(damaged(FILES) | st.binary(max_size=200))
def test_a_damaged_file_is_a_configuration_or_told_line_by_line(
    read: Callable[[bytes], Config], content: bytes
) -> None:
    try:
        config = read(content)
    except ConfigError as error:
        lines = str(error).split("\n")
        assert all(re.match(r"config .*/fer-edge\.toml: .", line) and line.isprintable() for line in lines)
    else:
        assert isinstance(config, Config)


def text(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(key)} = {text(item)}" for key, item in value.items()) + "}"
    return repr(value)


def wrong(key: Any, kind: type) -> st.SearchStrategy[Any]:
    """Values that ``key`` must refuse whatever the other keys are."""
    low, high, choices = (key.metadata[name] for name in ("low", "high", "choices"))
    of_other_types: list[st.SearchStrategy[Any]] = [
        st.lists(st.integers(), min_size=1 if get_origin(kind) is tuple else 0, max_size=2),  # lists may be empty
        st.dictionaries(st.text(max_size=3), st.booleans(), max_size=2),
    ]
    if kind is not bool:
        of_other_types.append(st.booleans())
    if kind in (int, float):
        of_other_types += [st.text(max_size=9), st.just(float("nan"))]
    if low is not None:
        of_other_types += [st.integers(max_value=int(low) - 1), st.integers(min_value=int(high) + 1)]
    if kind not in (int, float):
        of_other_types += [st.integers(), st.floats()]
    if choices and kind is int:
        of_other_types.append(st.integers().filter(lambda value: value not in choices))
    elif choices:
        of_other_types.append(st.text(max_size=9).filter(lambda value: value not in choices))
    if kind is str:
        of_other_types.append(st.just("a\0b"))
    return st.one_of(of_other_types)


@st.composite
def mistakes(draw: st.DrawFn) -> dict[tuple[str, str], str]:
    """Some keys with a value in TOML that each is a mistake, known keys and invented ones."""
    chosen = draw(
        st.lists(st.sampled_from(KEYS), min_size=1, max_size=8, unique_by=lambda pair: (pair[0], pair[1].name))
    )
    found = {}
    for section, key in chosen:
        kind = get_type_hints(get_type_hints(Config)[section])[key.name]
        found[section, key.name] = text(draw(wrong(key, kind)))
    if draw(st.booleans()):
        found["camera", draw(st.text("abcdefgh_", min_size=1, max_size=9))] = text(draw(st.integers()))
    return found


@fuzz
@given(mistakes())
def test_every_mistake_is_told_at_once_and_once(
    read: Callable[[bytes], Config], mistakes: dict[tuple[str, str], str]
) -> None:
    sections = {section for section, _ in mistakes}
    content = "".join(
        f"[{section}]\n" + "".join(f"{key} = {value}\n" for (of, key), value in mistakes.items() if of == section)
        for section in sections
    )

    with pytest.raises(ConfigError) as refusal:
        read(content.encode())

    lines = str(refusal.value).splitlines()
    for section, key in mistakes:
        assert len([line for line in lines if re.search(rf": (key )?{section}\.{key} is ", line)]) == 1, lines
    assert len(lines) == len(mistakes)
