"""The page over TLS, in its own process, with a certificate that the test signs itself."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from builders_storage import station_store
from page_kit import log_in

from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.config import Config, EmulatedLineSection
from qc_daemon.desk_socket import DeskSocket
from qc_daemon.domain.people import Role
from qc_daemon.domain.requests import AddPerson, Credential, CredentialKind
from qc_daemon.settings.web import WebSection
from qc_daemon.status import StatusBoard
from qc_daemon.wiring.archive import status_file
from qc_daemon.wiring.web import open_page
from storage.alarm_rows import SqlAlarmStore

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="no openssl here: apt-get install openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "page.pem", folder / "page.key"
    subprocess.run(
        [
            str(OPENSSL), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", "/CN=line-3", "-addext", "subjectAltName=IP:127.0.0.1",
            "-out", str(certificate), "-keyout", str(key),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]
) -> Iterator[tuple[Path, str]]:
    """Serve the page of an empty station; yield its folder and its address."""
    folder = tmp_path_factory.mktemp("tls-page") / "station"
    web = WebSection(port=0, tls_certificate=certificate[0], tls_key=certificate[1])
    config = Config(station={"folder": folder}, emulated_line=EmulatedLineSection(), web=web)
    said: list[str] = []
    clock = SystemClock()
    with station_store(folder) as store:
        board = StatusBoard(status_file(folder), clock)
        board.update(state="running")
        alarms = Alarms(board, SqlAlarmStore(store), clock)
        with open_page(config, store, alarms, said.append) as (child,):
            assert child.pid
            yield folder, said[0].removeprefix("the operators' page is on ")


def test_people_log_in_over_tls_and_their_cookies_stay_there(
    served: tuple[Path, str], certificate: tuple[Path, Path]
) -> None:
    folder, address = served
    console = Credential(CredentialKind.CONSOLE, "tester")
    password = DeskSocket(folder).ask(console, AddPerson("Wei", Role.OPERATOR)).secret
    assert address.startswith("https://127.0.0.1:")
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    # The connection waits until the process of the page serves.
    with httpx.Client(base_url=address, verify=trusted, timeout=120) as client:
        answer = log_in(client, "Wei", password)
        (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("qc_session=")]
        assert "Secure" in cookie
        shown = client.get("/alarms")
        assert shown.status_code == 200
        assert "max-age" in shown.headers["strict-transport-security"]


def test_nothing_is_said_without_tls_nor_to_who_does_not_know_the_certificate(
    served: tuple[Path, str],
) -> None:
    _, address = served
    with pytest.raises(httpx.TransportError):
        httpx.get(address.replace("https:", "http:") + "/login", timeout=60)
    with pytest.raises(httpx.ConnectError, match="self-signed"):
        httpx.get(address + "/login", timeout=60)
