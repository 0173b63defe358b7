"""The program ``fer-train`` before its modules are loaded."""

from __future__ import annotations

import sys

import pytest

from train.__main__ import main


class Interrupted:
    """A finder of modules in whose search Ctrl-C is pressed."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "train.cli":
            raise KeyboardInterrupt


def test_ctrl_c_while_its_modules_are_loaded_ends_it_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "train.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])

    status = main()

    assert (status, capsys.readouterr().err) == (130, "")
