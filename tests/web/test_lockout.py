"""The waits of wrong passwords."""

from qc_daemon.lockout import Lockout


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_few_tries_are_free_and_each_further_one_doubles_the_wait() -> None:
    clock = Seconds()
    lockout = Lockout(clock)
    waits = []
    for _ in range(8):
        lockout.failed("Wei")
        waits.append(lockout.seconds_left("Wei"))
        clock.now += waits[-1]
    assert waits == [0.0, 0.0, 0.0, 2.0, 4.0, 8.0, 16.0, 32.0]


def test_the_wait_has_an_end_and_concerns_one_name() -> None:
    clock = Seconds()
    lockout = Lockout(clock)
    for _ in range(200):
        lockout.failed("Wei")
    assert lockout.seconds_left("Wei") == 300.0
    assert lockout.seconds_left("Li") == 0.0
    clock.now += 300.0
    assert lockout.seconds_left("Wei") == 0.0


def test_the_right_password_forgives() -> None:
    lockout = Lockout(Seconds())
    for _ in range(6):
        lockout.failed("Wei")
    lockout.succeeded("Wei")
    assert lockout.seconds_left("Wei") == 0.0
    assert lockout.failed("Wei") == 1


def test_many_names_do_not_fill_the_memory() -> None:
    lockout = Lockout(Seconds())
    for number in range(5000):
        lockout.failed(f"name {number}")
    assert len(lockout._tries) == 1000
