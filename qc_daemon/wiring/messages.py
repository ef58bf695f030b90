"""Puts the outbox of a station and the sender of its messages together.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.domain.outbox import MessageKind, Outbox
from qc_daemon.settings.mqtt import MqttSection
from qc_daemon.status import StatusBoard
from qc_daemon.wiring.station import inspection_store
from qc_daemon.workplace import Workplace


def open_outbox(config: Config, workplace: Workplace) -> Outbox:
    """Return the outbox of a station that keeps messages for the destinations of its configuration."""
    from storage.outbox import SqlOutbox

    outbox = SqlOutbox(inspection_store(workplace))
    sections = {"mqtt": config.mqtt, "plant": config.plant}
    outbox.keep_for([name for name, section in sections.items() if section is not None])
    return outbox


@contextmanager
def open_publisher(
    config: Config, outbox: Outbox, board: StatusBoard, alarms: Alarms
) -> Iterator[Mapping[str, Callable[[], bool]]]:
    """Publish to the broker of a configuration, if it has one; return what tells whether the thread lives."""
    if config.mqtt is None:
        yield {}
        return
    from qc_daemon.publishing import Broker, Publisher

    section = config.mqtt
    broker = Broker(
        host=section.host,
        port=section.port,
        topic=section.topic,
        client_id=f"qc-{section.topic.replace('/', '-')}",
        username=section.username,
        password=_password(section),
        ca_certificate=section.ca_certificate,
    )
    with Publisher(broker, outbox, board, alarms) as publisher:
        yield {"mqtt": publisher.is_alive}


def send_ledger_head(workplace: Workplace, outbox: Outbox) -> Callable[[], None]:
    """Return the job that has others keep the newest entry of the ledger, so that a rewrite is seen."""
    from storage.outbox import as_json

    store, clock = inspection_store(workplace), SystemClock()

    def send() -> None:
        head, at = store.ledger_head(), clock.now()
        message_id = f"ledger-{head.sequence}-{head.sha256[:16]}"
        content = {"id": message_id, "sequence": head.sequence, "sha256": head.sha256, "at": at.isoformat()}
        outbox.add(MessageKind.LEDGER, message_id, as_json(content), at)

    return send


def _password(section: MqttSection) -> str | None:
    if section.password_file is None:
        return None
    return section.password_file.read_text(encoding="utf-8").strip()
