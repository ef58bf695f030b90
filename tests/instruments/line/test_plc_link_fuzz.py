"""Whatever a server replies, the link answers with registers or with one of its own errors."""

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest

from instruments.line.modbus_link import ModbusLink
from qc_daemon.domain.errors import InstrumentError

ROUNDS = 300


def a_reply(chance: random.Random, request: bytes) -> bytes:
    """Return noise, a frame of noise, or a well-formed reply that may be to another question."""
    kind, count = chance.randrange(5), chance.choice([29, chance.randrange(60)])
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 80))
    body = {
        1: bytes([chance.choice([request[7], request[7] | 0x80, chance.randrange(256)])])
        + chance.randbytes(chance.randrange(70)),
        2: bytes([3, 2 * count]) + chance.randbytes(2 * count),
        3: bytes([16, 0, 20, 0, 9]),
        4: bytes([request[7] | 0x80, 2]),
    }[kind]
    length = len(body) + 1 if chance.random() < 0.9 else chance.randrange(300)
    return request[:4] + struct.pack(">HB", length, 1) + body


def serve(server: socket.socket, chance: random.Random) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            with client, suppress(OSError):
                while request := client.recv(300):
                    client.sendall(a_reply(chance, request))
                    if chance.random() < 0.2:
                        break


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server, random.Random(7)), daemon=True).start()
        yield server.getsockname()[1]


def test_only_whole_replies_to_the_question_count(port: int) -> None:
    link = ModbusLink("127.0.0.1", port, 1, timeout_s=0.02)
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        try:
            link.open()
            words = link.read(0, 29)
            assert len(words) == 29 and all(0 <= word < 65536 for word in words)
            outcomes["read"] += 1
            link.write(20, words[:9])
            outcomes["written"] += 1
        except InstrumentError as error:
            outcomes[type(error).__name__] += 1
            assert str(error).startswith(f"PLC 127.0.0.1:{port}: ")
    link.close()
    assert set(outcomes) == {"read", "written", "ProtocolError", "LinkLost", "LinkTimeout"}
