"""Fibre shares of a specimen from its spectrum and, if there is one, its micrograph.

Speaks records on one side and a runtime's arrays on the other; the same code answers the station,
`qc-daemon predict` and `qc-daemon evaluate`. The class is that of the largest share, so that the two never
contradict each other; the network's class head only helps to train it.

A spectrum that the model cannot read (it does not reach the ends of the model's range, or too many
neighbouring bands carry no value) is no error: it is answered as unknown, with every interval open
and a novelty far above the limit, so that the verdict refers it. An image outside the model's range
of scales, or smaller than its field, is left out and the spectrum answers alone.
"""

import numpy as np
from numpy.typing import NDArray

from models.calibration import NOVELTY_LIMIT, IntervalTable, novelty
from models.checkpoint import Checkpoint
from models.isic_net_config import IMAGE_STRIDE, IsicNetConfig
from models.preprocessing import SpectrumGrid, image_plane, on_grid, signal_channels
from models.runtimes.runtime import Runtime, Tensors
from models.validity import ValidityRange, outside_range
from qc_daemon.domain.composition import REGION_UM, UNKNOWN, Composition, Evidence, FibreShare
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.inspection import ModelVersion
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import InstrumentIdentity, Spectrum

UNREADABLE_NOVELTY = 1000.0  # stands for "cannot be read at all"; the limit is 1
# A fibre whose presence the network puts below this gets no share; chosen on validation specimens,
# where it takes a twentieth off the mean error.
LEAST_PRESENCE = 0.1
REGIONS_PER_SHOWN = 6  # one of six regions is shown as what the answer leans on
_UNSEEN_INFLUENCE = np.float32(1e-7)  # a share that no rounding shows; makes weights even where nothing moves


