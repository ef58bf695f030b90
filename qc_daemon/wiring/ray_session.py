"""A Ray of this machine that lives as long as one command, or one that is there already.

Ray is imported where it is used: no other command needs it.
"""

import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from qc_daemon.domain.errors import InferenceUnavailable, InputError

_LOOPBACK = "127.0.0.1"
# Ray replaces a loopback address by one that others can reach, except where it knows no clusters.
_MAY_LEAVE_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_ANSWER_S = 10.0
# A Ray that was started where there is a token asks for it, but who joins one must say so.
_AUTHENTICATION, _TOKEN = "RAY_AUTH_MODE", Path(".ray", "auth_token")
_SHARED_MEMORY_BYTES = 1024**3  # a batch of conclusions with their images has some 20 MB
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # a station tells nobody what it does
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # which it would otherwise warn of
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # what fails comes as an error
}
# Each worker has one core: the next would be that of another worker. Libraries read these when imported.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}
WORKER_ENVIRONMENT = {"env_vars": _ONE_THREAD}


@contextmanager
def ray_session(address: str | None, workers: int) -> Iterator[None]:
    """Join the Ray at an address, or start one on this machine's loopback and stop it at the end.

    Raises:
        InputError: the address is none.
        InferenceUnavailable: it cannot be reached or started, or fails meanwhile.
    """
    if address is not None:
        _require_answer(address)
    # All of it is read at the import, and by the processes that Ray starts.
    os.environ.update(_SETTINGS | _settings_for(address))
    import ray
    from ray.exceptions import RayError

    with ExitStack() as stack:
        try:
            if address is None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="qc-ray-"))
                ray.init(
                    num_cpus=workers,
                    object_store_memory=_SHARED_MEMORY_BYTES,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _node_ip_address=_LOOPBACK,
                    _temp_dir=folder,
                )
            else:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # Ray raises nothing narrower when it does not start
            raise _unavailable(address, error) from error
        stack.callback(ray.shutdown)
        try:
            yield
        except RayError as error:
            raise _unavailable(address, error) from error


def _require_answer(address: str) -> None:
    """Find out at once what Ray would find out after minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f'--ray "{address}": expected HOST:PORT')
    try:
        socket.create_connection((host, int(port)), _ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise _unavailable(address, error) from error


def _settings_for(address: str | None) -> dict[str, str]:
    settings = {}
    if address is None or address.startswith(_LOOPBACK):
        settings[_MAY_LEAVE_LOOPBACK] = "0"
    if address is not None and _AUTHENTICATION not in os.environ and (Path.home() / _TOKEN).is_file():
        settings[_AUTHENTICATION] = "token"
    return settings


def _unavailable(address: str | None, error: Exception) -> InferenceUnavailable:
    return InferenceUnavailable(f"Ray at {address or _LOOPBACK}: {_last_line(error)}")


def _last_line(error: Exception) -> str:
    """Return what an error of Ray says after the traceback of the worker."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
