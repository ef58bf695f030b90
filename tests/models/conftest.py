"""What is dear to make is made once, whichever process of the test run needs it first."""

import os

import pytest
import tiny_isic


@pytest.fixture(scope="session", autouse=True)
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep checkpoints where all processes of this run find them."""
    own = tmp_path_factory.getbasetemp()
    tiny_isic.SHARED.append(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
