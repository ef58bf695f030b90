"""What the network says of a specimen: shares with intervals, class, novelty and evidence."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array

UNKNOWN = "unknown"  # the class of a specimen that is unlike all that the model was trained on
REGION_UM = 32.0  # side of an image region of every model so far; evidence of before does not name it


@dataclass(frozen=True, slots=True)
class FibreShare:
    """Share of one fibre in percent by mass, with its prediction interval, all in 0..100."""

    fibre: str
    percent: float
    lo: float
    hi: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.lo <= self.percent <= self.hi <= 100.0:
            raise ValueError(
                f"{self.fibre}: expected 0 <= lo <= percent <= hi <= 100, "
                f"got {self.lo}, {self.percent}, {self.hi}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the answer rests on.

    Attributes:
        region_scores: (rows, columns) how far each image region moves the answer, 0..1; (0, 0) without an
            image.
        region_kept: (rows, columns) bool, the regions that move it most; they are drawn.
        window_edges_nm: (windows + 1,) edges of the wavelength windows.
        window_weights: (windows,) how far each window moves the answer, sums to 1.
        region_um: side of an image region on the specimen in µm; the regions lie in the image's middle.
    """

    region_scores: NDArray[np.float32]
    region_kept: NDArray[np.bool_]
    window_edges_nm: NDArray[np.float64]
    window_weights: NDArray[np.float32]
    region_um: float = REGION_UM

    def __post_init__(self) -> None:
        scores = frozen_array(self.region_scores, np.float32, (None, None), "region_scores")
        edges = frozen_array(self.window_edges_nm, np.float64, (None,), "window_edges_nm")
        object.__setattr__(self, "region_scores", scores)
        object.__setattr__(
            self, "region_kept", frozen_array(self.region_kept, np.bool_, scores.shape, "region_kept")
        )
        object.__setattr__(self, "window_edges_nm", edges)
        object.__setattr__(
            self,
            "window_weights",
            frozen_array(self.window_weights, np.float32, (len(edges) - 1,), "window_weights"),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """Shares that sum to 100 %, on a stated mass basis.

    Attributes:
        shares: one per fibre of the model, in the model's order.
        main_fibre: the fibre class, or "unknown" when novel.
        novelty: how unlike the training data the spectrum is; comparable with `novelty_limit`.
        basis: the mass basis of the shares ("dry mass", "conventional regain").
        interval_coverage: nominal coverage of the intervals, 0..1.
    """

    shares: tuple[FibreShare, ...]
    main_fibre: str
    novelty: float
    novelty_limit: float
    basis: str
    interval_coverage: float
    evidence: Evidence

    def __post_init__(self) -> None:
        total = sum(share.percent for share in self.shares)
        if abs(total - 100.0) > 0.01:
            raise ValueError(f"shares sum to {total:.3f} %, expected 100 %")

    @property
    def novel(self) -> bool:
        """Tell whether the spectrum is outside what the model knows."""
        return self.novelty > self.novelty_limit

    def share_of(self, fibre: str) -> FibreShare | None:
        """Return the share of `fibre`, or None if the model does not know it."""
        return next((share for share in self.shares if share.fibre == fibre), None)
