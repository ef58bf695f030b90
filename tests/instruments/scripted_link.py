"""A link of scripted exchanges, for bytes that no emulator made."""

from collections.abc import Iterable

from qc_daemon.domain.errors import LinkLost


class ScriptedLink:
    """Expects what the host sends, in order, and answers each with its bytes.

    Keeps the promises of a link: at most the bytes of one answer at a time, nothing while closed. An
    answer of b"" is a device that stays silent.
    """

    def __init__(self, exchanges: Iterable[tuple[bytes, bytes]]) -> None:
        self._exchanges = list(exchanges)
        self._incoming: list[bytes] = []
        self.is_open = False

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def read_some(self, timeout_s: float) -> bytes:
        assert timeout_s <= 0.5, "a stop would be noticed too late"
        if not self.is_open:
            raise LinkLost("closed")
        return self._incoming.pop(0) if self._incoming else b""

    def write_all(self, data: bytes) -> None:
        assert self._exchanges, f"nothing more was expected, but {data!r} came"
        expected, answer = self._exchanges.pop(0)
        assert data == expected
        if answer:
            self._incoming.append(answer)

    @property
    def exhausted(self) -> bool:
        """Whether every answer was asked for and every byte was read."""
        return not self._exchanges and not self._incoming
