"""The empty view as one more component of a spectrum.

Light that goes through a sheer fabric comes back from what lies behind it. Where a folder holds spectra of
that alone, it is unmixed like a fibre, so that it is not taken for one; its share is not asked for.
"""

from dataclasses import replace

import numpy as np

from models.training.examples import Examples

BACKGROUND = "background"


def with_background(examples: Examples) -> Examples:
    """Return the examples with their empty views as rows of a last component, or as they are without any."""
    count = len(examples.background)
    if count == 0:
        return examples
    shares = np.zeros((len(examples) + count, len(examples.fibres) + 1))
    shares[: len(examples), :-1] = examples.shares
    shares[len(examples) :, -1] = 1.0
    return replace(
        examples,
        fibres=(*examples.fibres, BACKGROUND),
        absorbance=np.concatenate([examples.absorbance, examples.background]),
        shares=shares,
        specimens=(*examples.specimens, *(BACKGROUND,) * count),
        sources=np.concatenate([examples.sources, np.full(count, -1, dtype=np.intp)]),
        image_of=np.concatenate([examples.image_of, np.full(count, -1, dtype=np.intp)]),
    )
