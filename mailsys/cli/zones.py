"""`mailsys dns`: zones, their records, and what the world sees of a domain."""

from __future__ import annotations

import argparse

from mailsys.cli.administer import domain_records
from mailsys.cli.control import perform
from mailsys.cli.printing import show_json, show_table, text
from mailsys.cli.problem import DONE, REFUSED
from mailsys.services.operating import commands as c

ZONE = ("zone", "serial", "changed", "own", "signed")
RECORD = ("name", "ttl", "type", "own", "value")

records = domain_records


def check(options: argparse.Namespace) -> int:
    """Fails when something is missing or differs."""
    found = perform(options, c.CheckDomain(name=options.name))
    bad = [each for each in found if each["state"] != "good"]
    if options.json:
        show_json(found)
    else:
        for each in found:
            print(f"{each['state']:8} {each['name']} {each['type']} {text(each['value'])}")
            if each["state"] != "good":
                print(f"         there is: {text(each['found'])}")
                print(f"         {each['why']}")
        print(f"{len(found) - len(bad)} of {len(found)} are as they must be")
    return REFUSED if bad else DONE


def push(options: argparse.Namespace) -> int:
    return _told(options, c.PushDomain(name=options.name), "{count} records written")


def list_zones(options: argparse.Namespace) -> int:
    if options.zone:
        return _records(options)
    found = perform(options, c.ListZones())
    if options.json:
        show_json(found)
    else:
        show_table(found, ZONE, "no zones")
    return DONE


def _records(options: argparse.Namespace) -> int:
    found = perform(options, c.ShowZone(zone=options.zone))
    if options.json:
        show_json(found)
        return DONE
    print(f"; {found['zone']} serial {found['serial']}; own: written here, else it follows from the settings")
    show_table(found["records"], RECORD, "no records")
    _delegation(found)
    return DONE


def _delegation(found: dict[str, object]) -> None:
    ds = found["ds"]
    assert isinstance(ds, list)
    for each in ds:
        print(f"; the zone above needs: {found['zone']} IN DS {each}")


def add(options: argparse.Namespace) -> int:
    record = (options.name, options.type, " ".join(options.value), options.ttl)
    command = c.ChangeZone(zone=options.zone, add=(record,), if_serial=options.if_serial)
    return _told(options, command, "{zone} serial {serial}")


def remove(options: argparse.Namespace) -> int:
    record = (options.name, options.type, " ".join(options.value), 0)
    command = c.ChangeZone(zone=options.zone, remove=(record,), if_serial=options.if_serial)
    return _told(options, command, "{zone} serial {serial}")


def history(options: argparse.Namespace) -> int:
    found = perform(options, c.ZoneHistory(zone=options.zone, limit=options.limit))
    if options.json:
        show_json(found)
        return DONE
    for each in found:
        print(
            f"{text(each['at'], 'at')}  serial {each['serial']}  {text(each['by'])}  {each['what']}".rstrip()
        )
        for sign, lines in (("-", each["removed"]), ("+", each["added"])):
            for line in lines:
                print(f"  {sign} {text(line)}")
    return DONE


def add_zone(options: argparse.Namespace) -> int:
    return _told(options, c.AddZone(zone=options.zone), "{zone} serial {serial}")


def remove_zone(options: argparse.Namespace) -> int:
    return _told(options, c.RemoveZone(zone=options.zone), "{zone} removed")


def sign(options: argparse.Namespace) -> int:
    found = perform(options, c.SignZone(zone=options.zone, on=not options.end))
    if options.json:
        show_json(found)
    else:
        print(f"{found['zone']} is signed" if found["signed"] else f"{found['zone']} is not signed")
        _delegation(found)
    return DONE


def _told(options: argparse.Namespace, command: c.Command, said: str) -> int:
    found = perform(options, command)
    if options.json:
        show_json(found)
    else:
        print(said.format(**found))
    return DONE
