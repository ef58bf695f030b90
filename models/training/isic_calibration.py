"""Calibrate intervals and novelty limits, through the exported graph that the station will serve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import (
    IntervalTable,
    NoveltyLimits,
    SignalSubspace,
    calibrate_intervals,
    novelty_limit,
    open_intervals,
)
from models.composition_predictor import network_inputs, present_shares, reconstruction_error
from models.isic_net_config import IsicNetConfig
from models.known_cone import KnownCone
from models.preprocessing import signal_channels
from models.runtimes.onnx import OnnxRuntime
from models.training.cross_fitting import leave_specimens_out
from models.training.examples import Examples, centre_crops

# Where nothing could be left out, what the known reaches itself is stretched by this.
_HEAD_ROOM = 2.0
# The cone has its own specimens' spectra inside, so there it says nothing: a part is never more than all.
_ALL = 1.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Interval tables with and without an image, and the novelty limits; see the manifest."""

    with_image: IntervalTable | None
    without_image: IntervalTable
    novelty: NoveltyLimits


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What novelty is measured by: the subspace and the cone of the known spectra."""

    subspace: SignalSubspace
    cone: KnownCone


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """What the exported graph says of n examples: (n, k) shares and spreads, (n,) error of REC or None."""

    shares: NDArray[np.float64]
    spread: NDArray[np.float64]
    rebuilding_error: NDArray[np.float64] | None


def calibrate_on_held_back(
    config: IsicNetConfig, graph: OnnxRuntime, held: Examples, known: Known
) -> Calibration:
    """Calibrate on specimens that the training never saw."""
    alone = _answers(config, graph, held, with_image=False)
    seen = held.take(held.with_image)
    both = _answers(config, graph, seen, with_image=True) if config.image and len(seen) else None
    error, inputs = alone.rebuilding_error, _inputs(held)
    limits = NoveltyLimits(
        subspace=novelty_limit(known.subspace.residual(inputs), held.specimens, held.sources),
        reconstruction=None if error is None else novelty_limit(error, held.specimens, held.sources),
        cone=novelty_limit(known.cone.residual(inputs), held.specimens, held.sources),
    )
    return Calibration(
        with_image=None if both is None else _intervals(both.shares, both.spread, seen),
        without_image=_intervals(alone.shares, alone.spread, held),
        novelty=limits,
    )


def calibrate_on_left_out(
    config: IsicNetConfig, graph: OnnxRuntime, examples: Examples, known: Known, seed: int
) -> Calibration:
    """Calibrate on specimens left out in turn, where there are too few to hold any back.

    The errors are those of the linear calibration, the spread is the network's. What REC rebuilds
    of training specimens says nothing of others, so it has no limit.
    """
    left_out = leave_specimens_out(examples, seed)
    if not len(left_out.rows):
        table = open_intervals(len(examples.fibres))
        reached = float(known.subspace.residual(_inputs(examples)).max())
        limits = NoveltyLimits(max(_HEAD_ROOM * reached, 1e-6), None, _ALL)
    else:
        rows = examples.take(left_out.rows)
        table = _intervals(left_out.shares, _answers(config, graph, rows, with_image=False).spread, rows)
        limits = NoveltyLimits(
            subspace=novelty_limit(left_out.residual, rows.specimens, rows.sources),
            reconstruction=None,
            cone=novelty_limit(left_out.outside_cone, rows.specimens, rows.sources),
        )
    return Calibration(table if config.image else None, table, limits)


def _answers(config: IsicNetConfig, graph: OnnxRuntime, examples: Examples, with_image: bool) -> _Answers:
    """Ask the graph one by one, as the station does."""
    signal = signal_channels(examples.absorbance)
    answers = []
    for row in range(len(examples)):
        plane = centre_crops(examples.images[examples.image_of[row]][None]) if with_image else None
        answers.append(graph.infer(network_inputs(config, signal[row : row + 1], plane)))
    error = None
    if config.reconstruction:
        error = reconstruction_error(signal, np.concatenate([answer["reconstruction"] for answer in answers]))
    shares = np.concatenate([present_shares(answer) for answer in answers])
    spread = np.concatenate([answer["spread"] for answer in answers]).astype(np.float64)
    return _Answers(shares, spread, error)


def _intervals(shares: NDArray[np.float64], spread: NDArray[np.float64], examples: Examples) -> IntervalTable:
    return calibrate_intervals(shares, spread, examples.shares, examples.specimens)


def _inputs(examples: Examples) -> NDArray[np.float64]:
    signal = signal_channels(examples.absorbance)
    return signal.reshape(len(examples), -1).astype(np.float64)
