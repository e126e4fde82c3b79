"""`mailsys account|domain|alias|queue|trace|check`: commands to a mail system, running or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mailsys.cli.control import ask_running, perform, settings_of
from mailsys.cli.passwords import ask
from mailsys.cli.printing import octets, progress, show_fields, show_json, show_table, text
from mailsys.cli.problem import DONE, REFUSED, USAGE, Problem
from mailsys.services.operating import commands as c
from mailsys.settings import SettingsError
from mailsys.settings_file import quantity

Row = Mapping[str, Any]

ACCOUNT = ("address", "name", "admin", "enabled", "quota", "used")
DOMAIN = ("name", "postmaster", "catch_all", "dkim")
ALIAS = ("address", "kind", "account", "targets")
QUEUE = ("id", "destination", "sender", "recipients", "size", "due", "attempts", "held", "last_error")


# -- accounts ----------------------------------------------------------------------------------


def list_accounts(options: argparse.Namespace) -> int:
    return _rows(options, c.ListAccounts(), ACCOUNT, "no accounts")


def show_account(options: argparse.Namespace) -> int:
    found = perform(options, c.ShowAccount(address=options.address))
    if options.json:
        show_json(found)
        return DONE
    show_fields(found, (*ACCOUNT, "addresses"))
    print()
    show_table(found["mailboxes"], ("name", "total", "unseen", "size"), "no mailboxes")
    return DONE


def add_account(options: argparse.Namespace) -> int:
    quota = _octets(options.quota)
    password = ask(options.password_file, f"Password of {options.address}")
    command = c.AddAccount(
        address=options.address, password=password, name=options.name, admin=options.admin, quota=quota
    )
    return _one(options, command, ACCOUNT)


def change_account(options: argparse.Namespace) -> int:
    command = c.ChangeAccount(
        address=options.address,
        name=options.name,
        admin=options.admin,
        enabled=options.enabled,
        quota=None if options.quota is None else _octets(options.quota),
        sends_per_hour=options.sends_per_hour,
        sends_per_day=options.sends_per_day,
    )
    return _one(options, command, ACCOUNT)


def set_password(options: argparse.Namespace) -> int:
    password = ask(options.password_file, f"New password of {options.address}")
    return _one(options, c.SetPassword(address=options.address, password=password), ("address",))


def remove_account(options: argparse.Namespace) -> int:
    if not options.yes:
        if not sys.stdin.isatty():
            raise Problem("This removes all mail of the account; say --yes", USAGE)
        if (
            input(f"Remove {options.address} and all its mail? Write its address to confirm: ")
            != options.address
        ):
            raise Problem("Nothing was removed")
    return _one(options, c.RemoveAccount(address=options.address), ("address",))


# -- domains -----------------------------------------------------------------------------------


def list_domains(options: argparse.Namespace) -> int:
    return _rows(options, c.ListDomains(), DOMAIN, "no domains")


def add_domain(options: argparse.Namespace) -> int:
    command = c.AddDomain(
        name=options.name, postmaster=options.postmaster or "", catch_all=options.catch_all or ""
    )
    return _one(options, command, DOMAIN)


def set_domain(options: argparse.Namespace) -> int:
    command = c.ChangeDomain(name=options.name, postmaster=options.postmaster, catch_all=options.catch_all)
    return _one(options, command, DOMAIN)


def remove_domain(options: argparse.Namespace) -> int:
    return _one(options, c.RemoveDomain(name=options.name), ("name",))


def domain_records(options: argparse.Namespace) -> int:
    found = perform(options, c.DomainRecords(name=options.name))
    if options.json:
        show_json(found)
    else:
        show_records(found)
    return DONE


def rotate_keys(options: argparse.Namespace) -> int:
    found: Any = perform(options, c.RotateKeys(name=options.name, activate=options.activate))
    if options.json:
        show_json(found)
        return DONE
    for each in found:
        print(f"{each['stage']:<7}{each['name']} ({each['algorithm']})")
    if any(each["stage"] == "new" for each in found):
        print(f"Publish what `mailsys domain records {options.name}` prints; the new keys sign once seen.")
    return DONE


def show_records(found: Sequence[Row]) -> None:
    """As lines of a zone file, each below what it is for."""
    for each in found:
        print(f"; {each['why']}")
        print(f"{each['name']} 300 IN {each['type']} {each['value']}")


# -- aliases -----------------------------------------------------------------------------------


def list_aliases(options: argparse.Namespace) -> int:
    return _rows(options, c.ListAliases(account=options.account), ALIAS, "no aliases")


def add_alias(options: argparse.Namespace) -> int:
    command = c.AddAlias(address=options.address, account=options.account)
    return _one(options, command, ("address", "account"))


def add_forward(options: argparse.Namespace) -> int:
    command = c.AddForward(address=options.address, targets=tuple(options.targets), keep=options.keep)
    return _one(options, command, ("address", "targets", "keep"))


def remove_alias(options: argparse.Namespace) -> int:
    return _one(options, c.RemoveAlias(address=options.address), ("address",))


# -- queue, trace, check -------------------------------------------------------------------------


def list_queue(options: argparse.Namespace) -> int:
    command = c.ListQueue(
        account=options.account, after=options.after, limit=max(1, min(options.limit, 1000))
    )
    return _rows(options, command, QUEUE, "the queue is empty")


def show_queue(options: argparse.Namespace) -> int:
    found = perform(options, c.ShowQueueItem(id=options.id))
    if options.json:
        show_json(found)
        return DONE
    show_fields({**found, "recipients": len(found["recipients"])}, (*QUEUE, "trace"))
    print()
    show_table(found["recipients"], ("address", "outcome", "host", "reply"), "no recipients")
    print()
    _steps(found["timeline"])
    return DONE


def retry_queue(options: argparse.Namespace) -> int:
    if not options.ids and not options.all:
        raise Problem("queue retry: name some items, or --all", USAGE)
    return _counted(options, c.RetryQueue(ids=tuple(options.ids), all=options.all))


def hold_queue(options: argparse.Namespace) -> int:
    return _counted(options, c.HoldQueue(ids=tuple(options.ids)))


def drop_queue(options: argparse.Namespace) -> int:
    return _counted(options, c.DropQueue(ids=tuple(options.ids)))


def trace(options: argparse.Namespace) -> int:
    found = perform(options, c.TraceMessage(trace=options.trace))
    if options.json:
        show_json(found)
    else:
        _steps(found)
    return DONE


def reseal_secrets(options: argparse.Namespace) -> int:
    from mailsys.cli.alone import reseal_alone

    key = Path(options.key).absolute()
    count = reseal_alone(settings_of(options), key)
    if options.json:
        show_json({"sealed": count, "key": str(key)})
    else:
        print(f"{count} secrets are sealed under {text(str(key))}")
        print("Before you start it: put that file in the place of the old key, or name it in the settings")
        print("(secrets.key) and remove the old one. Browsers have to ask for push notifications again.")
    return DONE


def check(options: argparse.Namespace) -> int:
    with progress() as show:
        found = _checked(options, show)
    complaints = found["complaints"]
    if options.json:
        show_json(found)
    else:
        for each in complaints:
            print(text(each))
        hashed = f"{found['blobs']} blobs, {octets(found['octets'])} hashed"
        print(f"{len(complaints)} complaints; {hashed}" if complaints else f"all is well: {hashed}")
    return REFUSED if complaints else DONE


def _checked(options: argparse.Namespace, show: Callable[[Row], None]) -> Row:
    """By the server, if one runs; else here, before anything opens (and so changes) the store."""
    settings = settings_of(options)
    reply = ask_running(Path(settings.state), c.Check(), show)
    if reply is None:
        from mailsys.cli.alone import check_alone

        return check_alone(settings, lambda at: show({"what": at.what, "done": at.done, "total": at.total}))
    if reply.refused:
        raise Problem(reply.refused)
    found: Row = reply.result  # type: ignore[assignment]
    return found


# -- shapes ------------------------------------------------------------------------------------


def _rows(options: argparse.Namespace, command: c.Command, columns: Sequence[str], nothing: str) -> int:
    found = perform(options, command)
    if options.json:
        show_json(found)
    else:
        show_table(found, columns, nothing)
    return DONE


def _one(options: argparse.Namespace, command: c.Command, columns: Sequence[str]) -> int:
    found = perform(options, command)
    if options.json:
        show_json(found)
    else:
        show_fields(found, columns)
    return DONE


def _counted(options: argparse.Namespace, command: c.Command) -> int:
    """Fails when none of the items is there."""
    found = perform(options, command)
    if options.json:
        show_json(found)
    else:
        print(f"{found['count']} of {len(options.ids)}")
    return DONE if found["count"] else REFUSED


def _steps(steps: Sequence[Row]) -> None:
    for step in steps:
        who = f" {text(step['recipient'])}" if step["recipient"] else ""
        detail = f"  {text(step['detail'])}" if step["detail"] else ""
        print(f"{text(step['at'], 'at')}  {step['stage']:10}{who}{detail}")


def _octets(written: str) -> int:
    try:
        return int(quantity(written, "size", "--quota"))
    except SettingsError as problem:
        raise Problem(str(problem), USAGE) from None
