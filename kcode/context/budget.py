"""Where the window's thresholds lie, in tokens."""

from dataclasses import dataclass

from kcode.types.model import ModelInfo

RESERVE = 2_000
"""Tokens kept free for what estimates miss."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Thresholds of one model's window.

    `limit` is the most a request may be; above `soft` old tool results are hidden, down to `low`; what is still
    above `summarise` then is summarised. `steps` are spared at the tail.
    """

    limit: int
    soft: int
    low: int
    summarise: int
    steps: int
    output: int


def budget(model: ModelInfo, *, window: int | None = None) -> Budget:
    """Derive the thresholds, scaled to any window; `window` overrides the model's."""
    size = window or model.window
    output = min(model.max_output, max(1_024, size // 4))
    limit = max(size - output - RESERVE, size // 2)
    return Budget(
        limit=limit,
        soft=min(int(0.80 * limit), 110_000),
        low=min(int(0.40 * limit), 55_000),
        summarise=min(int(0.55 * limit), 80_000),
        steps=6 if size >= 100_000 else 3,
        output=output,
    )
