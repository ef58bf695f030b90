"""How long to wait before something lost is looked for again."""

import random
from collections.abc import Iterator


def growing_waits(first_s: float, longest_s: float, dice: random.Random | None = None) -> Iterator[float]:
    """Yield waits in seconds that double, each with jitter so that devices do not march in step.

    Args:
        first_s: the first wait, before jitter of a quarter to either side.
        longest_s: the longest, before jitter.
        dice: draws the jitter; None for any.
    """
    dice = dice or random.Random()
    wait_s = first_s
    while True:
        yield wait_s * dice.uniform(0.75, 1.25)
        wait_s = min(2 * wait_s, longest_s)
