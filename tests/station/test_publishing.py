"""Messages of a station to a real broker in a process of its own."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from fakes import MemoryStore

from instruments.camera.image_codec import decode_image
from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.domain.outbox import MessageKind
from qc_daemon.publishing import Broker, Publisher
from qc_daemon.status import StatusBoard
from storage.inspection_store import open_store
from storage.outbox import SqlOutbox

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CHILD = Path(__file__).with_name("broker_child.py")


@contextmanager
def running_broker(port: int) -> Iterator[None]:
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Bench:
    """An outbox in a real database, and a publisher to a broker on a port."""

    def __init__(self, folder: Path, port: int, store: Any) -> None:
        clock = SystemClock()
        self.outbox = SqlOutbox(store)
        self.outbox.keep_for(["mqtt"])
        self.board = StatusBoard(folder / "status.json", clock)
        self.alarms = Alarms(self.board, MemoryStore(), clock)
        broker = Broker("127.0.0.1", port, "mill/line-1", "qc-test", "", None, None)
        self.publisher = Publisher(broker, self.outbox, self.board, self.alarms)

    def add(self, *names: str) -> None:
        for name in names:
            self.outbox.add(MessageKind.RESULT, name, json.dumps({"id": name}), NOW)


@pytest.fixture
def bench(tmp_path: Path, port: int) -> Iterator[Bench]:
    with open_store(tmp_path / "station", None, {}, decode_image) as store:
        yield Bench(tmp_path, port, store)


def until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def heard(port: int, topic: str, count: int) -> list[dict[str, Any]]:
    """Return the first messages that a subscriber gets; those of before it only if they are retained."""

    async def listen() -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []
        async with asyncio.timeout(20), aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe(topic, qos=1)
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                got.append(json.loads(message.payload))
                if len(got) == count:
                    break
        return got

    return asyncio.run(listen())


class Subscriber:
    """Listens in a thread from `with` on; the broker keeps what comes for it in order."""

    def __init__(self, port: int, topic: str, count: int) -> None:
        import threading

        self.got: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=lambda: self.got.extend(heard(port, topic, count)))
        self._thread.start()
        time.sleep(0.3)  # a subscription cannot be seen from outside

    def result(self) -> list[dict[str, Any]]:
        self._thread.join(25)
        return self.got


def test_results_go_out_in_order_and_once(bench: Bench, port: int) -> None:
    with running_broker(port):
        subscriber = Subscriber(port, "mill/line-1/result", 3)
        bench.add("a", "b", "c", "b")
        with bench.publisher:
            assert [one["id"] for one in subscriber.result()] == ["a", "b", "c"]
            until(lambda: bench.outbox.waiting("mqtt") == 0)
        assert bench.board.status.figures.messages_sent == {"mqtt": 3}


def test_what_happened_while_the_broker_was_down_goes_out_in_order_afterwards(
    bench: Bench, port: int
) -> None:
    with bench.publisher:
        until(lambda: bench.board.status.broker == "away")
        assert [alarm.code for alarm in bench.alarms.active] == ["mqtt"]
        began = time.monotonic()
        bench.add(*"abcdefgh")
        assert time.monotonic() - began < 2.0  # nobody waits for a broker
        with running_broker(port):
            subscriber = Subscriber(port, "mill/line-1/result", 8)
            assert "".join(one["id"] for one in subscriber.result()) == "abcdefgh"
            until(lambda: bench.alarms.active == ())


def test_the_state_stays_with_the_broker_and_says_when_the_station_is_gone(bench: Bench, port: int) -> None:
    with running_broker(port):
        with bench.publisher:
            bench.board.update(state="running")
            until(lambda: heard(port, "mill/line-1/state", 1)[0]["state"] == "running")
        assert heard(port, "mill/line-1/state", 1) == [{"state": "offline"}]


def test_each_destination_drains_the_outbox_alone(bench: Bench) -> None:
    bench.outbox.keep_for(["mqtt", "plant"])
    bench.add("a", "b", "c")
    first = bench.outbox.after("mqtt", 10)
    bench.outbox.advance("mqtt", first[-1].sequence)
    assert [one.id for one in bench.outbox.after("plant", 2)] == ["a", "b"]
    assert (bench.outbox.waiting("mqtt"), bench.outbox.waiting("plant")) == (0, 3)
    bench.outbox.advance("plant", first[-1].sequence)
    bench.add("d")  # a number is never given twice, also after all was delivered
    assert [one.sequence for one in bench.outbox.after("mqtt", 10)] == [first[-1].sequence + 1]


def test_without_a_destination_nothing_is_kept(bench: Bench) -> None:
    bench.outbox.keep_for([])
    bench.add("a")
    bench.outbox.keep_for(["mqtt"])
    assert bench.outbox.waiting("mqtt") == 0
