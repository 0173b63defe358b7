"""What systemd is asked, with a systemctl that answers as the real one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.host.systemd import lets_through

ALLOWED = "127.0.0.0/8 ::1/128 10.0.0.0/8 192.168.0.0/16 fc00::/7 203.0.113.7/32"


@pytest.fixture(params=["0.0.0.0/0 ::/0", ""], ids=["with a filter", "without one"])
def denied(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a unit denies."""
    program = tmp_path / "systemctl"
    answers = f'*IPAddressDeny*) echo "{request.param}" ;; *IPAddressAllow*) echo "{ALLOWED}" ;;'
    program.write_text(f'#!/bin/sh\ncase "$*" in {answers} esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return str(request.param)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("192.168.1.2", True), ("fd00::1", True), ("203.0.113.7", True), ("203.0.113.8", False), ("2001:db8::1", False)],
)
def test_a_unit_lets_through_what_it_allows_and_everything_without_a_filter(
    denied: str, address: str, allowed: bool
) -> None:
    assert lets_through("fer-edge.service", address) == (allowed or not denied)
