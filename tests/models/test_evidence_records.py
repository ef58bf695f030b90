"""What the predictor makes of the network's evidence."""

import numpy as np
import pytest
from tiny_isic import AXIS_NM, absorbance_of, tiny_checkpoint

from models.checkpoint import Checkpoint
from models.composition_predictor import IsicPredictor
from models.runtimes.opening import open_runtime
from models.runtimes.runtime import Tensors
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.spectrum import Spectrum


class Recorder:
    """Passes requests to the real runtime; keeps its last answer, but for what is to be left out."""

    def __init__(self, checkpoint: Checkpoint, left_out: frozenset[str] = frozenset()) -> None:
        self._runtime, self._left_out = open_runtime(checkpoint, "onnx"), left_out
        self.answer: Tensors = {}

    def infer(self, inputs: Tensors) -> Tensors:
        answer = self._runtime.infer(inputs)
        self.answer = {name: array for name, array in answer.items() if name not in self._left_out}
        return self.answer

    def describe(self) -> str:
        return self._runtime.describe()

    def close(self) -> None:
        self._runtime.close()


def blend() -> Spectrum:
    absorbance = absorbance_of(np.array([[0.6, 0.4, 0.0]]), AXIS_NM, np.random.default_rng(2))[0]
    return Spectrum(AXIS_NM, absorbance, np.ones(len(AXIS_NM), bool))


def micrograph() -> CleanedImage:
    pixels = np.random.default_rng(1).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    return CleanedImage(pixels, pixels, np.zeros((96, 96), bool), 1.0, "none")


@pytest.mark.parametrize("image", [None, micrograph()], ids=["spectrum alone", "with an image"])
def test_windows_weigh_as_far_as_each_moves_the_answer(image: CleanedImage | None) -> None:
    recorder = Recorder(tiny_checkpoint())
    evidence = IsicPredictor(tiny_checkpoint(), recorder).predict(blend(), image).evidence
    influence = recorder.answer["window_influence"][0]
    assert influence.max() > 0.05
    np.testing.assert_allclose(evidence.window_weights, influence / influence.sum(), atol=1e-5)


def test_a_checkpoint_that_measures_no_influence_gives_the_attention_of_its_encoder() -> None:
    recorder = Recorder(tiny_checkpoint(), frozenset({"window_influence", "window_attention"}))
    evidence = IsicPredictor(tiny_checkpoint(), recorder).predict(blend(), None).evidence
    np.testing.assert_array_equal(evidence.window_weights, recorder.answer["window_weights"][0])


def test_regions_have_the_size_that_they_have_on_the_specimen() -> None:
    recorder = Recorder(tiny_checkpoint())
    evidence = IsicPredictor(tiny_checkpoint(), recorder).predict(blend(), micrograph()).evidence
    assert evidence.region_kept.shape == (2, 2)
    assert evidence.region_um == 32.0
    assert np.count_nonzero(evidence.region_kept) == 1


def test_the_regions_that_are_shown_move_the_answer_most() -> None:
    recorder = Recorder(tiny_checkpoint())
    evidence = IsicPredictor(tiny_checkpoint(), recorder).predict(blend(), micrograph()).evidence
    influence = recorder.answer["region_influence"].reshape(2, 2)
    assert np.ptp(influence) > 0
    assert evidence.region_kept[np.unravel_index(influence.argmax(), influence.shape)]
