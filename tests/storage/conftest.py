"""One real PostgreSQL for all files of this folder that need one; it is started by the first."""

from collections.abc import Iterator

import pytest
from postgres_server import RealPostgres


@pytest.fixture(scope="session")
def server() -> Iterator[RealPostgres]:
    with RealPostgres() as started:
        yield started
