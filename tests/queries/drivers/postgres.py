"""A PostgreSQL server for the tests: in a temporary folder, on a free port of the loopback interface."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDERS = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt")
_PORTS_TRIED = 5


@dataclass(frozen=True)
class Server:
    """Where the server listens; everybody on this machine may connect."""

    port: int
    user: str

    @property
    def address(self) -> str:
        """User, host, port and database, as the URLs of all drivers have them."""
        return f"{self.user}@127.0.0.1:{self.port}/postgres"

    @property
    def url(self) -> str:
        """What psycopg and asyncpg connect to."""
        return f"postgresql://{self.address}"


class NoServer(Exception):
    """There is no server here, and why."""


def binaries() -> Path:
    """The folder of the newest server installed; raises NoServer."""
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    folders = [path.parent for folder in _FOLDERS for path in Path(folder).glob("**/bin/postgres")]
    if not folders:
        raise NoServer("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    return max(
        folders, key=lambda path: [int(part) for part in path.parent.name.split(".") if part.isdigit()]
    )


def _other_user() -> dict[str, Any]:
    """How to start a process that is not root's, for the server refuses to be."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise NoServer("PostgreSQL refuses to run as root, and there is no user to run it as")


def _run(command: Sequence[str | Path], folder: Path, user: dict[str, Any]) -> bool:
    """Whether a command succeeded; what it says goes to a file, which a server left running may keep open."""
    with (folder / "output").open("ab") as output:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, **user
        )
    return done.returncode == 0


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server, and stop it; raises NoServer where that is not possible."""
    folder, user = binaries(), _other_user()
    home = Path(tempfile.mkdtemp(prefix="querycache-postgres-"))
    try:
        if user:
            os.chown(home, user["user"], user["group"])
        data = home / "data"
        initdb = (
            folder / "initdb",
            "-D",
            data,
            "-U",
            "tester",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--locale=C",
        )
        if not _run(initdb, home, user):
            raise NoServer(f"initdb failed: {(home / 'output').read_text(encoding='utf-8')[-300:]}")
        port = _started(folder, home, data, user)
        try:
            yield Server(port, "tester")
        finally:
            _run((folder / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"), home, user)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _started(folder: Path, home: Path, data: Path, user: dict[str, Any]) -> int:
    for _ in range(_PORTS_TRIED):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        settings = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=16MB"
        )
        start = (folder / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", settings, "start")
        if _run(start, home, user):
            return port
    raise NoServer(f"the server did not start: {(home / 'output').read_text(encoding='utf-8')[-300:]}")
