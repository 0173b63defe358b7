"""What a network of a release takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from train.run.layers import multiply_adds


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a network takes, and its int8 file."""

    parameters: int
    multiply_adds: int
    size_bytes: int

    @classmethod
    def of(cls, network: Any, model: bytes) -> Self:
        """That of a Keras model and of its file."""
        return cls(network.count_params(), multiply_adds(network), len(model))

    def __str__(self) -> str:
        return (
            f"{self.size_bytes / 1000:.0f} kB, {self.parameters:,} parameters and {self.multiply_adds / 1e6:.1f} "
            "million multiply-adds"
        )
