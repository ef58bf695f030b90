"""The classical baselines learn a problem that has an answer, and specimens stay whole while they do."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor
from threadpoolctl import threadpool_limits
from tiny_isic import AXIS_NM, FIBRES, absorbance_of

from models.baselines.grouped_choice import choose_settings, grouped_folds
from models.baselines.known_spectra import KnownSpectra, pooled
from models.baselines.least_squares_svm import BiasedKernelRidge, LeastSquaresSvm
from models.baselines.method import Answers, Method, answers_from
from models.baselines.pls import PartialLeastSquares
from models.baselines.pretreatment import pretreated, snv_derivative
from models.baselines.random_forest import RandomForest
from models.baselines.ridge import RidgeRegression
from models.baselines.support_vectors import SupportVectors
from models.baselines.training_median import TrainingMedian
from models.baselines.unmixing import Unmixing, endmembers
from models.preprocessing import SpectrumGrid
from models.training.examples import Examples

SCANS = 3
LEARNERS = (RidgeRegression, PartialLeastSquares, SupportVectors, LeastSquaresSvm, RandomForest, Unmixing)
NONE = np.array([], dtype=np.intp)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Thousands of small fits: threads would only wait for one another."""
    with threadpool_limits(1):
        yield


def examples_of(shares: np.ndarray, seed: int) -> Examples:
    """Three scans of a specimen for each row of shares."""
    generator = np.random.default_rng(seed)
    repeated = np.repeat(shares, SCANS, axis=0)
    return Examples(
        fibres=FIBRES,
        grid=SpectrumGrid(AXIS_NM[0], AXIS_NM[-1], len(AXIS_NM)),
        absorbance=absorbance_of(repeated, AXIS_NM, generator),
        shares=repeated,
        specimens=tuple(f"{seed}/{row // SCANS}" for row in range(len(repeated))),
        sources=np.zeros(len(repeated), dtype=np.intp),
        images=np.zeros((0, 0, 0), dtype=np.uint8),
        covers=np.zeros((0, 0, 0, 0), dtype=np.uint8),
        image_of=np.full(len(repeated), -1, dtype=np.intp),
    )


def mixed(specimens: int, seed: int) -> Examples:
    """Pure specimens and blends of two fibres, by turns."""
    generator = np.random.default_rng(seed)
    shares = np.eye(3)[np.arange(specimens) % 3]
    share = generator.uniform(0.2, 0.4, (len(shares[1::2]), 1))
    shares[1::2] = (1.0 - share) * shares[1::2] + share * np.roll(shares[1::2], 1, axis=1)
    return examples_of(shares, seed)


def error(answers: Answers, examples: Examples) -> float:
    return float(np.abs(answers.shares - examples.shares).mean())


@pytest.mark.parametrize("method", LEARNERS)
def test_each_method_recovers_shares_and_fibres_of_specimens_it_has_not_seen(
    method: Callable[[], Method],
) -> None:
    training, test = mixed(36, seed=1), mixed(18, seed=2)
    learner, median = method(), TrainingMedian()
    for one in (learner, median):
        one.fit(training, training.take(NONE), seed=0)
    answers = learner.answer(test)
    assert error(answers, test) < 0.06
    assert error(answers, test) < 0.2 * error(median.answer(test), test)
    assert np.mean(answers.main == test.shares.argmax(axis=1)) > 0.95


@pytest.mark.parametrize("method", [RandomForest, PartialLeastSquares])
def test_fitting_twice_with_one_seed_gives_the_same_answers(method: Callable[[], Method]) -> None:
    training, test = mixed(12, seed=1), mixed(6, seed=2)
    first, second = method(), method()
    second.fit(test, test.take(NONE), seed=3)  # fitting again starts afresh
    for one in (first, second):
        one.fit(training, training.take(NONE), seed=0)
    assert np.array_equal(first.answer(test).shares, second.answer(test).shares)


@pytest.mark.parametrize("method", LEARNERS)
def test_the_specimens_for_validation_are_learnt_from_as_well(method: Callable[[], Method]) -> None:
    everything = mixed(24, seed=1)
    no_silk = np.flatnonzero(everything.shares[:, 2] == 0.0)
    rest = np.setdiff1d(np.arange(len(everything)), no_silk)
    learner = method()
    learner.fit(everything.take(no_silk), everything.take(rest), seed=0)
    assert learner.answer(examples_of(np.eye(3)[2:], seed=5)).shares[:, 2].min() > 0.7


def test_folds_keep_specimens_whole_and_leave_each_row_out_once() -> None:
    examples = mixed(17, seed=1)
    known = pooled(examples, examples.take(NONE))
    folds = grouped_folds(known, seed=0)
    for fitted, left_out in folds:
        assert not set(known.specimens[fitted]) & set(known.specimens[left_out])
        assert len(fitted) + len(left_out) == len(known)
        assert set(known.main[left_out]) == {0, 1, 2}
    assert sorted(np.concatenate([left_out for _, left_out in folds])) == list(range(len(known)))


