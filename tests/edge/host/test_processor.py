from __future__ import annotations

from pathlib import Path

import pytest

from edge.host.processor import slow_core

CORE = "processor\t: {0}\nFeatures\t: fp asimd crc32\nCPU implementer\t: 0x41\nCPU part\t: {1}\nCPU revision\t: 4\n\n"


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        pytest.param(["0xd03"] * 4, "Cortex-A53", id="Pi Zero 2 W and 3"),
        pytest.param(["0xd08"] * 4, None, id="Pi 4"),
        pytest.param(["0xd0b"] * 4, None, id="Pi 5"),
        pytest.param(["0xd03", "0xd08"], None, id="a board with both"),
        pytest.param([], None, id="a PC"),
    ],
)
def test_a_processor_of_slow_cores_only_is_named(parts: list[str], name: str | None, tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("".join(CORE.format(number, part) for number, part in enumerate(parts)))

    assert slow_core(file) == name


def test_without_the_file_nothing_is_known(tmp_path: Path) -> None:
    assert slow_core(tmp_path / "absent") is None
