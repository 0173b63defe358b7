"""Fixtures that several packages share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data, models and clips that are never committed: the folder ``FER_SHARED``, or ``shared`` beside the checkout."""
    folder = Path(os.environ.get("FER_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared data folder ({folder} is absent; name it with FER_SHARED)")
    return folder
