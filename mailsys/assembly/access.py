"""Signing in, and what ends with it."""

from __future__ import annotations

from dataclasses import dataclass

from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.services.access.app_passwords import AppPasswords
from mailsys.services.access.at_rest import AtRest
from mailsys.services.access.places import KnownPlaces
from mailsys.services.access.revocation import Revocations
from mailsys.services.access.second_factor import SecondFactor
from mailsys.services.access.sessions import Lifetimes, Sessions
from mailsys.services.access.sign_in import BesidePasswords, SignIn
from mailsys.services.access.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Access:
    sign_in: SignIn
    sessions: Sessions
    app_passwords: AppPasswords
    factor: SecondFactor
    places: KnownPlaces
    revocations: Revocations


def make_access(process: Process, stores: Stores) -> Access:
    settings, wall, chance = process.settings, process.wall, process.random_bytes
    accounts, objects, counters = stores.accounts, stores.objects, stores.counters
    web = settings.web
    lifetimes = Lifetimes(web.session_idle, web.session_lifetime, web.session_remembered)
    revocations = Revocations()
    sessions = Sessions(stores.sessions, accounts, wall, chance, lifetimes, revocations)
    app_passwords = AppPasswords(objects, accounts, wall, chance, revocations)
    at_rest = AtRest(stores.secret, chance)
    factor = SecondFactor(objects, accounts, stores.once, wall, chance, settings.domain, at_rest)
    places = KnownPlaces(objects, wall, chance)
    sign_in = SignIn(
        accounts,
        Throttle(counters, settings.limits, process.reactor, chance),
        process.reactor,
        process.passwords,
        chance,
        settings.domain,
        stores.secret,
        BesidePasswords(app_passwords, factor, sessions, places),
    )
    return Access(sign_in, sessions, app_passwords, factor, places, revocations)
