"""What all tests share: the place of recorded data, and builders importable by name."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# The gate draws the same examples every time, so that it says the same of the same code; everywhere
# else each run tries new ones, and what it finds becomes a test of its own.
settings.register_profile("gate", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("gate")

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Leave no test the log of another, which ends in a stream that pytest has closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def qc_data() -> Path:
    """The folder of recorded spectra and images; tests that need it skip without it."""
    folder = os.environ.get("QC_DATA", "")
    if not folder:
        pytest.skip("QC_DATA is not set: no recorded spectra and images here")
    return Path(folder)
