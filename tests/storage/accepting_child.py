"""A station process that accepts and concludes until it is killed, telling what it acknowledged."""

import sys
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from builders_storage import acquisition, conclusion, specimen, station_store, white_reference

WHITE = white_reference(id="01932f3c-7c00-7000-8000-000000000001")


def accept_until_killed(folder: Path, acknowledge: Callable[[tuple[int, str]], None]) -> None:
    """Accept acquisitions whose specimen names their seed; acknowledge each number and id."""
    with station_store(folder) as store:
        store.recover()
        for seed in count():
            about = acquisition(seed, white=WHITE, specimen=specimen(id=str(seed)))
            number = store.add_acquisition(about).number
            acknowledge((number, about.id))
            store.add_conclusion(number, conclusion(about))


def accept_into(folder: Path, connection: Connection) -> None:
    """Run as a child of `multiprocessing`."""
    accept_until_killed(folder, connection.send)


if __name__ == "__main__":
    accept_until_killed(Path(sys.argv[1]), lambda accepted: print(*accepted, flush=True))  # noqa: T201 its parent reads this
