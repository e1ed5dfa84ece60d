"""Where the window's thresholds lie, in tokens."""

from dataclasses import dataclass

from kcode.types.model import ModelInfo


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say; sizes in tokens.

    Every size is a cap: a small window scales it down. `soft`, `low` and `summarise` bound the cost of a request,
    whatever the window could hold; see `Budget` for what they do.
    """

    auto: bool = True
    soft: int = 80_000
    low: int = 40_000
    summarise: int = 70_000
    steps: int = 6
    output: int = 8_000
    views: int = 24_000
    attach: int = 20_000
    user: int = 20_000
    ledger: int = 3_000


@dataclass(frozen=True, slots=True)
class Budget:
    """Thresholds of one model's window.

    Attributes:
        window: the window itself.
        limit: the most that a request may be.
        soft: above this old tool results are hidden.
        low: down to this.
        summarise: what is above this even then is summarised instead.
        worth: a batch that frees less is not worth the broken cache.
        steps: so many responses at the end are spared,
        tail: unless they are more than this.
        output: the most of one tool result.
        views: the newest views of files in work that a batch spares.
        attach: the views that are shown again after a summary.
        user: the user's own words that stay verbatim.
        ledger: what kcode itself puts down below a summary.
    """

    window: int
    limit: int
    soft: int
    low: int
    summarise: int
    worth: int
    steps: int
    tail: int
    output: int
    views: int
    attach: int
    user: int
    ledger: int


def reserve(window: int) -> int:
    """Tokens kept free for what estimates miss."""
    return min(2_000, window // 32)


def budget(model: ModelInfo, limits: Limits, *, window: int = 0, fixed: int = 0) -> Budget:
    """Derive the thresholds, scaled to any window.

    Args:
        model: the model in use.
        limits: the settings.
        window: overrides the model's window where a refusal taught better.
        fixed: tokens of system prompt and tools, which nothing can make smaller.
    """
    size = min(window, model.window) if window else model.window
    answer = min(model.max_output, 16_384, size // 4)
    limit = size - answer - reserve(size)
    free = max(0, limit - fixed)
    # Where the tools alone fill most of what a request may cost, the rest still needs room to work in.
    soft = min(fixed + int(0.80 * free), max(limits.soft, fixed + limits.soft // 2))
    return Budget(
        window=size,
        limit=limit,
        soft=soft,
        low=min(fixed + int(0.40 * free), max(limits.low, fixed + limits.low // 4)),
        summarise=min(fixed + int(0.55 * free), max(limits.summarise, fixed + limits.summarise // 2)),
        worth=max(1, soft // 8),
        steps=limits.steps if size >= 100_000 else max(1, limits.steps // 2),
        tail=min(limit, soft) // 5,
        output=cap_of(size, limits),
        views=min(limits.views, size // 5),
        attach=min(limits.attach, size // 6),
        user=min(limits.user, size // 10),
        ledger=min(limits.ledger, size // 24),
    )


def cap_of(window: int, limits: Limits) -> int:
    """The most of one tool result, in tokens."""
    return max(256, min(limits.output, window // 16))
