"""How a network's weights are moved: AdamW, a rate that warms up and falls, one compiled step."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.mindspore_import import ms, nn, ops

_WARM_UP = 0.05  # of the planned training
_MAX_NORM = 1.0  # of the gradient over all weights


def adamw(net: nn.Cell, rate: float, weight_decay: float) -> nn.Optimizer:
    """Return AdamW over all trainable weights; biases and norms do not decay."""
    parameters = net.trainable_params()
    matrices = {"params": [one for one in parameters if one.ndim > 1], "weight_decay": weight_decay}
    others = {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0}
    groups = [matrices, others, {"order_params": parameters}]
    return nn.AdamWeightDecay(groups, learning_rate=rate)


def rate_factor(done: float) -> float:
    """Warm up, then fall as half a cosine to 2 % of the full rate; `done` is the part of training, 0..1."""
    if done < _WARM_UP:
        return 0.1 + 0.9 * done / _WARM_UP
    return 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * (done - _WARM_UP) / (1.0 - _WARM_UP)))


def compiled_step(loss: nn.Cell, optimizer: nn.Optimizer) -> Callable[..., float]:
    """Return a function of the learning rate and of what `loss` takes, as arrays, that gives the loss.

    Each call moves the weights once. It is compiled for the shapes of its first call.
    """
    gradient = ms.value_and_grad(loss, None, optimizer.parameters)

    @ms.jit  # type: ignore[untyped-decorator]
    def step(rate: ms.Tensor, *inputs: ms.Tensor) -> ms.Tensor:
        # Inside the graph: a compiled step does not see a parameter that is set from outside.
        ops.assign(optimizer.learning_rate, rate)
        value, gradients = gradient(*inputs)
        optimizer(ops.clip_by_global_norm(gradients, _MAX_NORM))
        return value

    def call(rate: float, *arrays: NDArray[np.float32]) -> float:
        return float(step(ms.Tensor(rate, ms.float32), *(ms.Tensor(array) for array in arrays)).asnumpy())

    return call
