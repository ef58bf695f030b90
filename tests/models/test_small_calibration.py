import numpy as np

from models.calibration import calibrate_intervals


def test_two_dozen_pure_specimens_already_tell_absent_fibres_from_present_ones() -> None:
    generator = np.random.default_rng(0)
    inside, widths = [], []
    for _ in range(60):
        known, fresh = _pure(24, generator), _pure(200, generator)
        spread = np.full_like(known[0], 0.05)
        table = calibrate_intervals(*known[:1], spread, known[1], [str(row) for row in range(24)])
        half = table.half_widths(fresh[0], np.full_like(fresh[0], 0.05))
        inside.append(np.mean(np.abs(fresh[0] - fresh[1]) <= half))
        widths.append([half[fresh[0] < 0.01].mean(), half[fresh[0] > 0.5].mean()])
    assert 0.88 < np.mean(inside) < 0.97
    absent, present = np.mean(widths, axis=0)
    assert absent < 0.5 * present


def _pure(specimens: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true shares of pure specimens: most of what is lacking has gone to one other fibre."""
    truth = np.eye(5)[generator.integers(0, 5, specimens)]
    lacking = generator.exponential(0.12, specimens).clip(0.0, 0.5)[:, None]
    other = np.roll(truth, 1, axis=1)
    return (1.0 - lacking) * truth + lacking * other, truth
