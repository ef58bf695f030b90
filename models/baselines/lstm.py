"""LSTM: the spectrum read as a sequence of wavelength windows (Hochreiter and Schmidhuber 1997)."""

from models.baselines.network import WINDOW, Encoder
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net_config import CHANNELS
from models.mindspore_import import ms, nn


def lstm(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod("LSTM", "signal", lambda _: LstmEncoder(), budget)


class LstmEncoder(Encoder):
    """Two recurrent layers; the state after the last window is the feature."""

    def __init__(self, units: int = 160) -> None:
        super().__init__()
        self.features = units
        self.layers = nn.LSTM(CHANNELS * WINDOW, units, num_layers=2, batch_first=True)

    def construct(self, signal: ms.Tensor) -> ms.Tensor:
        """Return (B, units) for (B, 2, bands)."""
        states, _ = self.layers(windows(signal))  # (B, n, units)
        return states[:, -1]


def windows(signal: ms.Tensor) -> ms.Tensor:
    """Return (B, n, channels * 8) for (B, channels, bands): a step of the sequence is 8 bands of each."""
    batch, channels, bands = signal.shape
    cut = signal.reshape((batch, channels, bands // WINDOW, WINDOW)).transpose((0, 2, 1, 3))
    return cut.reshape((batch, bands // WINDOW, channels * WINDOW))
