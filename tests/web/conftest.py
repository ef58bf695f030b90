"""One page for all tests that only look, or change what nobody else looks at."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(_TESTS / name) for name in ("web", "storage", "station")]  # the kit and its tools
from page_kit import PageOnTest, a_page  # noqa: E402 found only now


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageOnTest]:
    with a_page(tmp_path_factory.mktemp("page") / "station") as served:
        yield served
