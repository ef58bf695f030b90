"""What serves a network: arrays in, arrays out."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[np.float32]]


class Runtime(Protocol):
    """Runs one exported graph. One owner at a time; not for several threads."""

    def infer(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name.

        Raises:
            InferenceUnavailable: the runtime died or hangs.
        """
        ...

    def describe(self) -> str:
        """Name the runtime and its version in a few words."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...
