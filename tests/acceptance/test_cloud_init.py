"""cloud-init itself, of Debian, reads what deploy/cloud-init tells it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.unpacked import python, unpack
from tests.support.paths import ROOT

pytestmark = pytest.mark.acceptance


def checked(user_data: Path) -> subprocess.CompletedProcess[str]:
    root = unpack("cloud-init", "amd64", "cloud-init")
    command = [*python(root, "amd64"), "-m", "cloudinit.cmd.main", "schema", "--config-file", user_data]
    environment = {"PYTHONPATH": str(root / "usr/lib/python3/dist-packages"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_cloud_init_accepts_our_user_data_and_refuses_a_wrong_one(tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("#cloud-config\nruncmd: 3\n")

    ours, wrong = checked(ROOT / "deploy" / "cloud-init" / "user-data"), checked(tmp_path / "wrong")

    assert ours.returncode == 0, ours.stdout + ours.stderr
    assert "Valid" in ours.stdout
    assert wrong.returncode == 1
