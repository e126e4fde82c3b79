"""`mailsys setup`, `settings` and `unit`: what a new server needs before it runs."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from pathlib import Path
from typing import Any

import msgspec

from mailsys.assembly import check_storage
from mailsys.cli.administer import show_records
from mailsys.cli.alone import run_alone
from mailsys.cli.passwords import ask
from mailsys.cli.problem import DONE, USAGE, Problem
from mailsys.core.bad_field import BadField
from mailsys.running import known_user_and_group
from mailsys.services.access.own_password import check_new_password
from mailsys.services.operating import commands as c
from mailsys.services.operating.administration import Administration
from mailsys.services.operating.certificates import CertificateError, LoadedCertificate, write_self_signed
from mailsys.settings import Settings, SettingsError
from mailsys.settings_file import example, load, parse


def run(options: argparse.Namespace) -> int:
    """Repeatable: settings, keys, domain and account that exist already are left as they are."""
    path = Path(options.config).absolute()
    password = None
    if path.exists():
        settings = _load(path)
        _check_names(settings)
        print(f"{path} exists; it is used as it is.")
    else:  # all that can be wrong is found before anything is written
        _check_names(Settings(user=options.user))
        if options.account:
            password = ask(options.password_file, f"Password of {options.account}")
            _check_password(password, options.account)
        settings = _write_settings(options, path)
        print(f"{path} written.")
    state = Path(settings.state)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key = state / settings.tls.certificate, state / settings.tls.key
    if write_self_signed(certificate, key, [settings.hostname]):
        print(f"{certificate} written: self-signed, until you put a real one there and send SIGHUP.")
    _hand_over(settings)
    records = run_alone(settings, lambda administration: _fill(options, settings, administration, password))
    print(f"\nDNS records to publish for {settings.domain}:\n")
    show_records(records)
    print(
        f"; Also: A and AAAA records of {settings.hostname}, and PTR records of those addresses back to it."
    )
    print(f"\nStart it with:  twistd -n mailsys --config {path}")
    print("As a service:   mailsys unit --config FILE  prints a systemd unit.")
    return DONE


def settings(options: argparse.Namespace) -> int:
    if options.config:
        complaints = _complaints(_load(Path(options.config)))
        for complaint in complaints:
            print(f"mailsys: {options.config}: {complaint}", file=sys.stderr)
        if complaints:
            return USAGE
        print(f"{options.config}: good")
        return DONE
    print(example(), end="")
    return DONE


def _complaints(settings: Settings) -> list[str]:
    """What would keep a server with these settings from starting, though they are well written."""
    found = []
    for check in (known_user_and_group, check_storage):
        try:
            check(settings)
        except SettingsError as problem:
            found.append(str(problem))
    state = Path(settings.state)
    try:
        LoadedCertificate(state / settings.tls.certificate, state / settings.tls.key)
    except CertificateError as problem:
        found.append(f"tls: {problem}")
    return found


def _check_names(settings: Settings) -> None:
    try:
        known_user_and_group(settings)
    except SettingsError as problem:
        raise Problem(str(problem), USAGE) from None


def _check_password(password: str, address: str) -> None:
    try:
        check_new_password(password, address)
    except BadField as problem:
        raise Problem(problem.text) from None


def unit(options: argparse.Namespace) -> int:
    twistd = Path(sys.executable).with_name("twistd")
    print(_UNIT.format(twistd=twistd, config=Path(options.config).absolute()), end="")
    return DONE


_UNIT = """\
[Unit]
Description=mailsys: SMTP, submission and IMAP4
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={twistd} --nodaemon --pidfile= mailsys --config {config}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
TimeoutStopSec=90
# It starts as root to bind its ports and becomes the `user` of its settings at once.
# To keep the key that seals secrets in the store away from it: move the file "secret" of the state folder to
# /etc/mailsys/key, readable by root alone, and uncomment:
# LoadCredential=mailsys-key:/etc/mailsys/key
CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID CAP_DAC_OVERRIDE
LimitNOFILE=65536
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full
ProtectHome=read-only

[Install]
WantedBy=multi-user.target
"""


def _load(path: Path) -> Settings:
    try:
        return load(path)
    except SettingsError as problem:
        raise Problem(str(problem), USAGE) from None


def _write_settings(options: argparse.Namespace, path: Path) -> Settings:
    domain = options.domain or _question("Mail domain (the part after the @)", "")
    hostname = options.hostname or _question("This server's name", f"mail.{domain}")
    try:
        settings = parse({"domain": domain, "hostname": hostname})
    except SettingsError as problem:
        raise Problem(str(problem), USAGE) from None
    settings = msgspec.structs.replace(settings, user=options.user)
    if options.state_folder:
        settings = msgspec.structs.replace(settings, state=str(Path(options.state_folder).absolute()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(example(settings))
    return _load(path)


async def _fill(
    options: argparse.Namespace, settings: Settings, administration: Administration, password: str | None
) -> list[dict[str, str]]:
    """Add the domain and the account that are asked for, unless they are there; the DNS records. The account
    is an administrator, so there can only be one such."""
    perform = administration.perform
    domains: Any = await perform(c.ListDomains())
    postmaster = next((each["postmaster"] for each in domains if each["name"] == settings.domain), None)
    if postmaster is None:
        await perform(c.AddDomain(name=settings.domain))
        print(f"Domain {settings.domain} added, with DKIM keys (RSA-2048 and Ed25519).")
    accounts: Any = await perform(c.ListAccounts())
    if options.account or not accounts:
        wanted = options.account or _question("First account", f"postmaster@{settings.domain}")
        if "@" not in wanted:
            wanted = f"{wanted}@{settings.domain}"
        if any(each["address"] == wanted.lower() for each in accounts):
            print(f"Account {wanted} exists.")
        elif any(each["admin"] for each in accounts):
            raise Problem(
                "There is an administrator already; `mailsys account add` makes other accounts, "
                "and with --admin other administrators"
            )
        else:
            password = password or ask(options.password_file, f"Password of {wanted}")
            await perform(c.AddAccount(address=wanted, password=password, admin=True))
            print(f"Account {wanted} added.")
        if not postmaster:
            await perform(c.ChangeDomain(name=settings.domain, postmaster=wanted))
            print(f"It also reads postmaster@{settings.domain} and abuse@{settings.domain}.")
    records: Any = await perform(c.DomainRecords(name=settings.domain))
    return list(records)


def _hand_over(settings: Settings) -> None:
    """The state folder belongs to the user that the server runs as."""
    if not settings.user or os.geteuid() != 0:
        return
    user = pwd.getpwnam(settings.user)
    for folder, _, files in os.walk(settings.state):
        for name in (".", *files):
            os.chown(os.path.join(folder, name), user.pw_uid, user.pw_gid, follow_symlinks=False)


def _question(text: str, default: str) -> str:
    if not sys.stdin.isatty():
        raise Problem(f"{text}: give it as an option when there is no terminal", USAGE)
    answer = input(f"{text}{f' [{default}]' if default else ''}: ").strip() or default
    if not answer:
        raise Problem(f"{text}: an answer is needed", USAGE)
    return answer
