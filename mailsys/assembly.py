"""The one place that puts the parts together, and the only one that names a store."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThreadPool
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.threadpool import ThreadPool

from mailsys import metrics
from mailsys.clock import WallClock
from mailsys.core.message.analysis import analyse
from mailsys.imap.server import ImapFactory
from mailsys.ports.accounts import Credentials, DkimKey, IAccountStore
from mailsys.ports.storage import Checked, Progress
from mailsys.running import MailService
from mailsys.services.access import resealing, second_factor
from mailsys.services.access.at_rest import AtRest, Unreadable
from mailsys.services.access.passwords import PasswordPool, hash_password
from mailsys.services.access.sealed_accounts import SealedAccounts
from mailsys.services.access.sessions import Sessions
from mailsys.services.access.sign_in import SignIn
from mailsys.services.access.system_key import KeyProblem, is_sealed, key_in, note_sealed, system_key
from mailsys.services.answering.feedback import Feedback
from mailsys.services.answering.vacation import Responder
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.arrivals import Arrivals
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.dns.resolve import StubResolver, configured_servers
from mailsys.services.dns.route import Ourselves, Router
from mailsys.services.jmap.contacts.methods import register_contacts
from mailsys.services.jmap.extensions.methods import register_more
from mailsys.services.jmap.extensions.push_subscriptions import PushSubscriptions
from mailsys.services.jmap.mail.methods import register_mail
from mailsys.services.jmap.protocol.api import JmapApi, Ports
from mailsys.services.jmap.protocol.api import Limits as JmapLimits
from mailsys.services.jmap.submission.methods import register_sending
from mailsys.services.mailboxes.account import Mailboxes
from mailsys.services.mailboxes.snoozing import Waker
from mailsys.services.notifying import webhooks
from mailsys.services.notifying.push import Feed
from mailsys.services.notifying.push_delivery import PushDelivery
from mailsys.services.notifying.push_turns import PushTurns
from mailsys.services.notifying.push_vapid import VAPID, Vapid
from mailsys.services.operating.administration import Administration
from mailsys.services.operating.certificates import CertificateError, Certificates
from mailsys.services.outbound.http import OutboundHttp
from mailsys.services.people.contacts import Contacts
from mailsys.services.receiving.receive import Reception
from mailsys.services.sending.send import Sending
from mailsys.services.sending.sign import Signer, generate_keys
from mailsys.services.submission.submit import Submission
from mailsys.settings import Settings, SettingsError
from mailsys.settings_file import host_port
from mailsys.smtp.client import Dialer
from mailsys.smtp.server import SmtpFactory
from mailsys.stores.memory.events import Events
from mailsys.stores.memory.limits import Limits as Counters
from mailsys.stores.sqlite.schema import StoreError as StoreProblem
from mailsys.stores.sqlite.space import Reserve
from mailsys.stores.sqlite.store import SqliteStore, open_store
from mailsys.stores.sqlite.store import check_store as check_folder
from mailsys.web.api.parts import AccountApi, sign_in_parts
from mailsys.web.application import WebApplication
from mailsys.web.health import MetricsSite

__all__ = ["StoreProblem", "System", "administer", "assemble", "check_storage", "check_store"]

T = TypeVar("T")

# One process at a time has the embedded store: what a dead one held is ours at once.
_PROCESS: Final = "mailsys"
_READING_THREADS: Final = 2  # for large messages; they share the interpreter, so more would not be faster


class System:
    """A mail system over an open store: running.Serving, and what `mailsys local` fills it by."""

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        certificates: Certificates,
        listening: Sequence[tuple[str, str]],
        prepare: Callable[[System], Awaitable[None]] | None = None,
    ) -> None:
        """`listening`: (service, "address:port") of what is bound. Raises StoreProblem."""
        limits, chance = settings.limits, os.urandom
        wall = WallClock(reactor)
        events = Events()
        self._store = store = _open(settings, reactor, events)
        self._prepare = prepare
        secret = _key(settings)
        accounts = self.accounts = SealedAccounts(store.accounts, AtRest(secret, chance))
        self._seal = partial(_seal, settings, secret, accounts)
        self._passwords = PasswordPool(reactor)
        self._pool = ThreadPool(0, _READING_THREADS, "reading")
        offload = partial(deferToThreadPool, reactor, self._pool)
        self._directory = directory = Directory(accounts, reactor, settings.domain)
        reader = MessageReader(analyse, offload)
        reporter = Reporter(
            hostname=settings.hostname,
            domain=settings.domain,
            directory=directory,
            blobs=store.reports,
            analyse=analyse,
            unique=lambda: chance(12).hex(),
        )
        counters = Counters(reactor)
        parts = sign_in_parts(
            store.objects, store.sessions, accounts, store.once, settings, wall, chance, secret
        )
        sign_in = SignIn(
            accounts,
            counters,
            limits,
            reactor,
            self._passwords,
            chance,
            settings.domain,
            secret,
            parts.app_passwords,
            parts.factor,
            parts.sessions,
            parts.places,
        )
        submitter = sign_in.for_service("smtp")
        secure_random = random.SystemRandom()
        self._responder = responder = Responder(
            store.mail, store.objects, store.blobs, store.once, directory, wall, secure_random
        )
        arrivals = Arrivals(responder)
        reception = Reception(
            store.mail,
            store.blobs,
            directory,
            reader,
            reporter,
            counters,
            limits,
            wall,
            chance,
            settings.hostname,
            arrivals,
        )
        submission = Submission(
            store.mail,
            store.blobs,
            directory,
            reader,
            reporter,
            counters,
            limits,
            wall,
            chance,
            settings.hostname,
            arrivals,
        )
        resolver = StubResolver(
            reactor,
            configured_servers(settings.dns.servers),
            random=secure_random,
            trust_ad=settings.dns.trust_ad,
            timeout=settings.dns.timeout,
        )
        self._sending = Sending(
            queue=store.queue,
            blobs=store.blobs,
            directory=directory,
            router=Router(
                resolver,
                secure_random,
                Ourselves.listening(
                    settings.hostname, [host_port(where) for service, where in listening if service == "smtp"]
                ),
                settings.sending.port,
                settings.sending.smarthost,
            ),
            dialer=Dialer(reactor, settings.hostname, settings.sending),
            signer=Signer(accounts, offload, wall.seconds),
            reporter=reporter,
            reader=reader,
            settings=settings.sending,
            clock=reactor,
            now=wall.seconds,
            random=secure_random,
            arrivals=arrivals,
            longest_hold=limits.hold_at_most,
        )
        in_the_clear = settings.login_without_tls_on_loopback
        smtp = partial(
            SmtpFactory,
            hostname=settings.hostname,
            limits=limits,
            reactor=reactor,
            login_without_tls=in_the_clear,
            now=wall.seconds,
        )
        mailboxes = Mailboxes(store.mail, events, reactor)
        imap = partial(
            ImapFactory,
            store.mail,
            store.blobs,
            events,
            sign_in.for_service("imap"),
            settings.hostname,
            limits,
            reactor,
            tls=certificates,
            login_without_tls=in_the_clear,
            mailboxes=mailboxes,
            offload=offload,
            now=wall.seconds,
        )
        self._factories: dict[str, Any] = {
            "smtp": smtp(reception, None, submission=False, tls=certificates),
            "submission": smtp(submission, submitter, submission=True, tls=certificates),
            "submissions": smtp(submission, submitter, submission=True),
            "imap": imap(),
            "imaps": imap(implicit_tls=True),
        }
        self._waker = Waker(store.mail, reactor, wall.seconds)
        contacts = Contacts(store.mail, store.blobs, store.objects, offload, wall.seconds)
        api = _jmap(
            settings, store, accounts, events, offload, wall, secure_random, self._waker.look, contacts
        )
        self._feedback = Feedback(store.objects, store.blobs, offload)
        arrivals.add(self._feedback)
        identities = register_sending(api, submission, directory, responder, self._waker.look)
        register_more(
            api, submission, identities, directory, store.once, counters, settings.web.upload_per_hour
        )
        register_contacts(api, contacts)
        feed = Feed(events, api.state_change, reactor)
        private = settings.web.push_to_private
        self._outbound = OutboundHttp(reactor, resolver, private)
        vapid = Vapid(secret, f"postmaster@{settings.domain}", wall.seconds)
        api.announce(VAPID, vapid.capability)
        turns = PushTurns(store.objects, wall.seconds, _PROCESS)
        delivery = PushDelivery(feed, self._outbound, reactor, wall.seconds, chance, turns, vapid)
        self._pushes = PushSubscriptions(
            api.ports.objects, delivery, counters, reactor, wall.seconds, chance, private, parts.holds
        )
        self._pushes.register(api)
        parts.revocations.listen(self._pushes.revoked)
        self._web = WebApplication(
            api,
            feed,
            store.mail,
            store.blobs,
            accounts,
            store.storage,
            counters,
            settings,
            reactor,
            wall=wall,
        )
        self.administration = _administration(
            settings,
            store,
            accounts,
            self._passwords,
            certificates.complaints,
            directory.refresh,
            parts.sessions,
        )
        self._account_api = AccountApi(
            self._web,
            parts,
            sign_in,
            api,
            contacts,
            store.once,
            counters,
            settings,
            wall,
            chance,
            secret,
            self.hash_password,
            self.administration,
            submission,
            self._outbound,
            _PROCESS,
            reactor,
        )
        self._factories |= {
            "http": self._web.site(),
            "https": self._web.site(),
            "metrics": MetricsSite(store.queue, reactor),
        }
        self._implicit = {"submissions", "imaps", "https"}
        _count_sessions(self._factories)
        self._certificates = certificates

    def factories(self) -> Mapping[str, Any]:
        """By service; those with TLS from the start are wrapped in it."""
        return {
            name: TLSMemoryBIOFactory(self._certificates, False, factory)
            if name in self._implicit
            else factory
            for name, factory in self._factories.items()
        }

    async def start(self) -> None:
        self._pool.start()
        self._passwords.start()
        await self._seal()
        if self._prepare is not None:
            await self._prepare(self)
        await self._directory.start()
        self._sending.startService()
        self._waker.start()
        self._web.start()
        await self._pushes.start()
        await self._account_api.start()

    async def stop(self) -> None:
        """Sessions and deliveries finish, each within its own bound; whatever becomes of them, the
        store is closed after them."""
        try:
            await gatherResults(
                [
                    self._sending.stopService(),
                    self._waker.stop(),
                    Deferred.fromCoroutine(self._web.stop()),
                    Deferred.fromCoroutine(self._pushes.stop()),
                    Deferred.fromCoroutine(self._account_api.stop()),
                    *(factory.stop() for factory in self._factories.values()),
                ],
                consumeErrors=True,
            )
            await self._responder.stop()
            await self._feedback.stop()
        finally:
            self._directory.stop()
            self._passwords.stop()
            self._pool.stop()
            await self._store.close()

    async def hash_password(self, password: str) -> Credentials:
        return await hash_password(password, self._passwords)


def assemble(
    settings: Settings, reactor: Any, prepare: Callable[[System], Awaitable[None]] | None = None
) -> MailService:
    """The whole of a mail system as one service. Nothing is opened or bound before it is started.

    `prepare` is awaited once the store is open and before anybody is served. Raises SettingsError.
    """
    check_storage(settings)

    def make(certificates: Certificates, listening: Sequence[tuple[str, str]]) -> System:
        return System(settings, reactor, certificates, listening, prepare)

    return MailService(settings, reactor, make)


async def administer(settings: Settings, reactor: Any, work: Callable[[Administration], Awaitable[T]]) -> T:
    """Open the store of a system that does not run, do `work` on it, close it. Raises StoreProblem."""
    check_storage(settings)
    store = _open(settings, reactor, Events())
    passwords = PasswordPool(reactor)
    passwords.start()
    try:
        key = _key(settings)
        accounts = SealedAccounts(store.accounts, AtRest(key, os.urandom))
        await _seal(settings, key, accounts)
        return await work(
            _administration(settings, store, accounts, passwords, partial(_complaints, settings))
        )
    finally:
        passwords.stop()
        await store.close()


async def reseal(settings: Settings, reactor: Any, new_key: Path) -> int:
    """Seal the secrets of a system that does not run under the key of that file; how many there were. Raises
    StoreProblem."""
    check_storage(settings)
    store = _open(settings, reactor, Events())
    state = Path(settings.state)
    try:
        keys = system_key(settings.secrets.key, state), key_in(new_key)
        kinds = (second_factor.reseal, webhooks.reseal)
        return await resealing.reseal(state, store.accounts, store.objects, keys, os.urandom, kinds)
    except (KeyProblem, OSError) as problem:
        raise StoreProblem(str(problem)) from problem
    finally:
        await store.close()


def check_store(settings: Settings, tell: Callable[[Progress], bool]) -> Checked:
    """Look at the store of a system that does not run, whatever state it is in. Raises StoreProblem."""
    check_storage(settings)
    try:
        return check_folder(settings.state, tell)
    except OSError as problem:
        raise StoreProblem(f"{problem.filename or settings.state}: {problem.strerror}") from problem


def _jmap(
    settings: Settings,
    store: SqliteStore,
    accounts: IAccountStore,
    events: Events,
    offload: Any,
    wall: WallClock,
    chance: random.Random,
    snoozed: Callable[[], None],
    contacts: Contacts,
) -> JmapApi:
    """The JMAP API with all its methods."""
    web = settings.web
    api = JmapApi(
        Ports(
            store.mail,
            store.blobs,
            accounts,
            store.queue,
            store.objects,
            events,
            offload,
        ),
        wall,
        chance,
        JmapLimits(
            max_size_upload=web.upload_size,
            max_concurrent_upload=web.uploads_at_once,
            max_size_request=web.request_size,
            max_concurrent_requests=web.requests_at_once,
        ),
    )
    register_mail(api, chance, settings.limits.message_size, snoozed, contacts)
    return api


def _count_sessions(factories: Mapping[str, Any]) -> None:
    for service in ("smtp", "submission", "submissions", "imap", "imaps"):
        metrics.sessions_of(service, lambda factory=factories[service]: factory.connections)  # type: ignore[misc]


def _administration(
    settings: Settings,
    store: SqliteStore,
    accounts: IAccountStore,
    passwords: PasswordPool,
    look: Callable[[], list[str]],
    changed: Callable[[], Awaitable[object]] | None = None,
    sessions: Sessions | None = None,
) -> Administration:
    async def make_keys(domain: str) -> list[DkimKey]:
        return await passwords.run(lambda: generate_keys(domain))

    return Administration(
        accounts,
        store.mail,
        store.queue,
        store.storage,
        partial(hash_password, pool=passwords),
        make_keys,
        settings.hostname,
        _ports(settings),
        look,
        changed,
        sign_out=store.sessions.remove_all if sessions is None else sessions.password_changed,
        shut_out=store.sessions.remove_all if sessions is None else sessions.shut_out,
    )


def _open(settings: Settings, reactor: Any, events: Events) -> SqliteStore:
    try:
        limits = settings.limits
        reserve = Reserve(limits.free_octets, limits.free_files)
        return open_store(settings.state, reactor, events, reserve=reserve)
    except OSError as problem:
        raise StoreProblem(f"{problem.filename or settings.state}: {problem.strerror}") from problem


def check_storage(settings: Settings) -> None:
    """Whether mail can be kept where the settings say. Raises SettingsError."""
    if settings.storage not in ("", "sqlite"):
        raise SettingsError(f"storage: {settings.storage!r}: this version keeps mail in SQLite only (empty)")


def _ports(settings: Settings) -> tuple[int, int, int]:
    """What to tell mail clients: the first port of submissions, submission and imaps; 0: none."""
    listen = settings.listen
    first = [
        host_port(each[0])[1] if each else 0 for each in (listen.submissions, listen.submission, listen.imaps)
    ]
    return first[0], first[1], first[2]


def _complaints(settings: Settings) -> list[str]:
    state = Path(settings.state)
    try:
        return Certificates(state / settings.tls.certificate, state / settings.tls.key).complaints()
    except CertificateError as problem:
        return [f"certificate: {problem}"]


def _key(settings: Settings) -> bytes:
    """The system's key. Raises StoreProblem when it is missing, or not that of this store."""
    state = Path(settings.state)
    try:
        key = system_key(settings.secrets.key, state)
        is_sealed(state, key)
    except (KeyProblem, OSError) as problem:
        raise StoreProblem(str(problem)) from problem
    return key


async def _seal(settings: Settings, key: bytes, accounts: SealedAccounts) -> None:
    """What an earlier version kept plain is sealed, once. Raises StoreProblem when the key is another."""
    state = Path(settings.state)
    if is_sealed(state, key):
        return
    try:
        await accounts.seal_all()
    except Unreadable as problem:
        raise StoreProblem(f"{state}: {problem}. Restore that key.") from problem
    note_sealed(state, key)
