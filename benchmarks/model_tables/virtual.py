"""The deck's three tables on the virtual mill: main, two-component blends, ablation. Simulated results.

Every method learns from the same specimens for the same number of steps and is asked about the same
others, which no method saw; a table gives the mean and spread over seeds beside the deck's own figures.
The deck's data is not public, so the two columns are not the same experiment.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from statistics import fmean
from types import MappingProxyType

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.model_tables.columns import Column
from benchmarks.model_tables.isic_method import IsicMethod
from benchmarks.model_tables.measuring import Selection, chosen
from benchmarks.model_tables.result_file import Key, Measurement, Provenance, ResultFile, provenance
from benchmarks.model_tables.scores import SpecimenScore
from benchmarks.model_tables.tables import line, origin_line, spread
from models.baselines.bidaf import bidaf
from models.baselines.csi_net import csi_net
from models.baselines.cu_net import cu_net
from models.baselines.dblstm_ws import dblstm_ws
from models.baselines.deep_ten import deep_ten
from models.baselines.dep import dep
from models.baselines.least_squares_svm import LeastSquaresSvm
from models.baselines.lstm import lstm
from models.baselines.m_transformer import m_transformer
from models.baselines.mbt import mbt
from models.baselines.mcnn import mcnn
from models.baselines.method import Answers, Method
from models.baselines.network_fitting import Budget
from models.baselines.pls import PartialLeastSquares
from models.baselines.random_forest import RandomForest
from models.baselines.ridge import RidgeRegression
from models.baselines.sl_ae import sl_ae
from models.baselines.ssc_net import ssc_net
from models.baselines.support_vectors import SupportVectors
from models.baselines.training_median import TrainingMedian
from models.baselines.unmixing import Unmixing
from models.baselines.vit import vit
from models.training.datasets import read_dataset
from models.training.examples import Examples, common_grid, gather
from models.training.recorded_sets import write_once
from models.training.release import PAIR_SEED, PAIR_SPECIMENS, PAIRS
from models.training.train_isic_net import BANDS, MICROGRAPHS, Parts
from models.virtual_mill.specimens import write_mill

RESULTS = Path(__file__).parent.parent / "results" / "virtual.jsonl"
TASK = "virtual"
TRAINING, VALIDATION, TEST = 1600, 200, 400  # specimens
TRAINING_SEED, TEST_SEED = 20261, 990001
BUDGET = Budget(epochs=8, steps_per_epoch=100)
FIBRES = ("cotton", "linen", "nylon", "polyester", "viscose")  # the deck's

_Build = Callable[[], Method]


def _isic(name: str, *, image: bool, choose: bool, attend: bool, rebuild: bool) -> _Build:
    parts = Parts(image, choose, attend, rebuild)
    return lambda: IsicMethod(name, parts, BUDGET)


ABLATION: Mapping[str, _Build] = MappingProxyType({
    "isic-signal": _isic("signal", image=False, choose=False, attend=False, rebuild=False),
    "isic-image": _isic("+ image (plain)", image=True, choose=False, attend=False, rebuild=False),
    "isic-rg": _isic("+ RG", image=True, choose=True, attend=False, rebuild=False),
    "isic-isica": _isic("+ ISiCA", image=True, choose=True, attend=True, rebuild=False),
    "isic": _isic("ISiC-Net (+ REC)", image=True, choose=True, attend=True, rebuild=True),
})  # fmt: skip
CLASSICAL: Mapping[str, _Build] = MappingProxyType({
    "median": TrainingMedian, "ridge": RidgeRegression, "pls": PartialLeastSquares, "svm": SupportVectors,
    "lssvm": LeastSquaresSvm, "forest": RandomForest, "unmixing": Unmixing,
})  # fmt: skip
OTHERS: Mapping[str, _Build] = MappingProxyType({
    **CLASSICAL,
    **{
        name: partial(build, BUDGET)
        for name, build in {
            "lstm": lstm, "mcnn": mcnn, "dblstm-ws": dblstm_ws, "csi-net": csi_net, "ssc-net": ssc_net,
            "vit": vit, "cu-net": cu_net, "deep-ten": deep_ten, "dep": dep,
            "m-transformer": m_transformer, "bidaf": bidaf, "mbt": mbt, "sl-ae": sl_ae,
        }.items()
    },
})  # fmt: skip
METHODS: Mapping[str, _Build] = MappingProxyType({**OTHERS, **ABLATION})

# What the deck prints: error of the main fibre in the order of FIBRES (fractions), and accuracy.
DECK_MAIN: Mapping[str, tuple[float, ...]] = MappingProxyType({
    "svm": (0.134, 0.112, 0.085, 0.107, 0.095, 0.795),
    "lstm": (0.082, 0.106, 0.079, 0.104, 0.097, 0.853),
    "csi-net": (0.073, 0.093, 0.080, 0.089, 0.091, 0.905),
    "mcnn": (0.077, 0.097, 0.084, 0.087, 0.096, 0.884),
    "dblstm-ws": (0.074, 0.090, 0.081, 0.085, 0.086, 0.871),
    "ssc-net": (0.080, 0.101, 0.093, 0.088, 0.091, 0.880),
    "vit": (0.124, 0.127, 0.117, 0.124, 0.115, 0.784),
    "cu-net": (0.122, 0.121, 0.115, 0.118, 0.109, 0.784),
    "deep-ten": (0.105, 0.114, 0.112, 0.109, 0.120, 0.835),
    "dep": (0.103, 0.112, 0.112, 0.103, 0.101, 0.841),
    "m-transformer": (0.077, 0.091, 0.072, 0.071, 0.080, 0.913),
    "bidaf": (0.081, 0.093, 0.075, 0.101, 0.086, 0.898),
    "mbt": (0.081, 0.089, 0.074, 0.073, 0.079, 0.905),
    "sl-ae": (0.086, 0.087, 0.076, 0.069, 0.073, 0.920),
    "isic": (0.056, 0.064, 0.067, 0.055, 0.063, 0.952),
})  # fmt: skip
# Error of both shares, in the order of PAIRS (fractions).
DECK_PAIRS: Mapping[str, tuple[float, ...]] = MappingProxyType({
    "lssvm": (0.056, 0.053, 0.061, 0.072), "forest": (0.051, 0.059, 0.063, 0.074),
    "ridge": (0.049, 0.053, 0.060, 0.076), "pls": (0.047, 0.050, 0.057, 0.068),
    "csi-net": (0.049, 0.046, 0.053, 0.058), "mcnn": (0.044, 0.042, 0.051, 0.056),
    "m-transformer": (0.034, 0.032, 0.039, 0.044), "bidaf": (0.039, 0.038, 0.042, 0.042),
    "mbt": (0.035, 0.029, 0.035, 0.053), "sl-ae": (0.032, 0.031, 0.035, 0.047),
    "isic": (0.027, 0.022, 0.032, 0.036),
})  # fmt: skip
DECK_ABLATION: Mapping[str, tuple[float, ...]] = MappingProxyType({
    "isic-signal": (0.048, 0.046, 0.053, 0.059, 0.889),
    "isic-image": (0.043, 0.045, 0.055, 0.056, 0.861),
    "isic-rg": (0.034, 0.032, 0.041, 0.045, 0.903),
    "isic-isica": (0.029, 0.027, 0.034, 0.038, 0.943),
    "isic": (0.027, 0.022, 0.032, 0.036, 0.952),
})  # fmt: skip


def run(selection: Selection) -> str:
    """Measure what is missing and return the three tables.

    Raises:
        InputError: the selection names a method that does not exist.
    """
    results = ResultFile(RESULTS)
    wanted = chosen(selection.methods, tuple(METHODS), "method")
    done = {} if selection.again else results.read()
    origin = provenance()  # of the code as it was loaded; a long run may outlive it
    for seed in selection.seeds:
        for method in wanted:
            key = Key(TASK, "all", method, seed)
            if key not in done:
                results.append(_measured(key, origin, selection.work))
    measured = [one for one in results.read().values() if one.key.task == TASK]
    return "\n".join((_main_table(measured), _pair_table(measured), _ablation_table(measured)))


@dataclass(frozen=True, slots=True, eq=False)
class _Mill:
    """Examples by use; `test` are drawn as for training, `pairs` of two fibres each."""

    training: Examples
    validation: Examples
    test: Examples
    pairs: tuple[Examples, ...]


@cache
def _mill(work: Path) -> _Mill:
    """Make the specimens under `work`, or read those that an earlier run made."""
    training = work / "mill_tables"
    write_once(training, lambda folder: write_mill(folder, TRAINING + VALIDATION, TRAINING_SEED))
    test = work / "mill_test"
    write_once(test, lambda folder: write_mill(folder, TEST, TEST_SEED))
    pairs = []
    for number, pair in enumerate(PAIRS):
        folder, seed = work / f"mill_{'_'.join(pair)}", PAIR_SEED + number
        write_once(folder, partial(write_mill, specimens=PAIR_SPECIMENS, seed=seed, fibres=pair))
        pairs.append(folder)
    learnt = read_dataset(training)
    grid = common_grid([learnt], BANDS)
    examples = gather([learnt], grid, MICROGRAPHS)
    asked = [gather([read_dataset(folder)], grid, MICROGRAPHS) for folder in (test, *pairs)]
    rows = np.arange(TRAINING + VALIDATION)
    return _Mill(examples.take(rows[:TRAINING]), examples.take(rows[TRAINING:]), asked[0], tuple(asked[1:]))


def _measured(key: Key, origin: Provenance, work: Path) -> Measurement:
    begun = time.monotonic()
    mill, method = _mill(work), METHODS[key.method]()
    with threadpool_limits(1 if key.method in CLASSICAL else None):
        method.fit(mill.training, mill.validation, key.seed)
        scores = tuple(
            score for part in (mill.test, *mill.pairs) for score in _scores(part, method.answer(part))
        )
    seconds = round(time.monotonic() - begun, 2)
    print(f"virtual, {key.method}, seed {key.seed}: {seconds:.1f} s", file=sys.stderr, flush=True)
    data = f"virtual mill, {TRAINING} specimens to learn from, {BUDGET.epochs * BUDGET.steps_per_epoch} steps"
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Measurement(key, data, scores, seconds, now, origin)


def _scores(examples: Examples, answers: Answers) -> Iterator[SpecimenScore]:
    main = examples.shares.argmax(axis=1)
    error = np.abs(answers.shares - examples.shares)
    for row, specimen in enumerate(examples.specimens):
        present = examples.shares[row] > 0
        yield SpecimenScore(
            specimen=specimen,
            fibre=examples.fibres[main[row]],
            novel=False,
            scans=1,
            named_rightly=float(answers.main[row] == main[row]),
            error_pp=round(100.0 * float(error[row, present].mean()), 4),
            main_error_pp=round(100.0 * float(error[row, main[row]]), 4),
        )


def _main_table(measured: Sequence[Measurement]) -> str:
    columns = tuple(Column(f"{fibre}", 3, _main_error(fibre)) for fibre in FIBRES)
    return _table(
        "Main fibre: error of its share (fraction) and accuracy, simulated",
        (*columns, Column("accuracy", 3, _accuracy)), measured, (*OTHERS, "isic"), DECK_MAIN,
    )  # fmt: skip


def _pair_table(measured: Sequence[Measurement]) -> str:
    return _table(
        "Two-component blends: error of the shares (fraction), simulated",
        _pair_columns(), measured, (*OTHERS, "isic"), DECK_PAIRS,
    )  # fmt: skip


def _ablation_table(measured: Sequence[Measurement]) -> str:
    return _table(
        "Ablation: pairs (fraction) and accuracy, simulated",
        (*_pair_columns(), Column("accuracy", 3, _accuracy)), measured, tuple(ABLATION), DECK_ABLATION,
    )  # fmt: skip


def _table(
    title: str,
    columns: Sequence[Column],
    measured: Sequence[Measurement],
    methods: Sequence[str],
    deck: Mapping[str, tuple[float, ...]],
) -> str:
    headings = ["method", *(column.heading for column in columns), "seeds", "the deck's own"]
    rows = [line(headings), line(["---"] * len(headings))]
    for method in methods:
        by_seed = [[one] for one in measured if one.key.method == method]
        if by_seed:
            cells = [spread([column.value(one) for one in by_seed], column.digits) for column in columns]
            theirs = " · ".join(f"{value:.3f}" for value in deck.get(method, ()))
            rows.append(line([METHODS[method]().name, *cells, str(len(by_seed)), theirs]))
    return "\n".join([f"### {title}", "", *rows, "", origin_line(measured)])


def _pair_columns() -> tuple[Column, ...]:
    return tuple(
        Column(f"{one}/{other}", 3, _pair_error(PAIR_SEED + number))
        for number, (one, other) in enumerate(PAIRS)
    )


def _pair_error(seed: int) -> Callable[[Sequence[Measurement]], float | None]:
    prefix = f"0/mill-{seed}-"
    return lambda measured: _mean([
        one.error_pp / 100.0 for one in _all_scores(measured) if one.specimen.startswith(prefix)
    ])  # fmt: skip


def _main_error(fibre: str) -> Callable[[Sequence[Measurement]], float | None]:
    return lambda measured: _mean([
        one.main_error_pp / 100.0
        for one in _test_scores(measured)
        if one.fibre == fibre and one.main_error_pp is not None
    ])  # fmt: skip


def _accuracy(measured: Sequence[Measurement]) -> float | None:
    return _mean([one.named_rightly for one in _test_scores(measured)])


def _test_scores(measured: Sequence[Measurement]) -> list[SpecimenScore]:
    return [one for one in _all_scores(measured) if one.specimen.startswith(f"0/mill-{TEST_SEED}-")]


def _all_scores(measured: Sequence[Measurement]) -> list[SpecimenScore]:
    return [score for one in measured for score in one.scores]


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
