"""A window as the outbox stores it."""

from __future__ import annotations

import msgspec

from edge.mqtt.messages import Aggregate, FaceCounts, FrameCounts, Model, WindowTime


def a_window(epoch: str, seq: int, *, device: str = "fer-x", model: str = "m") -> Aggregate:
    """An empty window of a device without the time; a long ``model`` makes it a large row."""
    return Aggregate(
        id=f"{device}-{epoch}-{seq:012d}",
        seq=seq,
        device=device,
        source="cam0",
        window=WindowTime(None, None, 60.0, "unsynced"),
        historical=False,
        frames=FrameCounts(0, 0, 0),
        faces=FaceCounts(0, 0, 0.0),
        emotions=None,
        dominant=None,
        uncertain=None,
        suppressed=None,
        model=Model(model, "0" * 64, "h", "cpu"),
    )


def stored_bytes(window: Aggregate) -> int:
    """The size of its row."""
    return len(msgspec.json.encode(window))
