"""A transfer between two spectrometers as a file: JSON, named by the SHA-256 of its bytes."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.transfer import Transfer

_FORMAT = "unit-transfer-1"
_TEXTS = ("source_serial", "target_serial", "method")
_ARRAYS = ("wavelength_nm", "offset", "coefficients")


def write_transfer(path: Path, transfer: Transfer) -> Transfer:
    """Write a transfer; return it with the digest of its file."""
    document: dict[str, Any] = {"format": _FORMAT}
    document |= {name: getattr(transfer, name) for name in _TEXTS}
    document |= {name: getattr(transfer, name).tolist() for name in _ARRAYS}
    content = (json.dumps(document, ensure_ascii=False) + "\n").encode()
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a file that can be written") from error
    return replace(transfer, digest=hashlib.sha256(content).hexdigest())


def read_transfer(path: Path) -> Transfer:
    """Read a transfer.

    Raises:
        InputError: the file cannot be read as one.
    """
    try:
        content = path.read_bytes()
        document = json.loads(content)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a file of `qc-daemon calibrate transfer` ({error})") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise InputError(f'{path}: expected the format "{_FORMAT}"')
    try:
        return Transfer(
            source_serial=str(document["source_serial"]),
            target_serial=str(document["target_serial"]),
            method=str(document["method"]),
            wavelength_nm=np.array(document["wavelength_nm"], dtype=np.float64),
            offset=np.array(document["offset"], dtype=np.float64),
            coefficients=np.array(document["coefficients"], dtype=np.float64),
            digest=hashlib.sha256(content).hexdigest(),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}; expected a whole transfer") from error
