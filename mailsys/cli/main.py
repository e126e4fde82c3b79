"""`mailsys`: the words of the command line. What each does is imported when it is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from mailsys.cli.problem import DONE, Problem


def run() -> None:
    sys.exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    module, _, function = options.run.partition(":")
    try:
        code: int = getattr(import_module(f"mailsys.cli.{module}"), function)(options)
    except Problem as problem:
        print(f"mailsys: {problem}", file=sys.stderr)
        return problem.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return DONE
    return code


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="mailsys", description="A complete mail system.")
    words = top.add_subparsers(metavar="COMMAND", required=True)
    _running(words)
    where = argparse.ArgumentParser(add_help=False)
    place = where.add_mutually_exclusive_group()
    place.add_argument(
        "--config", metavar="FILE", help="settings file (default: ./mailsys.toml, /etc/mailsys/mailsys.toml)"
    )
    place.add_argument("--state", metavar="DIR", help="state folder of a `mailsys local`")
    where.add_argument("--json", action="store_true", help="print JSON")
    _accounts(words, where)
    _domains(words, where)
    _aliases(words, where)
    _zones(words, where)
    _queue(words, where)
    _filter(words, where)
    secrets = _group(words, "secrets", "what is sealed in the store")
    again = _way(
        secrets,
        where,
        "reseal",
        "administer:reseal_secrets",
        "seal it under another key; stop the server first",
    )
    again.add_argument("key", metavar="FILE", help="with the new key: 32 octets, as of /dev/urandom")
    trace = words.add_parser("trace", parents=[where], help="show one message's way")
    trace.add_argument("trace", metavar="TRACE-ID", help="from the log, a reply to DATA or a Received field")
    trace.set_defaults(run="administer:trace")
    check = words.add_parser(
        "check", parents=[where], help="look for trouble (exit code 1 when there is any)"
    )
    check.set_defaults(run="administer:check")
    return top


Words = argparse._SubParsersAction  # the only name that argparse has for it


def _running(words: Words[argparse.ArgumentParser]) -> None:
    local = words.add_parser("local", help="everything on loopback ports, for trying it out and for tests")
    local.add_argument("--state", metavar="DIR", help="keep the store there (default: a throw-away one)")
    local.add_argument(
        "--port-base",
        type=int,
        metavar="N",
        help="smtp on N, submission N+1, submissions N+2, imap N+3, imaps N+4, http N+5, dns N+6 "
        "(default: free ports)",
    )
    local.add_argument("--domain", help="domain of ours (default: the first account's, or local.test)")
    local.add_argument(
        "--account",
        action="append",
        metavar="ADDRESS:PASSWORD",
        help="instead of alice and bob; may be given many times",
    )
    local.add_argument("--smarthost", metavar="HOST:PORT", default="", help="send all outbound mail there")
    local.add_argument(
        "--resolver",
        metavar="HOST:PORT",
        action="append",
        help="ask this DNS server; own: that of this process",
    )
    local.add_argument(
        "--no-checks", action="store_true", help="turn checks of incoming mail off (load tests)"
    )
    local.add_argument(
        "--registration",
        choices=("off", "invite", "open"),
        default="off",
        help="who may make an account on the web",
    )
    local.add_argument(
        "--admin",
        metavar="ADDRESS",
        action="append",
        help="may administer everything; made if it is not there",
    )
    local.add_argument("--storage", metavar="URL", default="", help="where mail is kept (default: SQLite)")
    local.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    local.add_argument("--log-format", choices=("json", "text"), default="json")
    local.set_defaults(run="local:run")

    setup = words.add_parser("setup", help="make settings, keys, the first domain and account")
    setup.add_argument(
        "--config",
        metavar="FILE",
        default="mailsys.toml",
        help="settings file to write (default: %(default)s)",
    )
    setup.add_argument("--domain", help="the mail domain, such as example.org")
    setup.add_argument("--hostname", help="this server's name, such as mail.example.org")
    setup.add_argument(
        "--account",
        metavar="ADDRESS",
        help="the first account, an administrator (others: account add)",
    )
    setup.add_argument("--password-file", metavar="FILE", help="its password; - reads standard input")
    setup.add_argument(
        "--state-folder", default=None, help="state folder (default: `state` beside the settings)"
    )
    setup.add_argument("--user", default="", help="user to run as once the ports are bound")
    setup.set_defaults(run="setup:run")

    settings = words.add_parser("settings", help="print or check settings")
    settings.add_argument("--example", action="store_true", help="print a commented file with all defaults")
    settings.add_argument("--config", metavar="FILE", help="check this file")
    settings.set_defaults(run="setup:settings")

    unit = words.add_parser("unit", help="print a systemd unit")
    unit.add_argument("--config", metavar="FILE", default="/etc/mailsys/mailsys.toml")
    unit.set_defaults(run="setup:unit")


def _accounts(words: Words[argparse.ArgumentParser], where: argparse.ArgumentParser) -> None:
    ways = _group(words, "account", "who has mail here")
    _way(ways, where, "list", "administer:list_accounts", "list accounts")
    _way(ways, where, "show", "administer:show_account", "show one account").add_argument("address")
    add = _way(ways, where, "add", "administer:add_account", "add an account")
    add.add_argument("address")
    add.add_argument("--name", default="", help="display name")
    add.add_argument("--admin", action="store_true", help="an administrator")
    add.add_argument("--quota", default="0", help="bound on its mail, such as 2GiB (default: none)")
    _password(add)
    change = _way(ways, where, "set", "administer:change_account", "change an account")
    change.add_argument("address")
    change.add_argument("--name")
    change.add_argument("--quota")
    change.add_argument("--admin", action=argparse.BooleanOptionalAction)
    change.add_argument("--enabled", action=argparse.BooleanOptionalAction)
    change.add_argument("--sends-per-hour", type=int, help="recipients; 0: the server's default")
    change.add_argument("--sends-per-day", type=int)
    password = _way(ways, where, "password", "administer:set_password", "set a password")
    password.add_argument("address")
    _password(password)
    remove = _way(ways, where, "remove", "administer:remove_account", "remove an account and all its mail")
    remove.add_argument("address")
    remove.add_argument("--yes", action="store_true", help="do not ask")


def _domains(words: Words[argparse.ArgumentParser], where: argparse.ArgumentParser) -> None:
    ways = _group(words, "domain", "whose mail is ours")
    _way(ways, where, "list", "administer:list_domains", "list domains")
    for word, about in (("add", "add a domain and make its DKIM keys"), ("set", "change a domain")):
        way = _way(ways, where, word, f"administer:{word}_domain", about)
        way.add_argument("name")
        way.add_argument("--postmaster", metavar="ADDRESS", help="account that reads postmaster@ and abuse@")
        way.add_argument("--catch-all", metavar="ADDRESS", help="account that gets mail to unknown addresses")
    _way(ways, where, "remove", "administer:remove_domain", "remove a domain").add_argument("name")
    rotate = _way(ways, where, "rotate-keys", "administer:rotate_keys", "make the next DKIM keys")
    rotate.add_argument("name")
    rotate.add_argument(
        "--activate", action="store_true", help="sign by those that wait now, seen in DNS or not"
    )
    _way(ways, where, "records", "administer:domain_records", "print its DNS records").add_argument("name")


def _aliases(words: Words[argparse.ArgumentParser], where: argparse.ArgumentParser) -> None:
    ways = _group(words, "alias", "further addresses")
    found = _way(ways, where, "list", "administer:list_aliases", "list aliases and forwards")
    found.add_argument("account", nargs="?", default="", help="only those of this account")
    add = _way(ways, where, "add", "administer:add_alias", "give an account another address")
    add.add_argument("address")
    add.add_argument("account")
    forward = _way(ways, where, "forward", "administer:add_forward", "an address that goes on to others")
    forward.add_argument("address")
    forward.add_argument("targets", nargs="+")
    forward.add_argument("--keep", default="", metavar="ACCOUNT", help="account that gets a copy")
    _way(ways, where, "remove", "administer:remove_alias", "remove one").add_argument("address")


def _zones(words: Words[argparse.ArgumentParser], where: argparse.ArgumentParser) -> None:
    ways = _group(words, "dns", "our zones, and what the world sees of our domains")
    for word, about in (
        ("records", "print the records that a mail domain needs"),
        ("check", "look whether the world sees them (exit code 1 when it does not)"),
        ("push", "write them to the server that the settings name (RFC 2136)"),
    ):
        _way(ways, where, word, f"zones:{word}", about).add_argument("name", metavar="DOMAIN")
    found = _way(ways, where, "list", "zones:list_zones", "list zones, or the records of one")
    found.add_argument("zone", nargs="?", default="", metavar="ZONE")
    for word, about in (
        ("add", "add a record; names are relative to the zone unless they end in a dot"),
        ("remove", "remove one; without a value all of that type"),
    ):
        way = _way(ways, where, word, f"zones:{word}", about)
        way.add_argument("zone", metavar="ZONE")
        way.add_argument("name", metavar="NAME", help='such as www; "@" is the zone itself')
        way.add_argument("type", metavar="TYPE", help="A, AAAA, CNAME, MX, TXT, SRV, CAA, TLSA, …")
        way.add_argument(
            "value", metavar="VALUE", nargs="+" if word == "add" else "*", help="as in a zone file"
        )
        way.add_argument("--if-serial", type=int, metavar="N", help="only if the zone is as it was then")
        if word == "add":
            way.add_argument("--ttl", type=int, default=300, help="seconds (default: %(default)s)")
    past = _way(ways, where, "history", "zones:history", "what was changed, newest first")
    past.add_argument("zone", metavar="ZONE")
    past.add_argument("--limit", type=int, default=100, help="at most so many (default: %(default)s)")
    for word, about in (
        ("add-zone", "add a zone that is of no mail domain, such as 2.0.192.in-addr.arpa"),
        ("remove-zone", "remove one"),
        ("sign", "sign a zone (DNSSEC) and print what the zone above needs"),
    ):
        way = _way(ways, where, word, f"zones:{'_'.join(word.split('-'))}", about)
        way.add_argument("zone", metavar="ZONE")
        if word == "sign":
            way.add_argument(
                "--end", action="store_true", help="sign it no more (first take the DS out of the zone above)"
            )


def _queue(words: Words[argparse.ArgumentParser], where: argparse.ArgumentParser) -> None:
    ways = _group(words, "queue", "mail on its way out")
    found = _way(ways, where, "list", "administer:list_queue", "list what waits, oldest first")
    found.add_argument("--account", default="", help="only what this account sent")
    found.add_argument("--after", type=int, default=0, metavar="ID", help="go on after this one")
    found.add_argument(
        "--limit", type=int, default=100, help="at most so many (default: %(default)s, up to 1000)"
    )
    _way(ways, where, "show", "administer:show_queue", "show one with its timeline").add_argument(
        "id", type=int
    )
    for word, about in (
        ("retry", "try again now (also releases what is held)"),
        ("hold", "keep from being sent"),
        ("drop", "remove without telling the sender"),
    ):
        way = _way(ways, where, word, f"administer:{word}_queue", about)
        way.add_argument("ids", type=int, nargs="*" if word == "retry" else "+", metavar="ID")
        if word == "retry":
            way.add_argument("--all", action="store_true", help="whatever waits after a failed try")


def _filter(words: Words[argparse.ArgumentParser], where: argparse.ArgumentParser) -> None:
    ways = _group(words, "filter", "the content filter, which learns")
    train = _way(ways, where, "train", "filter:train", "teach it from mail that somebody sorted")
    kind = train.add_mutually_exclusive_group(required=True)
    kind.add_argument("--junk", action="store_true", help="all of it is junk")
    kind.add_argument("--good", action="store_true", help="all of it is wanted")
    train.add_argument("--account", default="", metavar="ADDRESS", help="for this account alone")
    train.add_argument("paths", nargs="+", metavar="PATH", help="mbox file, Maildir, or folder of messages")
    _way(ways, where, "stats", "filter:stats", "how much it has learned")
    forget = _way(ways, where, "forget", "filter:forget", "let it forget all that it learned")
    whose = forget.add_mutually_exclusive_group()
    whose.add_argument("--account", default="", metavar="ADDRESS", help="what this account taught it")
    whose.add_argument("--shared", action="store_true", help="what all share")
    rehearse = words.add_parser(
        "rehearse", parents=[where], help="show what the filter would do to mail that is there already"
    )
    rehearse.add_argument("--account", default="", metavar="ADDRESS", help="of this account (default: all)")
    rehearse.add_argument(
        "--last", type=int, default=200, metavar="N", help="its newest N emails (default: %(default)s)"
    )
    rehearse.set_defaults(run="filter:rehearse")


def _group(words: Words[argparse.ArgumentParser], name: str, about: str) -> Words[argparse.ArgumentParser]:
    return words.add_parser(name, help=about).add_subparsers(metavar="COMMAND", required=True)


def _way(
    ways: Words[argparse.ArgumentParser], where: argparse.ArgumentParser, word: str, run: str, about: str
) -> argparse.ArgumentParser:
    way: argparse.ArgumentParser = ways.add_parser(word, parents=[where], help=about)
    way.set_defaults(run=run)
    return way


def _password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-file", metavar="FILE", help="read the password there; - is standard input (default: ask)"
    )


if __name__ == "__main__":
    run()
