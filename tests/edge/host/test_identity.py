"""The id of a device that was given none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.host.identity import derived_id

MACHINE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    path = tmp_path / "machine-id"
    path.write_text(f"{MACHINE}\n", "ascii")
    return path


def test_it_is_the_same_at_every_start_and_hides_the_machine_id(machine: Path, tmp_path: Path) -> None:
    identity = derived_id("fer-edge", machine, tmp_path / "absent")

    assert re.fullmatch(r"fer-[0-9a-f]{8}", identity)
    assert identity[4:] not in MACHINE
    assert identity == derived_id("fer-edge", machine, tmp_path / "absent")


def test_two_cameras_of_one_machine_are_two_devices(machine: Path, tmp_path: Path) -> None:
    names = ("fer-edge", "fer-edge@door", "fer-edge@window")

    assert len({derived_id(name, machine, tmp_path / "absent") for name in names}) == 3


@pytest.mark.row(26, "two Pis with copies of one card")
def test_two_pis_with_copies_of_one_card_are_two_devices(machine: Path, tmp_path: Path) -> None:
    serials = []
    for number in (1, 2):
        serials.append(tmp_path / f"serial{number}")
        serials[-1].write_bytes(b"10000000deadbee%d\0" % number)

    assert derived_id("fer-edge", machine, serials[0]) != derived_id("fer-edge", machine, serials[1])


@pytest.mark.parametrize("content", [b"", b"\n", b"uninitialized\n", b"\xe4\n", b"0" * 32, b"0123"])
@pytest.mark.row(26, "a machine id that others have too")
def test_a_machine_id_that_others_have_too_is_none(machine: Path, tmp_path: Path, content: bytes) -> None:
    machine.write_bytes(content)

    with pytest.raises(ConfigError, match=r"machine-id is not set up; set device\.id, or run systemd-machine-id-setup"):
        derived_id("fer-edge", machine, tmp_path / "absent")


def test_a_machine_without_an_id_is_told_the_key_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not exist; set device\.id"):
        derived_id("fer-edge", tmp_path / "absent", tmp_path / "absent")
