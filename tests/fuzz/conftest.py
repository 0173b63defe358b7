"""Hostile input: whatever comes in from outside ends in a result or in one of our own errors, never in a crash.

``make test`` tries a few hundred inputs a test, ``make fuzz`` many thousands (Hypothesis' profile ``long``). What was
found became a test beside the module that it was found in.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "long",
    max_examples=int(os.environ.get("EXAMPLES", "20000")),
    suppress_health_check=list(HealthCheck),
)