class IsicPredictor:
    """Implements `qc_daemon.domain.ports.CompositionPredictor` with a checkpoint and a runtime."""

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        self._checkpoint, self._runtime = checkpoint, runtime

    @property
    def version(self) -> ModelVersion:
        """The checkpoint by its name and digest."""
        return ModelVersion("composition", self._checkpoint.manifest.name, self._checkpoint.digest)

    @property
    def fibres(self) -> tuple[str, ...]:
        """The fibres that the model knows, in the order of the shares."""
        return self._checkpoint.manifest.fibres

    @property
    def training_median(self) -> tuple[FibreShare, ...]:
        """The median share of each fibre over the training specimens; they need not sum to 100."""
        shares = zip(self.fibres, self._checkpoint.manifest.training.median_shares, strict=True)
        return tuple(FibreShare(fibre, 100.0 * share, 0.0, 100.0) for fibre, share in shares)

    @property
    def grid(self) -> SpectrumGrid:
        """The wavelength axis that a spectrum has to cover."""
        return self._checkpoint.manifest.grid

    @property
    def validity(self) -> ValidityRange | None:
        """What training saw; None if the checkpoint does not record it."""
        return self._checkpoint.manifest.validity

    def close(self) -> None:
        """Give back the runtime."""
        self._runtime.close()

    def predict(self, spectrum: Spectrum, image: CleanedImage | None) -> Composition:
        """Return shares, intervals, class, novelty and evidence.

        Raises:
            InferenceUnavailable: the runtime died or hangs.
        """
        manifest = self._checkpoint.manifest
        if not self._readable(spectrum):
            return self._unreadable()
        plane = image_plane(image, manifest.image) if image is not None and manifest.image else None
        absorbance = on_grid(spectrum, manifest.grid)
        signal = signal_channels(absorbance)
        answer = self._runtime.infer(network_inputs(manifest.config, signal, plane))
        score = float(self._novelty(signal, answer)[0])
        table = manifest.with_image if plane is not None and manifest.with_image else manifest.without_image
        shares = _fibre_shares(manifest.fibres, answer, table, score > NOVELTY_LIMIT)
        largest = max(shares, key=lambda share: share.percent)
        return Composition(
            shares=shares,
            main_fibre=UNKNOWN if score > NOVELTY_LIMIT else largest.fibre,
            novelty=score,
            novelty_limit=NOVELTY_LIMIT,
            basis=manifest.basis,
            interval_coverage=table.coverage,
            evidence=self._evidence(answer, plane is not None),
        )

    def outside_validity(
        self,
        spectrum: Spectrum,
        composition: Composition,
        label: DeclaredLabel | None,
        spectrometer: InstrumentIdentity,
    ) -> tuple[Reason, ...]:
        """Return what lies outside the range that the model was made for.

        A checkpoint without a validity range knows its wavelengths only.
        """
        grid, validity = self.grid, self._checkpoint.manifest.validity
        range_nm = f"{grid.first_nm:.0f}-{grid.last_nm:.0f} nm"
        unreadable = (
            () if self._readable(spectrum) else (Reason(ReasonCode.WAVELENGTHS_OUTSIDE_MODEL, range_nm),)
        )
        if validity is None:
            return unreadable
        return unreadable + outside_range(validity, composition, label, spectrometer)

    def _readable(self, spectrum: Spectrum) -> bool:
        """Tell whether the valid bands reach both ends of the range and leave no wide gap in it."""
        manifest = self._checkpoint.manifest
        axis = spectrum.wavelength_nm[spectrum.valid]
        if len(axis) < 2 or not manifest.grid.covered_by(axis):
            return False
        inside = (axis >= manifest.grid.first_nm) & (axis <= manifest.grid.last_nm)
        return float(np.max(np.diff(axis[inside]), initial=0.0)) <= manifest.max_gap_nm

    def _unreadable(self) -> Composition:
        manifest = self._checkpoint.manifest
        even = 100.0 / len(manifest.fibres)
        windows = manifest.config.windows
        weights = {"window_weights": np.full((1, windows), 1.0 / windows, np.float32)}
        return Composition(
            shares=tuple(FibreShare(fibre, even, 0.0, 100.0) for fibre in manifest.fibres),
            main_fibre=UNKNOWN,
            novelty=UNREADABLE_NOVELTY,
            novelty_limit=NOVELTY_LIMIT,
            basis=manifest.basis,
            interval_coverage=manifest.without_image.coverage,
            evidence=self._evidence(weights, image_used=False),
        )

    def _novelty(self, signal: NDArray[np.float32], answer: Tensors) -> NDArray[np.float64]:
        inputs = signal.reshape(len(signal), -1).astype(np.float64)
        rebuilt = answer.get("reconstruction")
        error = None if rebuilt is None else reconstruction_error(signal, rebuilt)
        checkpoint, cone = self._checkpoint, self._checkpoint.cone
        outside = None if cone is None else cone.residual(inputs)
        return novelty(checkpoint.manifest.novelty, checkpoint.subspace.residual(inputs), error, outside)

    def _evidence(self, answer: Tensors, image_used: bool) -> Evidence:
        manifest = self._checkpoint.manifest
        config, grid = manifest.config, manifest.grid
        rows = config.region_rows if image_used else 0
        scores, kept = _regions(answer) if image_used else (np.zeros(0, np.float32), np.zeros(0, bool))
        steps = np.arange(config.windows + 1) * (config.bands // config.windows) - 0.5
        return Evidence(
            region_scores=scores.reshape(rows, rows),
            region_kept=kept.reshape(rows, rows),
            window_edges_nm=grid.first_nm + steps * grid.step_nm,
            window_weights=_window_weights(answer),
            region_um=REGION_UM if manifest.image is None else IMAGE_STRIDE * manifest.image.um_per_pixel,
        )


def network_inputs(
    config: IsicNetConfig, signal: NDArray[np.float32], plane: NDArray[np.float32] | None
) -> dict[str, NDArray[np.float32]]:
    """Return the graph's inputs for one specimen: (1, 2, bands) and (1, 1, side, side) or None."""
    inputs = {"signal": signal}
    if config.image:
        absent = np.zeros((1, 1, config.image_px, config.image_px), np.float32)
        inputs["image"] = absent if plane is None else plane
        inputs["image_present"] = np.full((1, 1), float(plane is not None), np.float32)
    return inputs


def present_shares(answer: Tensors) -> NDArray[np.float64]:
    """Return (n, k) shares that sum to 1, those of fibres that are hardly present set to 0."""
    shares = answer["shares"].astype(np.float64)
    likely = answer["presence"] >= LEAST_PRESENCE
    likely |= shares == shares.max(axis=1, keepdims=True)  # something is always there
    kept = np.where(likely, shares, 0.0)
    normalised: NDArray[np.float64] = kept / kept.sum(axis=1, keepdims=True)
    return normalised


def reconstruction_error(signal: NDArray[np.float32], rebuilt: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (n,) root mean square difference of the SNV spectrum and what REC made of the answer."""
    difference = signal[:, 0].astype(np.float64) - rebuilt
    error: NDArray[np.float64] = np.sqrt((difference**2).mean(axis=1))
    return error


def _fibre_shares(
    fibres: tuple[str, ...], answer: Tensors, table: IntervalTable, novel: bool
) -> tuple[FibreShare, ...]:
    """Return shares in percent with intervals; for a novel specimen the calibration says nothing."""
    shares = present_shares(answer)
    widths = table.half_widths(shares, answer["spread"].astype(np.float64))
    if novel:
        widths = np.ones_like(widths)
    percent = 100.0 * shares[0]
    low = np.clip(percent - 100.0 * widths[0], 0.0, percent)
    high = np.clip(percent + 100.0 * widths[0], percent, 100.0)
    return tuple(
        FibreShare(fibre, float(p), float(lo), float(hi))
        for fibre, p, lo, hi in zip(fibres, percent, low, high, strict=True)
    )


def _regions(answer: Tensors) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return (regions,) how far each region moves the answer, 0..1, and which of them move it most.

    A checkpoint that does not measure this gives the scores of RG and what RG kept.
    """
    influence = answer.get("region_influence")
    if influence is None:
        return answer["region_scores"][0], answer["region_kept"][0] > 0.5
    moved: NDArray[np.float32] = influence[0]
    most = np.zeros(len(moved), bool)
    most[np.argsort(-moved, kind="stable")[: max(len(moved) // REGIONS_PER_SHOWN, 1)]] = True
    return moved, most


def _window_weights(answer: Tensors) -> NDArray[np.float32]:
    """Return (windows,) weights that sum to 1: how far each window moves the answer.

    A checkpoint that does not measure this gives the attention of its spectrum encoder.
    """
    influence = answer.get("window_influence")
    weights: NDArray[np.float32] = answer["window_weights"][0]
    if influence is not None:
        moved = influence[0] + _UNSEEN_INFLUENCE
        weights = moved / moved.sum()
    return weights
