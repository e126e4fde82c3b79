"""`mailsys local` and `twistd mailsys` as child processes, for tests that talk to the whole system."""

from __future__ import annotations

import imaplib
import json
import select
import smtplib
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds; a busy machine starts a server in 20


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "mailsys.cli.main", *words]


def mailsys(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """One command to its end; `text` is its standard input."""
    return subprocess.run(
        command(*words), input=text, capture_output=True, text=True, timeout=60, check=False
    )


class LocalSystem:
    """A running `mailsys local`. `ready` is what it printed; its log is in `log` once it stopped."""

    def __init__(self, *options: str, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log = (self.folder / "log").open("ab+")
        began = time.monotonic()
        self.process = subprocess.Popen(
            command("local", *options), stdout=subprocess.PIPE, stderr=self._log, stdin=subprocess.DEVNULL
        )
        line = first_line(self.process)
        self.start_up = time.monotonic() - began  # seconds until it was ready
        if not line:
            self.stop()
            raise AssertionError(f"mailsys local did not start:\n{self.log}")
        self.ready: dict[str, Any] = json.loads(line)

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]

    @property
    def state(self) -> Path:
        return Path(self.ready["state"])

    def port(self, service: str) -> int:
        return int(self.ready[service].rpartition(":")[2])

    def account(self, number: int = 0) -> tuple[str, str]:
        account = self.ready["accounts"][number]
        return account["address"], account["password"]

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port("smtp"), "client.test", timeout=PATIENCE)

    def submission(self, number: int = 0, tls: bool = True) -> smtplib.SMTP:
        """Signed in, after STARTTLS unless not `tls`."""
        client = smtplib.SMTP("127.0.0.1", self.port("submission"), "client.test", timeout=PATIENCE)
        if tls:
            client.starttls(context=self.trust())
        client.login(*self.account(number))
        return client

    def imap(self, number: int = 0) -> imaplib.IMAP4:
        """Signed in over implicit TLS."""
        client = imaplib.IMAP4_SSL(
            "localhost", self.port("imaps"), ssl_context=self.trust(), timeout=PATIENCE
        )
        client.login(*self.account(number))
        return client

    def trust(self) -> ssl.SSLContext:
        """Trusts this system's certificate only. It names localhost, not 127.0.0.1's other names."""
        context = ssl.create_default_context(cafile=str(self.state / "tls" / "certificate.pem"))
        context.check_hostname = False
        return context

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()

    def close(self) -> None:
        """For addCleanup: whatever happened, nothing is left running."""
        self.stop()
        self._log.close()


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    """The first line of its standard output; b"" when it ended without, or is too slow."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    return process.stdout.readline() if ready else b""


def message(subject: str, sender: str = "someone@elsewhere.test", to: str = "alice@local.test") -> bytes:
    return (
        (
            f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n"
            "Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{subject}@elsewhere.test>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHello.\r\n.\r\n..two dots\r\n"
        )
        .replace("{subject}", subject.replace(" ", "."))
        .encode()
    )


def wait_for(what: Any, *arguments: Any, within: float = PATIENCE) -> Any:
    """Call until it gives something true. For states that no reply announces."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := what(*arguments):
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {within} s for {what} in vain")


def subjects(client: imaplib.IMAP4, mailbox: str = "INBOX") -> list[str]:
    """The Subject of every message of a mailbox, in order."""
    client.select(mailbox, readonly=True)
    _, found = client.search(None, "ALL")
    numbers: Sequence[bytes] = found[0].split()
    if not numbers:
        return []
    _, parts = client.fetch(b",".join(numbers).decode(), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [part[1].decode().strip().removeprefix("Subject: ") for part in parts if isinstance(part, tuple)]
