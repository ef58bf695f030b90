"""Sends what the outbox holds to an MQTT broker, and keeps the station's state there.

A thread of its own: a broker that is away holds nothing up. Messages go out in order, with QoS 1, and only
what the broker acknowledged counts as sent; after a break the last few may come twice, with the same id.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import aiomqtt
import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.domain.errors import StoreUnavailable
from qc_daemon.domain.line import StationState
from qc_daemon.domain.outbox import Outbox, OutboxMessage
from qc_daemon.domain.waits import growing_waits
from qc_daemon.status import StatusBoard

log = structlog.get_logger()

DESTINATION = "mqtt"
_AT_ONCE = 50
_LOOK_S = 0.2
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_KEEPALIVE_S = 20
_TIMEOUT_S = 10.0
_OFFLINE = json.dumps({"state": "offline"})
_SHOWN = ("state", "instruments", "last_inspection", "journal_pending", "line", "alarm_details")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how it is spoken to; `password` and `ca_certificate` may be None."""

    host: str
    port: int
    topic: str
    client_id: str
    username: str
    password: str | None
    ca_certificate: Path | None


class Publisher:
    """Publishes from `with` until its end.

    Args:
        broker: where to.
        outbox: what waits.
        board: has the state; hears whether the broker is there, and how many messages went out.
        alarms: hear of a broker that is away.
    """

    def __init__(self, broker: Broker, outbox: Outbox, board: StatusBoard, alarms: Alarms) -> None:
        self._broker = broker
        self._outbox = outbox
        self._board = board
        self._alarms = alarms
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="mqtt", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_TIMEOUT_S)

    def is_alive(self) -> bool:
        """Tell whether its thread is there."""
        return self._thread.is_alive()

    async def _serve(self) -> None:
        waits = growing_waits(_FIRST_WAIT_S, _LONGEST_WAIT_S)
        while not self._stop.is_set():
            try:
                async with self._client() as client:
                    waits = growing_waits(_FIRST_WAIT_S, _LONGEST_WAIT_S)
                    self._found()
                    await self._publish_until_stop(client)
            except (aiomqtt.MqttError, OSError) as error:
                self._lost(error)
                await self._pause(next(waits))

    def _client(self) -> aiomqtt.Client:
        broker = self._broker
        context = ssl.create_default_context(cafile=broker.ca_certificate) if broker.ca_certificate else None
        return aiomqtt.Client(
            broker.host,
            broker.port,
            identifier=broker.client_id,
            username=broker.username or None,
            password=broker.password,
            will=aiomqtt.Will(f"{broker.topic}/state", _OFFLINE, qos=1, retain=True),
            tls_context=context,
            keepalive=_KEEPALIVE_S,
            timeout=_TIMEOUT_S,
        )

    async def _publish_until_stop(self, client: aiomqtt.Client) -> None:
        shown = ""
        while not self._stop.is_set():
            state = self._state()
            if state != shown:
                await client.publish(f"{self._broker.topic}/state", state, qos=1, retain=True)
                shown = state
            if not await self._send_next(client):
                await self._pause(_LOOK_S)
        await client.publish(f"{self._broker.topic}/state", _OFFLINE, qos=1, retain=True)

    async def _send_next(self, client: aiomqtt.Client) -> bool:
        """Send the next messages; tell whether there may be more."""
        try:
            messages = self._outbox.after(DESTINATION, _AT_ONCE)
            for message in messages:
                await self._send(client, message)
        except StoreUnavailable as error:
            log.warning("outbox away", error=str(error))
            return False
        return len(messages) == _AT_ONCE

    async def _send(self, client: aiomqtt.Client, message: OutboxMessage) -> None:
        await client.publish(f"{self._broker.topic}/{message.kind.value}", message.payload, qos=1)
        self._outbox.advance(DESTINATION, message.sequence)

        def one_more(sent: Mapping[str, int]) -> dict[str, int]:
            return {**sent, DESTINATION: sent.get(DESTINATION, 0) + 1}

        self._board.count(lambda figures: replace(figures, messages_sent=one_more(figures.messages_sent)))

    def _state(self) -> str:
        """Return what everybody may know of the station, without heartbeats, which always change."""
        status: dict[str, Any] = asdict(self._board.status)
        return json.dumps({name: status[name] for name in _SHOWN}, ensure_ascii=False)

    def _found(self) -> None:
        log.info("broker connected", host=self._broker.host, port=self._broker.port)
        self._alarms.clear("mqtt")
        self._board.update(broker="connected")

    def _lost(self, error: Exception) -> None:
        if self._board.status.state != StationState.STOPPED.value:
            where = f"{self._broker.host}:{self._broker.port}"
            self._alarms.raise_alarm("mqtt", f"{where}: {error or type(error).__name__}")
        self._board.update(broker="away")

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until the stop."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + seconds
        while not self._stop.is_set() and (left_s := until_s - loop.time()) > 0.0:
            await asyncio.sleep(min(left_s, _LOOK_S))
