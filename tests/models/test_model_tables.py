"""The comparison tables: whole specimens, honest means, and runs that go on where they were killed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_isic import AXIS_NM, FIBRES, absorbance_of

from benchmarks.model_tables import __main__ as command
from benchmarks.model_tables.contestants import prediction_of
from benchmarks.model_tables.measuring import Selection, measure
from benchmarks.model_tables.recorded_tasks import (
    known_compositions,
    new_compositions,
    novel_fibres,
    pure_swatches,
    recorded_tasks,
    swatch_blends,
)
from benchmarks.model_tables.result_file import Key, Measurement, Provenance, ResultFile
from benchmarks.model_tables.scores import Intervals, Novelty, Prediction, SpecimenScore, score
from benchmarks.model_tables.tables import task_table
from benchmarks.model_tables.task import Fold, Question, Task, part
from models.training.dataset import Dataset
from qc_daemon.domain.composition import Composition, Evidence, FibreShare
from qc_daemon.domain.errors import InputError

ORIGIN = Provenance("abc", {"numpy": "1"})


def dataset_of(shares: np.ndarray, specimens: list[str]) -> Dataset:
    n = len(shares)
    return Dataset(
        folder=Path("made_up"),
        wavelength_nm=AXIS_NM,
        absorbance=absorbance_of(shares, AXIS_NM, np.random.default_rng(0)),
        fibres=FIBRES,
        shares=shares,
        specimens=tuple(specimens),
        conditions=("",) * n,
        image_paths=(None,) * n,
        um_per_pixel=np.full(n, np.nan),
        sample_counts=None,
        reference_counts=None,
    )  # fmt: skip


def pure_dataset(specimens_per_fibre: int = 3) -> Dataset:
    """Two scans of each specimen."""
    fibres = np.repeat(np.arange(3), 2 * specimens_per_fibre)
    return dataset_of(np.eye(3)[fibres], [f"s{row // 2}" for row in range(len(fibres))])


def task_of(dataset: Dataset, question: Question = Question.CLASS) -> Task:
    half = np.arange(len(dataset)) < 8  # four specimens: all of hemp, one of jute
    folds = (
        Fold("first", np.flatnonzero(~half), np.flatnonzero(half)),
        Fold("second", np.flatnonzero(half), np.flatnonzero(~half)),
    )
    return Task("toy", "A toy", "Made up.", question, dataset, folds)


def score_of(
    specimen: str, scans: int, right: float, novelty: float = 0.0, novel: bool = False
) -> SpecimenScore:
    return SpecimenScore(
        specimen,
        "hemp" if novel else "jute",
        novel,
        scans,
        right,
        10.0 * scans,
        None,
        None,
        novelty,
        float(novel),
    )


def measurement(fold: str, *scores: SpecimenScore, seed: int = 0, method: str = "pls") -> Measurement:
    return Measurement(Key("toy", fold, method, seed), "made up", scores, 1.0, "2026-01-01T00:00:00", ORIGIN)


def row_of(table: str, method: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(f"| {method} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_task_refuses_a_specimen_that_stands_in_training_and_in_test() -> None:
    rows = np.arange(4)
    with pytest.raises(ValueError, match="training and in test"):
        Task("t", "", "", Question.CLASS, pure_dataset(), (Fold("f", rows[:3], rows[3:]),))


def test_each_swatch_is_left_out_once_and_learnt_from_otherwise() -> None:
    dataset = pure_dataset()
    task = pure_swatches(dataset)
    assert sorted(np.concatenate([fold.test for fold in task.folds])) == list(range(len(dataset)))
    assert all(len(fold.training) == len(dataset) - 2 for fold in task.folds)


def test_the_blends_are_answered_by_who_saw_pure_swatches_only() -> None:
    shares = np.array([[1.0, 0, 0], [0.8, 0.2, 0], [0, 1.0, 0], [0, 0.4, 0.6]])
    task = swatch_blends(dataset_of(shares, ["a", "b", "c", "d"]))
    assert task.folds[0].training.tolist() == [0, 2]
    assert task.folds[0].test.tolist() == [1, 3]


def test_a_new_composition_is_left_out_with_all_its_pieces_and_is_one_specimen() -> None:
    shares = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0.3, 0.7, 0], [0.2, 0.8, 0]])
    dataset = dataset_of(shares, ["50_1", "50_2", "70_1", "80_1"])
    task = new_compositions(dataset)
    assert [fold.test.tolist() for fold in task.folds] == [[0, 1], [2], [3]]
    assert task.dataset.specimens[0] == task.dataset.specimens[1] == "50 % polyester"


def test_known_compositions_stay_in_training_while_other_pieces_of_them_are_judged() -> None:
    shares = np.repeat([[0.5, 0.5, 0], [0.3, 0.7, 0]], 5, axis=0)
    dataset = dataset_of(shares, [f"piece {row}" for row in range(10)])
    for fold in known_compositions(dataset).folds:
        assert set(dataset.shares[fold.test, 1]) <= set(dataset.shares[fold.training, 1])


def test_a_novel_fibre_is_never_learnt_and_each_known_specimen_is_held_back_once() -> None:
    dataset = pure_dataset()
    task = novel_fibres(dataset)
    main = dataset.shares.argmax(axis=1)
    for index, fibre in enumerate(dataset.fibres):
        folds = [fold for fold in task.folds if fold.name.startswith(fibre)]
        assert all(index not in main[fold.training] for fold in folds)
        held = np.concatenate([fold.test[main[fold.test] != index] for fold in folds])
        assert sorted(held) == np.flatnonzero(main != index).tolist()
        assert all(np.sum(main[fold.test] == index) == 6 for fold in folds)


def test_a_part_has_only_the_fibres_that_occur_in_it() -> None:
    some = part(pure_dataset(), np.arange(12), Path("elsewhere"))
    assert some.fibres == FIBRES[:2]
    assert some.shares.shape == (12, 2)
    assert some.folder == Path("elsewhere")


def test_a_specimen_is_scored_by_the_mean_of_its_scans() -> None:
    tested = np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 0.8, 0.2]])
    dataset = dataset_of(np.vstack([tested, np.eye(3)[1:]]), ["a", "a", "b", "c", "d"])
    fold = Fold("f", np.array([3, 4]), np.array([0, 1, 2]))
    task = Task("t", "", "", Question.CLASS, dataset, (fold,))
    predicted = np.array([[0.9, 0.1, 0], [0.3, 0.7, 0], [0, 0.6, 0.4]])
    prediction = Prediction(
        predicted.argmax(axis=1), predicted,
        Intervals(np.maximum(predicted - 0.1, 0), np.minimum(predicted + 0.1, 1)),
        Novelty(np.array([2.0, 4.0, 0.5]), np.array([True, True, False])),
    )  # fmt: skip
    first, second = score(task, task.folds[0], prediction)
    assert (first.specimen, first.fibre, first.novel, first.scans) == ("a", "hemp", True, 2)
    assert first.named_rightly == 0.5
    assert first.error_pp == pytest.approx(40.0)  # of hemp alone: 10 and 70
    assert first.coverage == pytest.approx((3 + 1) / 6)
    assert (first.novelty, first.unknown) == (3.0, 1.0)
    assert not second.novel
    assert second.error_pp == pytest.approx(20.0)  # of jute and silk
    assert second.width_pp == pytest.approx(100 * (0.1 + 0.2 + 0.2) / 3)


def test_answers_of_the_network_are_put_into_the_order_of_the_task() -> None:
    evidence = Evidence(np.zeros((0, 0)), np.zeros((0, 0), bool), np.array([900.0, 1700.0]), np.ones(1))
    shares = (FibreShare("silk", 70.0, 60.0, 80.0), FibreShare("hemp", 30.0, 20.0, 40.0))
    prediction = prediction_of([Composition(shares, "silk", 1.5, 1.0, "", 0.9, evidence)], FIBRES)
    assert np.allclose(prediction.shares, [[0.3, 0.0, 0.7]])
    assert prediction.intervals is not None
    assert np.allclose(prediction.intervals.high, [[0.4, 0.0, 0.8]])
    assert prediction.main.tolist() == [2]
    assert prediction.novelty is not None
    assert prediction.novelty.unknown.tolist() == [True]


def test_measurements_come_back_from_the_file_as_they_were(tmp_path: Path) -> None:
    results = ResultFile(tmp_path / "new" / "real.jsonl")
    assert results.read() == {}
    first, second = measurement("first", score_of("a", 2, 1.0)), measurement("second", score_of("b", 1, 0.0))
    results.append(first)
    results.append(second)
    assert list(results.read().values()) == [first, second]


def test_a_line_that_a_kill_cut_short_costs_one_measurement(tmp_path: Path) -> None:
    path = tmp_path / "real.jsonl"
    results = ResultFile(path)
    results.append(measurement("first", score_of("a", 2, 1.0)))
    results.append(measurement("second", score_of("b", 1, 0.0)))
    path.write_bytes(path.read_bytes()[:-20])
    third = measurement("third", score_of("c", 1, 0.0))
    results.append(third)
    assert [key.fold for key in results.read()] == ["first", "third"]


def test_what_is_measured_already_is_not_measured_again_unless_asked(tmp_path: Path) -> None:
    task, results = task_of(pure_dataset()), ResultFile(tmp_path / "real.jsonl")
    results.append(measurement("first", score_of("a", 2, 0.123), method="median"))
    selection = Selection(methods=("median",))
    measure([task], selection, results)
    measure([task], selection, results)
    lines = (tmp_path / "real.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert results.read()[Key("toy", "first", "median", 0)].scores[0].named_rightly == 0.123
    measure([task], Selection(methods=("median",), again=True), results)
    assert results.read()[Key("toy", "first", "median", 0)].scores[0].named_rightly == 0.0


def test_a_method_that_answers_no_novelty_is_not_asked_for_one(tmp_path: Path) -> None:
    results = ResultFile(tmp_path / "real.jsonl")
    measure([task_of(pure_dataset(), Question.NOVELTY)], Selection(methods=("median", "pls")), results)
    assert results.read() == {}


def test_a_specimen_counts_once_by_specimen_and_as_often_as_scanned_by_scan() -> None:
    task = task_of(pure_dataset())
    measured = [measurement("first", score_of("a", 4, 0.5)), measurement("second", score_of("b", 1, 1.0))]
    cells = row_of(task_table(task, measured), "PLS")
    assert cells[1:4] == ["0.750", "0.600", "25.0"]
    assert cells[-2:] == ["2", "1"]


def test_missing_folds_are_shown_and_seeds_give_a_spread() -> None:
    task = task_of(pure_dataset())
    measured = [
        measurement("first", score_of("a", 1, 0.5)),
        measurement("first", score_of("a", 1, 1.0), seed=1),
        measurement("second", score_of("b", 1, 1.0), seed=1),
    ]
    cells = row_of(task_table(task, measured), "PLS")
    assert cells[1] == "0.750 ± 0.354"
    assert cells[-2:] == ["1 of 2", "2"]


def test_novelty_is_the_area_over_the_folds_that_left_the_fibre_out() -> None:
    task = task_of(pure_dataset(), Question.NOVELTY)
    measured = [
        measurement("hemp 1", score_of("a", 1, 0, 3.0, novel=True), score_of("b", 1, 1, 1.0), method="isic"),
        measurement("hemp 2", score_of("c", 1, 0, 0.5, novel=True), score_of("d", 1, 1, 0.2), method="isic"),
        measurement("jute 1", score_of("e", 1, 1, 9.0), method="isic"),
    ]
    cells = row_of(task_table(task, measured), "ISiC-Net")
    assert cells[1:4] == ["0.750", "", ""]
    assert cells[4:6] == ["1.000", "0.000"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--tasks", "swatchez"], 'task "swatchez" does not exist; expected swatches, '),
        (["--tasks", "swatches"], "QC_DATA is not set"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(
    arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    if "swatchez" in arguments:
        request.getfixturevalue("qc_data")
    else:
        monkeypatch.delenv("QC_DATA", raising=False)
    monkeypatch.setattr("sys.argv", ["model_tables", "real", *arguments])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert stopped.value.code == InputError.exit_status
    assert capsys.readouterr().err.startswith(line)


@pytest.fixture(scope="module")
def recorded(qc_data: Path) -> Iterator[tuple[Task, ...]]:
    yield recorded_tasks(qc_data)


def test_the_recorded_tasks_hold_what_their_notes_say(recorded: tuple[Task, ...]) -> None:
    by_name = {task.name: task for task in recorded}
    assert len(by_name) == len(recorded) == 6
    swatches = by_name["swatches"]
    main = dict(zip(swatches.dataset.specimens, swatches.dataset.shares.argmax(axis=1), strict=True))
    assert np.bincount(list(main.values())).tolist() == [3, 4, 17]
    blends = by_name["swatch-blends"]
    assert len({blends.dataset.specimens[row] for row in blends.folds[0].test}) == 2
    assert blends.dataset.shares[blends.folds[0].training].max(axis=1).min() == 1.0
    assert len(by_name["new-compositions"].folds) == 6
    assert len(by_name["fibre-types"].dataset.fibres) == 10


def test_a_baseline_beats_the_training_median_on_new_compositions(
    recorded: tuple[Task, ...], tmp_path: Path
) -> None:
    results = ResultFile(tmp_path / "real.jsonl")
    task = next(task for task in recorded if task.name == "new-compositions")
    measure([task], Selection(methods=("median", "unmixing")), results)
    table = task_table(task, results.read().values())
    assert float(row_of(table, "Unmixing")[1]) < 0.5 * float(row_of(table, "training median")[1])
