"""DBLSTM-WS: deep bidirectional LSTM on wavelet sequences.

Yildirim 2018, doi 10.1016/j.compbiomed.2018.03.016.

A fixed wavelet layer splits the spectrum into sub-bands, which are the parallel tracks of the sequence
that two bidirectional layers read. Published for heartbeats; the wavelet and its depth are our choice.
"""

import numpy as np
import pywt
from numpy.typing import NDArray

from models.baselines.lstm import windows
from models.baselines.network import WINDOW, Encoder, Sizes
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net_config import CHANNELS
from models.mindspore_import import ms, nn, ops

_WAVELET = "db4"
_MAX_LEVEL = 4


def dblstm_ws(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod("DBLSTM-WS", "signal", DblstmWsEncoder, budget)


class DblstmWsEncoder(Encoder):
    """Wavelet layer, two bidirectional layers; the last states of both directions are the feature."""

    def __init__(self, sizes: Sizes, units: int = 96) -> None:
        super().__init__()
        self.features, self.units = 2 * units, units
        projections = sub_bands(sizes.bands)
        self.tracks = CHANNELS * len(projections)
        self.wavelets = ms.Tensor(projections.transpose(1, 0, 2).reshape(sizes.bands, -1))
        self.layers = nn.LSTM(self.tracks * WINDOW, units, num_layers=2, batch_first=True, bidirectional=True)

    def construct(self, signal: ms.Tensor) -> ms.Tensor:
        """Return (B, 2 units) for (B, 2, bands)."""
        batch, _, bands = signal.shape
        tracks = ops.matmul(signal, self.wavelets).reshape((batch, self.tracks, bands))
        states, _ = self.layers(windows(tracks))  # (B, n, 2 units)
        return ops.concat((states[:, -1, : self.units], states[:, 0, self.units :]), -1)


def sub_bands(bands: int) -> NDArray[np.float32]:
    """Return (sub-bands, bands, bands): matrices that take a spectrum, as a row, to its sub-bands.

    Approximation first, then details from coarse to fine; they sum to the identity.
    """
    level = min(_MAX_LEVEL, pywt.dwt_max_level(bands, _WAVELET))
    parts = pywt.mra(np.eye(bands), _WAVELET, level=level, axis=-1, transform="dwt", mode="symmetric")
    return np.array(parts, dtype=np.float32)
