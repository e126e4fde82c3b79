"""A house whose mail from outside is checked, over a DNS of its own, and a line to its port 25."""

from __future__ import annotations

from typing import Any, ClassVar

from mailsys.ports.accounts import Account
from mailsys.ports.ids import TraceId
from mailsys.ports.mailboxes import Role
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.receiving.pace import Pace
from mailsys.services.receiving.receive import Reception
from mailsys.services.trust.acquaintances import Acquaintances
from mailsys.services.trust.authenticate import Authenticator
from mailsys.services.trust.dns_lists import DnsList, DnsLists
from mailsys.services.trust.forwarders import Forwarders
from mailsys.services.trust.inspection import Inspector, Networks, Opinion, Recent, new_policy
from mailsys.settings import Greylist, Rates, Trust
from mailsys.settings_file import weighted
from mailsys.smtp.server import SmtpFactory
from mailsys.smtp.service import Service
from tests.conversations.smtp.wire import Conversation
from tests.peers.dns_table import DnsTable
from tests.services.house import HOST, House, HouseTestCase, offload
from tests.services.trust.makers import published, rsa_key

PEER = "192.0.2.1"
ELSEWHERE = "198.51.100.9"


def letter(author: str, subject: str = "Hi", more: str = "") -> bytes:
    return f"From: {author}\r\nTo: <bob@example.com>\r\nSubject: {subject}\r\n{more}\r\nHello\r\n".encode()


def check(
    house: House,
    dns: DnsTable,
    greylist: Greylist,
    rates: Rates,
    opinions: tuple[Opinion, ...] = (),
    **given: Any,
) -> None:
    """Have what comes in looked at, as the assembly does."""
    trust = Trust(**given)
    lists = [DnsList(*weighted(one), "address") for one in trust.address_lists]
    lists += [DnsList(*weighted(one), "domain") for one in trust.domain_lists]
    intake = house.reception.intake
    inspector = Inspector(
        Authenticator(dns, offload, house.clock, HOST) if trust.authenticate else None,
        DnsLists(lists, house.clock),
        house.store.strangers,
        Acquaintances(house.mail, house.accounts, house.clock, trust.warn_of_strangers),
        Forwarders(house.store.objects),
        house.counters,
        house.directory,
        trust,
        greylist,
        HOST,
        new_policy(trust, house.directory),
        Networks(trust.exempt),
        Networks(trust.may_send_as_us),
        offload,
        house.queue.record,
        Recent(house.clock),
        Recent(house.clock),
        opinions,
    )
    house.reception = Reception(intake, inspector, Pace(house.counters, rates, house.clock))


def publish(dns: DnsTable, domain: str, policy: str | None = "none", *, peer: str = PEER) -> None:
    """A domain that mail comes from: SPF of one address, a DKIM key with selector s, DMARC; and a name for
    that address."""
    dns.txt(domain, f"v=spf1 ip4:{peer} -all".encode())
    dns.txt(f"s._domainkey.{domain}", b"v=DKIM1; p=" + published(rsa_key(1024)))
    if policy is not None:
        dns.txt(f"_dmarc.{domain}", f"v=DMARC1; p={policy}".encode())
    dns.records[domain, "MX"] = [(10, f"mx.{domain}")]
    dns.records[f"mx.{domain}", "A"] = [peer]
    dns.records[".".join(reversed(peer.split("."))) + ".in-addr.arpa", "PTR"] = [f"mx.{domain}"]


class CheckedCase(HouseTestCase):
    """friend.example is honest and sends from PEER; nobody is greylisted unless a test wants it."""

    trust: ClassVar[dict[str, Any]] = {}
    greylist = Greylist(mode="off")
    rates = Rates()

    async def checked(self, **given: Any) -> None:
        self.dns = DnsTable()
        publish(self.dns, "friend.example", "reject")
        check(self.house, self.dns, self.greylist, self.rates, **{**self.trust, **given})

    def dial(self, address: str = PEER, hello: str = "mx.friend.example") -> Conversation:
        house = self.house
        service = Service(house.reception, None, HOST, house.limits, False, house.clock.seconds)
        line = Conversation(SmtpFactory(service, house.clock), address)
        self.greeting = line.heard()  # of the last that was dialled
        line.say(f"EHLO {hello}\r\n".encode())
        return line

    def send(
        self,
        message: bytes,
        sender: str = "ann@friend.example",
        *recipients: str,
        peer: str = PEER,
        line: Conversation | None = None,
    ) -> bytes:
        """The last reply of one transaction; the first that is not 2xx or 3xx ends it."""
        line = line or self.dial(peer)
        commands = [
            f"MAIL FROM:<{sender}>",
            *(f"RCPT TO:<{one}>" for one in recipients or ["bob@example.com"]),
        ]
        for command in [*commands, "DATA"]:
            said = line.say(command.encode() + b"\r\n")
            if said[:1] not in b"23":
                return said
        return line.say(message + b".\r\n")

    async def mail_in(self, role: Role, account: Account | None = None) -> list[bytes]:
        account = account or self.house.bob
        for mailbox in await self.house.mail.mailboxes(account.id):
            if mailbox.role is role:
                snapshot = await self.house.mail.snapshot(account.id, mailbox.id)
                return [
                    await self.house.blobs.read(await self._blob(account, email)) for email in snapshot.emails
                ]
        raise AssertionError(role)

    async def _blob(self, account: Account, email: int) -> Any:
        from mailsys.ports.emails import Column

        return (await self.house.mail.fetch(account.id, [email], [Column.BLOB]))[email][0]

    async def verdicts(self, account: Account | None = None) -> list[Any]:
        """Of all emails of an account, oldest first."""
        from mailsys.ports.query import EmailQuery

        account = account or self.house.bob
        page = await self.house.mail.query(account.id, EmailQuery(limit=50))
        found = await self.house.mail.verdicts(account.id, page.emails)
        return [found[email] for email in sorted(page.emails) if email in found]

    async def judged(self, said: bytes) -> TimelineEntry:
        """The step that the timeline of the trace in a reply has of its judgement."""
        trace = said.split()[-1].strip(b"()").decode()
        steps = await self.house.queue.timeline(TraceId(trace))
        return next(step for step in steps if step.stage is Stage.JUDGED)
