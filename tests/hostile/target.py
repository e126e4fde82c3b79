"""A server in a process of its own to attack, with a witness: what another client waits meanwhile,
and what memory the server takes."""

from __future__ import annotations

import atexit
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import ClassVar
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.system.local import mailsys, wait_for

TWISTD = Path(sys.executable).with_name("twistd")
HERE = "127.0.0.1"
USER, PASSWORD = b"me@example.org", b"open sesame"
SERVICES = ("smtp", "submission", "submissions", "imap", "imaps")
MB = 1024 * 1024

Limits = dict[str, str]  # settings by name, as TOML


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((HERE, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@lru_cache(maxsize=1)
def _set_up() -> Path:
    """A folder as `mailsys setup` makes it. Its keys take seconds, so each server gets a copy."""
    folder = Path(tempfile.mkdtemp(prefix="mailsys-hostile-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    done = mailsys(
        "setup",
        *("--config", str(folder / "mailsys.toml"), "--domain", "example.org"),
        *("--hostname", "mail.example.org", "--account", USER.decode(), "--password-file", "-"),
        text=PASSWORD.decode() + "\n",
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    return folder


class Server:
    """`twistd mailsys` for example.org, with settings that differ from the defaults by `settings`."""

    def __init__(self, settings: Limits) -> None:
        if not Path("/proc/self/clear_refs").exists():
            raise SkipTest("peak memory is told by Linux's /proc")
        self.folder = Path(tempfile.mkdtemp(prefix="mailsys-hostile-"))
        config = self.folder / "mailsys.toml"
        shutil.copytree(_set_up(), self.folder, dirs_exist_ok=True)
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        values = {name: f'["{HERE}:{port}"]' for name, port in self.ports.items()}
        values |= {"https": "[]", "login_without_tls_on_loopback": "true"} | settings
        text = config.read_text()
        for name, value in values.items():
            if f"\n# {name} =" not in text:
                raise AssertionError(f"no setting {name}")
            text = text.replace(f"\n# {name} =", f"\n{name} = {value}\n# {name} =", 1)
        config.write_text(text)
        self._log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [str(TWISTD), "--nodaemon", "--pidfile=", "mailsys", "--config", str(config)],
            stdout=self._log,
            stderr=self._log,
            cwd=self.folder,
        )
        wait_for(lambda: '"event":"started"' in self.log or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise AssertionError(self.log)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def memory(self) -> dict[str, int]:
        """Octets: VmRSS of now, VmHWM the peak."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return {
            name: int(value.split()[0]) * 1024
            for name, _, value in (line.partition(":") for line in lines)
            if name in ("VmRSS", "VmHWM")
        }

    def forget_peak(self) -> int:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return self.memory()["VmRSS"]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Wire:
    """A blocking connection that says octets and hears lines. `ConnectionError`: it was dropped."""

    def __init__(self, port: int, tls: bool = False) -> None:
        self.socket: socket.socket = socket.create_connection((HERE, port), timeout=10)
        self.heard = b""
        if tls:
            self.start_tls()

    def start_tls(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def say(self, *data: bytes) -> Wire:
        for each in data:
            self.socket.sendall(each)
        return self

    def try_to_say(self, data: bytes) -> bool:
        """False: it was dropped before all was taken."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLError):
            return False
        return True

    def line(self) -> bytes:
        while b"\n" not in self.heard:
            self._hear()
        line, _, self.heard = self.heard.partition(b"\n")
        return line + b"\n"

    def until(self, start: bytes) -> list[bytes]:
        """Lines up to the first that begins so."""
        lines = [self.line()]
        while not lines[-1].startswith(start):
            lines.append(self.line())
        return lines

    def reply(self) -> bytes:
        """An SMTP reply."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return b"".join(lines)

    def to_the_end(self) -> bytes:
        """All that is said until it is closed."""
        try:
            while True:
                self._hear()
        except (ConnectionError, ssl.SSLError):
            return self.heard

    def _hear(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError(f"closed after {self.heard[-200:]!r}")
        self.heard += data

    def close(self) -> None:
        self.socket.close()


class Witness(threading.Thread):
    """Asks NOOP on a connection of its own all the while."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(daemon=True)
        self._wire = wire
        self._over = threading.Event()
        self.waits: list[float] = []
        self.problem: Exception | None = None

    def run(self) -> None:
        try:
            while not self._over.is_set():
                began = time.monotonic()
                self._wire.say(b"w NOOP\r\n").until(b"w OK")
                self.waits.append(time.monotonic() - began)
                self._over.wait(0.005)
        except Exception as problem:
            self.problem = problem

    def stop(self) -> None:
        self._over.set()
        self.join(20)
        self._wire.close()


_SHARED: list[Server] = []  # starting one takes longer than most attacks


class HostileTestCase(SynchronousTestCase):
    """Tests share one server, unless their class is `alone` or has settings."""

    settings: ClassVar[Limits] = {}
    server: ClassVar[Server]
    alone: ClassVar[bool] = False  # a server of its own

    @classmethod
    def setUpClass(cls) -> None:
        if cls.alone or cls.settings:
            cls.server = Server(cls.settings)
            return
        if not _SHARED or _SHARED[0].process.poll() is not None:
            _SHARED[:] = [Server({})]
            atexit.register(_SHARED[0].stop)
        cls.server = _SHARED[0]

    @classmethod
    def tearDownClass(cls) -> None:
        if cls.server not in _SHARED:
            cls.server.stop()

    def dial(self, service: str) -> Wire:
        wire = Wire(self.server.ports[service], tls=service in ("imaps", "submissions"))
        self.addCleanup(wire.close)
        return wire

    def smtp(self, service: str = "smtp") -> Wire:
        """Greeted."""
        wire = self.dial(service)
        wire.reply()
        wire.say(b"EHLO evil.example.net\r\n").reply()
        return wire

    def imap(self, select: bytes = b"") -> Wire:
        """Signed in."""
        wire = self.dial("imap")
        wire.line()
        wire.say(b'l LOGIN %b "%b"\r\n' % (USER, PASSWORD)).until(b"l OK")
        if select:
            wire.say(b"s SELECT %b\r\n" % select).until(b"s OK")
        return wire

    @contextmanager
    def bounded(self, *, memory: int = 24 * MB, wait: float = 0.5, within: float = 20.0) -> Iterator[None]:
        """What happens inside takes `memory` octets at most beyond those of before, and `within`
        seconds; 99 of 100 NOOPs of another client are answered in `wait` seconds, a generous bound for
        machines that are busy with other tests: it is to be under 50 ms on one that is not."""
        witness = Witness(self.imap())
        before = self.server.forget_peak()
        began = time.monotonic()
        witness.start()
        try:
            yield
        finally:
            took = time.monotonic() - began
            witness.stop()
        self.assertIsNone(self.server.process.poll(), "the server is gone")
        peak = self.server.memory()["VmHWM"] - before
        waits = sorted(witness.waits)
        p99 = waits[int(len(waits) * 0.99)] if waits else float("inf")
        figures = f"{took:.2f} s, {peak / MB:+.1f} MB, NOOP n={len(waits)} p99 {p99 * 1e3:.1f} ms"
        sys.stdout.write(f"{self.id().rpartition('.')[2]}: {figures}\n")
        self.assertIsNone(witness.problem)
        self.assertLess(peak, memory, figures)
        self.assertLess(p99, wait, figures)
        self.assertLess(took, within, figures)

    def healthy(self) -> None:
        """Mail still comes in and is read."""
        wire = self.smtp()
        wire.say(b"MAIL FROM:<a@example.net>\r\nRCPT TO:<me@example.org>\r\nDATA\r\n")
        self.assertEqual([wire.reply()[:3] for _ in range(3)], [b"250", b"250", b"354"])
        self.assertTrue(wire.say(b"Subject: still\r\n\r\nhere\r\n.\r\n").reply().startswith(b"250"))


def deliver(wire: Wire, content: bytes, to: bytes = b"me@example.org") -> bytes:
    """What is said to the message; `content` has its dots stuffed and ends in CRLF."""
    wire.say(b"MAIL FROM:<a@example.net>\r\nRCPT TO:<%b>\r\nDATA\r\n" % to)
    for _ in range(3):
        wire.reply()
    return wire.say(content, b".\r\n").reply()


__all__ = ["HERE", "MB", "PASSWORD", "USER", "HostileTestCase", "Limits", "Server", "Wire", "deliver"]
