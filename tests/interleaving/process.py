"""One process of a mail system over a store that others use as well: its services, without sockets.

What a writer is holds for a process: two of them share nothing but the store and its events.
"""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Callable
from functools import cached_property, lru_cache, partial
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from mailsys.core.jmap import ids
from mailsys.core.message.analysis import analyse
from mailsys.imap.content import Contents
from mailsys.imap.server import ImapFactory
from mailsys.imap.session import Parts
from mailsys.ports.accounts import Account
from mailsys.services.access.at_rest import AtRest
from mailsys.services.access.second_factor import SecondFactor
from mailsys.services.answering.feedback import Feedback
from mailsys.services.answering.vacation import Responder
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.arrivals import Arrivals
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.delivery.intake import Intake
from mailsys.services.jmap.contacts.methods import register_contacts
from mailsys.services.jmap.extensions.methods import register_more
from mailsys.services.jmap.mail.methods import register_mail
from mailsys.services.jmap.protocol.api import Caller, JmapApi, Ports
from mailsys.services.jmap.submission.methods import register_sending
from mailsys.services.mailboxes.account import Mailboxes
from mailsys.services.people.contacts import Contacts
from mailsys.services.receiving.receive import Reception
from mailsys.services.submission.program_mail import ProgramMail
from mailsys.services.submission.submit import Submission
from mailsys.settings import Limits
from mailsys.stores.memory.limits import Limits as Counters
from tests.conversations.imap.rig import KnownPasswords
from tests.interleaving.gate import Gate, Schedule
from tests.interleaving.imap_client import Client

HOST: Final = "mx.example.com"
DOMAIN: Final = "example.com"
PORTS: Final = ("mail", "blobs", "accounts", "queue", "objects", "sessions", "once")


def _stop(service: Any) -> Deferred[None]:
    return Deferred.fromCoroutine(service.stop())


@lru_cache(maxsize=1000)
def _parameters(what: Callable[..., Any]) -> tuple[tuple[str, str, bool], ...]:
    """Name, type as it is written, and whether it may be left out."""
    return tuple(
        (name, getattr(one.annotation, "__name__", str(one.annotation)), one.default is not one.empty)
        for name, one in inspect.signature(what).parameters.items()
    )


class Process:
    """`schedule` sees every call of a port. What is not used is not made."""

    def __init__(self, store: Any, events: Any, clock: Clock, schedule: Schedule, seed: int = 1) -> None:
        chance = random.Random(seed)
        self.store = store
        self.clock = clock
        self._given: dict[str, Any] = {
            "events": events,
            "clock": clock,
            "reactor": clock,
            "random": chance,
            "random_bytes": chance.randbytes,
            "hostname": HOST,
            "domain": DOMAIN,
            "issuer": DOMAIN,
            "analyse": analyse,
            "offload": maybeDeferred,
            "unique": lambda: chance.randbytes(12).hex(),
            "ILimits": Counters(clock),
            "Limits": Limits(),
            "IReactorTime": clock,
            "now": clock.seconds,
            "seconds": clock.seconds,
            "AtRest": AtRest(b"a secret of thirty-two octets...", chance.randbytes),
            "sign_in": KnownPasswords(store.accounts),
        }
        for name in PORTS:
            port = getattr(store, name, None)
            if port is not None:
                self._given[name] = Gate(name, port, schedule)
        self._answers = False
        self._running: list[Callable[[], Any]] = []

    def make(self, what: Callable[..., Any], **given: Any) -> Any:
        """Call it with what it asks for, by the types or the names of its parameters: constructors may
        change their order, and ask for more of the same."""
        wanted: dict[str, Any] = {}
        for name, kind, optional in _parameters(what):
            if name in given:
                wanted[name] = given[name]
            elif kind in self._given:
                wanted[name] = self._given[kind]
            elif name in self._given and kind not in ("int", "float", "bool"):
                wanted[name] = self._given[name]
            elif not optional:
                raise TypeError(f"{what.__qualname__} wants {name}: {kind}; tests/interleaving has none")
        return what(**wanted)

    # -- services ------------------------------------------------------------------------------------

    @cached_property
    def directory(self) -> Directory:
        made: Directory = self.make(Directory)
        return made

    async def start(self) -> None:
        await self.directory.start()
        self._running.append(self.directory.stop)

    @cached_property
    def _services(self) -> dict[str, Any]:
        make = self.make
        reader = make(MessageReader)
        shared: dict[str, Any] = {"reader": reader, "directory": self.directory}
        shared["reporter"] = make(Reporter, **shared)
        ports = make(Ports)
        shared["api"] = api = make(JmapApi, ports=ports, limits=None)
        shared["responder"] = make(Responder, **shared)
        feedback = make(Feedback, exclusive=getattr(api, "exclusive", None))
        shared["arrivals"] = Arrivals(shared["responder"], feedback)
        for one in (shared["responder"], feedback):
            self._running.append(partial(_stop, one))
        shared["intake"] = make(Intake, **shared)
        shared["submission"] = make(Submission, **shared)
        shared["reception"] = make(Reception, **shared)
        register_mail(api, self._given["random"])
        shared["identities"] = make(register_sending, **shared)
        make(register_more, **shared)
        shared["contacts"] = make(Contacts, **shared)
        make(register_contacts, **shared)
        return shared

    @cached_property
    def api(self) -> JmapApi:
        api: JmapApi = self._services["api"]
        return api

    async def reception(self) -> Reception:
        """Mail from outside; who is away answers it."""
        reception: Reception = self._services["reception"]
        if not self._answers:
            self._answers = True
            start = getattr(self._services["responder"], "start", None)
            if start is not None:  # it keeps in memory who is away
                await start()
        return reception

    @cached_property
    def program_mail(self) -> ProgramMail:
        made: ProgramMail = self.make(ProgramMail, **self._services)
        return made

    @cached_property
    def second_factor(self) -> SecondFactor:
        made: SecondFactor = self.make(SecondFactor)
        return made

    @cached_property
    def _imap(self) -> ImapFactory:
        make = self.make
        contents, mailboxes = make(Contents), make(Mailboxes)
        reader = make(MessageReader)
        parts = make(
            Parts, contents=contents, mailboxes=mailboxes, reader=reader, tls=None, login_without_tls=True
        )
        made = ImapFactory(parts)
        self._running.append(made.stop)
        return made

    def port(self, name: str) -> Any:
        """A port as this process sees it."""
        return self._given[name]

    # -- being asked -----------------------------------------------------------------------------------

    async def jmap(self, account: Account, *calls: tuple[str, dict[str, Any]]) -> list[tuple[str, Any]]:
        """One request; `accountId` is filled in. Each call's answers, implicit ones too."""
        api = self.api
        account_id = ids.account_id(account.id)
        body = {
            "using": list(api._capabilities),
            "methodCalls": [
                [name, {"accountId": account_id, **arguments}, str(number)]
                for number, (name, arguments) in enumerate(calls)
            ],
        }
        answer = json.loads(await api.call(Caller(account), json.dumps(body).encode()))
        return [(name, value) for name, value, _ in answer["methodResponses"]]

    async def imap(self, account: Account, *commands: bytes) -> Client:
        """A new connection that is signed in, after these commands."""
        factory = self._imap
        client = Client(factory.buildProtocol(None), self.clock)
        self._running.append(client.close)
        for command in (b"LOGIN %b secret" % account.address.encode(), *commands):
            answer = await client.ask(command)
            assert answer[-1].startswith(b"OK"), answer
        return client

    async def stop(self) -> None:
        while self._running:
            await maybeDeferred(self._running.pop())
