"""`mailsys local` as a child process, for the benchmarks."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path


class Mailsys:
    """A running system. `smtp`, `submission`, `imap` ... are ports; `pid` its process.

    `state`: keep the store there (else a throw-away one). Its log goes to `log`, or nowhere. `checkout`:
    run another working copy, by the `.venv` in it, to be compared with this one.
    """

    def __init__(
        self,
        *options: str,
        domain: str,
        state: str | None = None,
        log: str | None = None,
        checkout: str | None = None,
    ) -> None:
        command = [*self.command("local"), "--domain", domain, *options]
        if state is not None:
            command += ["--state", state]
        if checkout is not None:
            command[0] = str(Path(checkout, ".venv/bin/python").absolute())
        self._log = open(log, "ab") if log else subprocess.DEVNULL  # noqa: SIM115 - lives as long as the child
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, cwd=checkout)
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise SystemExit(f"mailsys local did not start: exit {self.child.wait(10)}")
        self.ready = json.loads(line)
        self.pid = self.child.pid
        for name in ("smtp", "submission", "submissions", "imap", "imaps"):
            setattr(self, name, int(self.ready[name].rsplit(":", 1)[1]))

    @staticmethod
    def command(*words: str) -> list[str]:
        """The command line of one `mailsys` command."""
        return [sys.executable, "-m", "mailsys.cli.main", *words]

    smtp: int
    submission: int
    submissions: int
    imap: int
    imaps: int

    def kill(self) -> None:
        """Pull the plug: SIGKILL."""
        self.child.kill()
        self.child.wait()

    def stop(self) -> int:
        self.child.terminate()
        return self.child.wait(60)

    def rss(self) -> int:
        """Resident octets."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100.0

    def __enter__(self) -> Mailsys:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.child.poll() is None:
            self.stop()