def test_a_setting_that_remembers_the_fabric_is_not_chosen() -> None:
    # Every scan of a specimen is alike and says nothing of its shares. One neighbour finds the same
    # specimen and would be right if single scans were left out; the mean of many is right for new ones.
    generator = np.random.default_rng(0)
    specimens = np.repeat([f"s{number}" for number in range(20)], 4)
    spectra = np.repeat(generator.normal(size=(20, 30)), 4, axis=0) + generator.normal(0, 1e-3, (80, 30))
    share = np.repeat(generator.uniform(0, 1, (20, 1)), 4, axis=0)
    known = KnownSpectra(spectra, np.hstack([share, 1.0 - share]), specimens)
    model = pretreated(KNeighborsRegressor())
    chosen = choose_settings(model, {"n_neighbors": [1, 40]}, known, seed=0)
    assert chosen.get_params()["method__n_neighbors"] == 40


def test_two_specimens_are_too_few_to_choose_on_and_still_give_answers() -> None:
    training = examples_of(np.eye(3)[:2], seed=1)
    for method in LEARNERS:
        learner = method()
        learner.fit(training, training.take(NONE), seed=0)
        assert learner.answer(training).shares.shape == (6, 3)


def test_support_vectors_name_the_largest_share_where_there_is_one_main_fibre() -> None:
    training = examples_of(np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.7, 0.3, 0.0]]), seed=1)
    machine = SupportVectors()
    machine.fit(training, training.take(NONE), seed=0)
    assert np.all(machine.answer(training).main == 0)


def test_unmixing_that_learnt_pure_specimens_only_answers_blends() -> None:
    pure = examples_of(np.eye(3)[np.arange(9) % 3], seed=1)
    blends = examples_of(np.array([[0.8, 0.2, 0.0], [0.0, 0.35, 0.65]]), seed=2)
    unmixing = Unmixing()
    unmixing.fit(pure, pure.take(NONE), seed=0)
    assert error(unmixing.answer(blends), blends) < 0.03


def test_endmembers_of_fibres_without_a_pure_specimen_come_from_the_blends() -> None:
    blends = examples_of(np.array([[0.5, 0.5, 0], [0.4, 0.6, 0], [0.3, 0.7, 0], [0.2, 0.8, 0]]), seed=1)
    found = endmembers(pooled(blends, blends.take(NONE)))
    pure = snv_derivative(examples_of(np.eye(3), seed=2).absorbance)[::SCANS]
    assert np.corrcoef(found[0], pure[0])[0, 1] > 0.95
    assert np.corrcoef(found[1], pure[1])[0, 1] > 0.95
    assert not found[2].any()


def test_the_least_squares_machine_satisfies_its_equations() -> None:
    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(20, 4)), generator.normal(size=(20, 2))
    machine = BiasedKernelRidge(gamma=0.5, penalty=7.0).fit(inputs, targets)
    assert np.allclose(machine.weights_.sum(axis=0), 0.0)
    assert np.allclose(targets - machine.predict(inputs), machine.weights_ / 7.0)
    assert np.allclose(machine.predict(np.full((1, 4), 1e3)), machine.bias_)


def test_the_derivative_is_that_of_a_parabola_and_free_of_offset_and_gain() -> None:
    axis = np.linspace(-1.0, 1.0, 41)
    parabola = (2.0 + 3.0 * axis + 4.0 * axis**2)[None]
    expected = (3.0 + 8.0 * axis) * (axis[1] - axis[0]) / parabola.std()
    assert np.allclose(snv_derivative(parabola), expected[None])
    assert np.allclose(snv_derivative(5.0 + 0.3 * parabola), expected[None])


def test_the_median_counts_specimens_and_not_scans() -> None:
    one = examples_of(np.eye(3)[[0, 1, 1]], seed=1)
    training = one.take(np.array([0, 0, 0, 0, 0, 0, 1, 2, 3, 6]))
    median = TrainingMedian()
    median.fit(training, training.take(NONE), seed=0)
    answers = median.answer(one)
    assert np.all(answers.main == 1)
    assert np.allclose(answers.shares, [0.0, 1.0, 0.0], atol=1e-5)


def test_answers_are_shares_whatever_the_regression_says() -> None:
    answers = answers_from(np.array([[-0.2, 0.6, 0.6], [-1.0, -1.0, -2.0]]))
    assert np.allclose(answers.shares.sum(axis=1), 1.0)
    assert np.allclose(answers.shares[0], [0.0, 0.5, 0.5], atol=1e-5)
    with pytest.raises(ValueError, match="does not sum to 1"):
        Answers(np.array([0]), np.array([[0.5, 0.4, 0.0]]))
