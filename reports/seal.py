"""The seal of a PDF: its own SHA-256, stated inside it, so that a changed byte shows without a station.

The hash is taken over the file with zeros in the place of the seal. Whoever forges a whole file can
seal it anew; against that stands the hash that the station recorded.
"""

import hashlib
import re

PLACEHOLDER = "sha256:" + "0" * 64
_SEAL = re.compile(rb"sha256:([0-9a-f]{64})")


def sealed(pdf: bytes) -> bytes:
    """Return a PDF that holds `PLACEHOLDER` with its seal in each place of it."""
    assert PLACEHOLDER.encode() in pdf, "the template states the seal in its keywords"
    seal = b"sha256:" + hashlib.sha256(pdf).hexdigest().encode()
    return pdf.replace(PLACEHOLDER.encode(), seal)


def seal_of(pdf: bytes) -> str | None:
    """Return the hash that a PDF states of itself; None if it has no seal."""
    found = _SEAL.search(pdf)
    return found[1].decode() if found else None


def is_intact(pdf: bytes) -> bool:
    """Tell whether a sealed PDF is, byte for byte, what was sealed."""
    seal = seal_of(pdf)
    if seal is None:
        return False
    bare = pdf.replace(b"sha256:" + seal.encode(), PLACEHOLDER.encode())
    return hashlib.sha256(bare).hexdigest() == seal


def seal_findings(pdf: bytes) -> tuple[list[str], list[str]]:
    """Return what is well with the seal of a PDF, and what is wrong, in words."""
    if is_intact(pdf):
        return [f"seal: every byte is as it was sealed ({seal_of(pdf)})"], []
    return [], ["seal: the file was changed after it was written"]
