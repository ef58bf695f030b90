"""A Ray of this machine that lives as long as one command, or one that is there already.

Ray is imported where it is used: no other command needs it.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from qc_daemon.domain.errors import InferenceUnavailable

_LOOPBACK = "127.0.0.1"
# Ray replaces a loopback address by one that others can reach, except where it knows no clusters.
_MAY_LEAVE_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_SHARED_MEMORY_BYTES = 1024**3  # a batch of conclusions with their images has some 20 MB
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # a station tells nobody what it does
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # which it would otherwise warn of
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # what fails comes as an error
    # Each worker has one core: the second would be that of the other worker.
    "OPENCV_FOR_THREADS_NUM": "1",
}


@contextmanager
def ray_session(address: str | None, workers: int) -> Iterator[None]:
    """Join the Ray at an address, or start one on this machine's loopback and stop it at the end.

    Raises:
        InferenceUnavailable: it cannot be reached or started, or fails meanwhile.
    """
    # All of it is read at the import, and by the processes that Ray starts.
    os.environ.update(_SETTINGS | ({_MAY_LEAVE_LOOPBACK: "0"} if address is None else {}))
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


def _unavailable(address: str | None, error: Exception) -> InferenceUnavailable:
    return InferenceUnavailable(f"Ray at {address or _LOOPBACK}: {_last_line(error)}")


def _last_line(error: Exception) -> str:
    """Return what an error of Ray says after the traceback of the worker."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
