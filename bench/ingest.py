"""Ingest: mail in over SMTP until all of it is visible over IMAP, us against Postfix + Dovecot LMTP.

    python bench/ingest.py [--messages 5000] [--length 4096] [--sessions 20] [--recipients 1] [--rounds 5]
        [--before CHECKOUT] [--ours-only]

All rounds are one run: each measures everybody in turn, forwards and backwards by turns, each from an empty
store. Printed are each round with the machine's load, then medians and spread, the ratio of the medians, and
the ratio of each round: neighbours in time suffer the same load, so its median is the one to trust on a busy
machine. `--before` measures another working copy (with a .venv) in the same rounds. Our CPU is that of all
threads of the server, which other load changes little. `smtp-source` comes with Postfix.
"""

from __future__ import annotations

import argparse
import imaplib
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from postfix_dovecot import DOMAIN, PASSWORD, PostfixDovecot
from system import Mailsys

_PATIENCE = 300.0  # seconds a round may take: then something hangs

OURS, BEFORE, THEIRS = "mailsys", "before", "postfix+dovecot"


@dataclass(frozen=True, slots=True)
class Result:
    rate: float  # messages per second, from the first octet to the last message visible
    cpu: float = 0.0  # milliseconds of the server's CPU per message; 0: not known


def visible(imap: int, user: str) -> int:
    client = imaplib.IMAP4("127.0.0.1", imap, timeout=_PATIENCE)
    client.login(user, PASSWORD)
    _, data = client.select("INBOX", readonly=True)
    client.logout()
    return int(data[0])


class Load:
    def __init__(self, source: str, options: argparse.Namespace) -> None:
        self.messages: int = options.messages
        self.patience = max(_PATIENCE, options.messages / 20)
        # smtp-source -r N sends to Nuser ... 2user and, last, to user itself.
        self.users = [f"user@{DOMAIN}", *(f"{n}user@{DOMAIN}" for n in range(2, options.recipients + 1))]
        self._command = [source, "-s", str(options.sessions), "-m", str(options.messages)]
        self._command += ["-l", str(options.length), "-f", "load@elsewhere.test"]
        if options.recipients > 1:
            self._command += ["-r", str(options.recipients)]
        self._command += ["-t", self.users[0]]

    def rate(self, smtp: int, imap: int, login: str) -> float:
        before = visible(imap, login)
        started = time.monotonic()
        try:
            subprocess.run([*self._command, f"127.0.0.1:{smtp}"], check=True, timeout=self.patience)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"smtp-source was not done after {self.patience:.0f} s") from None
        except subprocess.CalledProcessError as failed:
            raise SystemExit(f"smtp-source failed: exit {failed.returncode}") from None
        while (found := visible(imap, login) - before) < self.messages:
            if time.monotonic() - started > self.patience:
                raise SystemExit(f"{found} of {self.messages} visible after {self.patience:.0f} s")
            time.sleep(0.02)
        return self.messages / (time.monotonic() - started)

    def ours(self, checkout: str | None) -> Result:
        accounts = [word for user in self.users for word in ("--account", f"{user}:{PASSWORD}")]
        with Mailsys("--no-checks", *accounts, domain=DOMAIN, checkout=checkout) as system:
            cpu = system.cpu()
            rate = self.rate(system.smtp, system.imap, self.users[0])
            return Result(rate, (system.cpu() - cpu) / self.messages * 1e3)

    def theirs(self, location: str) -> Result:
        with PostfixDovecot(location) as pair:
            return Result(self.rate(pair.smtp, pair.imap, self.users[0].partition("@")[0]))


def spread(values: Sequence[float], form: str) -> str:
    """Median, and from where to where."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--length", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--recipients", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--location", default="maildir:~/Maildir")
    parser.add_argument("--before", metavar="CHECKOUT", help="measure this working copy too")
    parser.add_argument("--ours-only", action="store_true", help="without Postfix and Dovecot")
    options = parser.parse_args()
    source = shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if source is None:
        raise SystemExit("smtp-source is missing: install postfix")
    load = Load(source, options)
    systems: dict[str, Callable[[], Result]] = {OURS: lambda: load.ours(None)}
    if options.before:
        systems[BEFORE] = lambda: load.ours(options.before)
    if not options.ours_only:
        systems[THEIRS] = lambda: load.theirs(options.location)
    found: dict[str, list[Result]] = {name: [] for name in systems}
    for number in range(options.rounds):
        order = list(systems) if number % 2 else list(reversed(systems))
        for name in order:
            found[name].append(systems[name]())
        figures = "   ".join(f"{name} {results[-1].rate:.0f}/s" for name, results in found.items())
        print(f"{number + 1}: {figures}   load {os.getloadavg()[0]:.1f}", flush=True)
    for name, results in found.items():
        text = f"{name:16} {spread([each.rate for each in results], '.0f')} messages/s"
        if results[0].cpu:
            text += f", CPU {spread([each.cpu for each in results], '.3f')} ms each"
        print(text)
    for name in list(found)[1:]:
        ratios = [ours.rate / other.rate for ours, other in zip(found[OURS], found[name], strict=True)]
        medians = [statistics.median(each.rate for each in found[which]) for which in (OURS, name)]
        print(f"{OURS} / {name}: {medians[0] / medians[1]:.2f} of medians; by round {spread(ratios, '.2f')}")


if __name__ == "__main__":
    main()
