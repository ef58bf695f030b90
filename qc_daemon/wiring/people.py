"""People, seen from the console: asks the running station, or does it itself if none runs."""

import getpass
from datetime import timedelta

from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.domain.errors import InputError, Unavailable
from qc_daemon.domain.people import Person
from qc_daemon.domain.requests import Answer, AnswerKind, Credential, CredentialKind, Request
from qc_daemon.wiring.calibration import station_runs
from qc_daemon.wiring.database import open_inspections, open_store


def ask_at_console(config: Config, request: Request) -> str:
    """Have a request of the computer's own user done; return the secret that it made, if any.

    Raises:
        InputError: it cannot be done.
        Unavailable: the station does not answer.
    """
    from qc_daemon.desk import DeskSettings, FrontDesk
    from qc_daemon.desk_socket import DeskSocket
    from storage.people import SqlPeopleBook

    credential = Credential(CredentialKind.CONSOLE, getpass.getuser())
    if station_runs(config):
        if config.web is None:
            raise Unavailable("the station runs without a section [web]; stop it first")
        return _secret_of(DeskSocket(config.station.folder).ask(credential, request))
    with open_store(config) as store:
        people, stopped = SqlPeopleBook(store.reading, store.transaction), _StoppedStation()
        desk = FrontDesk(people, stopped, stopped.activate, SystemClock(), DeskSettings(timedelta()))
        return _secret_of(desk.ask(credential, request))


def known_people(config: Config) -> tuple[Person, ...]:
    """Return everybody, also while the station runs."""
    from storage.people import SqlPeopleReader

    with open_inspections(config) as reader:
        return SqlPeopleReader(reader.reading).people()


class _StoppedStation:
    """What needs a running station is not to be had."""

    def acknowledge_alarm(self, *_: str) -> str:
        """Refuse."""
        raise Unavailable("the station does not run")

    def escalate_alarm(self, *_: str) -> None:
        """Refuse."""
        raise Unavailable("the station does not run")

    def activate(self, *_: object) -> None:
        """Refuse; `qc-daemon models activate` does it while the station is stopped."""
        raise Unavailable("the station does not run")


def _secret_of(answer: Answer) -> str:
    from qc_daemon.web.texts import text_of

    if answer.kind is AnswerKind.DONE:
        return answer.secret
    told = text_of(answer.code, "en", subject=answer.subject)
    raise Unavailable(told) if answer.kind is AnswerKind.UNAVAILABLE else InputError(told)
