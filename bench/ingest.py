"""Ingest: mail in over SMTP until all of it is visible over IMAP, us against Postfix + Dovecot LMTP.

    python bench/ingest.py [--messages 5000] [--length 4096] [--sessions 20] [--recipients 1] [--rounds 3]

Each round measures both in turn; the ratio of medians is printed. `smtp-source` comes with Postfix.
"""

from __future__ import annotations

import argparse
import imaplib
import statistics
import subprocess
import time

from postfix_dovecot import DOMAIN, PASSWORD, PostfixDovecot
from system import Mailsys


def visible(imap: int, user: str, password: str) -> int:
    client = imaplib.IMAP4("127.0.0.1", imap)
    client.login(user, password)
    _, data = client.select("INBOX", readonly=True)
    client.logout()
    return int(data[0])


def run(
    smtp: int, imap: int, users: list[str], login: str, password: str, options: argparse.Namespace
) -> float:
    """Messages per second from the first byte to the last message visible."""
    before = visible(imap, login, password)
    command = [
        "smtp-source",
        "-s",
        str(options.sessions),
        "-m",
        str(options.messages),
        "-l",
        str(options.length),
    ]
    command += ["-f", "load@elsewhere.test"]
    if len(users) > 1:
        command += ["-r", str(len(users)), "-t", f"user@{DOMAIN}"]
    else:
        command += ["-t", users[0]]
    started = time.monotonic()
    subprocess.run([*command, f"127.0.0.1:{smtp}"], check=True)
    while visible(imap, login, password) < before + options.messages:
        if time.monotonic() - started > 600:
            raise SystemExit("not all became visible")
        time.sleep(0.02)
    return options.messages / (time.monotonic() - started)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--length", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--recipients", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--location", default="maildir:~/Maildir")
    options = parser.parse_args()
    # smtp-source -r N sends to Nuser ... 2user and, last, to user itself.
    users = [f"user@{DOMAIN}", *(f"{n}user@{DOMAIN}" for n in range(2, options.recipients + 1))]
    accounts = [word for user in users for word in ("--account", f"{user}:{PASSWORD}")]
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(options.rounds):
        with PostfixDovecot(options.location) as pair:
            theirs.append(run(pair.smtp, pair.imap, users, users[0].split("@")[0], PASSWORD, options))
        with Mailsys("--no-checks", *accounts, domain=DOMAIN) as system:
            ours.append(run(system.smtp, system.imap, users, users[0], PASSWORD, options))
        print(f"postfix+dovecot {theirs[-1]:8.0f}/s   mailsys {ours[-1]:8.0f}/s", flush=True)
    print(f"ratio of medians: {statistics.median(ours) / statistics.median(theirs):.2f}")


if __name__ == "__main__":
    main()
