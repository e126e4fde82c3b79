"""When an account looks stolen: it stops sending, and its owner is told.

Who took over an account writes to strangers, many of them. An account that writes to more people in a day
whom it neither wrote to nor heard from before than `limits.new_recipients_per_day` is paused, for
`limits.sends_paused`, by one commit that also puts a letter into its inbox. A new password ends the pause.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailsys import metrics
from mailsys.core.message import dates
from mailsys.core.refusal import ObjectConflict, Refused
from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.objects import IObjectStore, ObjectChange, StoredObject
from mailsys.services.delivery import trace_ids
from mailsys.services.delivery.intake import Intake

log = Log("submit")

KIND: Final = "Pause"
ID: Final = "singleton"
_DAY: Final = 86400.0
_AT_ONCE: Final = 1000  # recipients in one question

_LETTER: Final = """\
Your account {address} wrote to {count} people within a day to whom it never wrote before. That is
unusual, and it is what happens when somebody has got hold of a password.

Sending is paused until {until}. Nothing that you receive is affected.

If that was not you: change your password now, in Settings, Security. Look at the sign-ins that are
listed there, and take away app passwords that you do not know. With the new password you can send
again at once.

If it was you, you need not do anything: the pause ends by itself. For mail to many people ask your
postmaster.
"""


@dataclass(frozen=True, slots=True)
class Pauses:
    objects: IObjectStore
    accounts: IAccountStore

    async def check(self, account: Account, now: float) -> None:
        """Raises Refused while the account may not send."""
        found = await self._found(account.id)
        if found is None:
            return
        value = json.loads(found.value)
        if value["until"] <= now:
            return
        if value["password"] != await self._password(account.id):
            await self._end(account.id, found)
            return
        until = dates.render(value["until"])
        text = f"Sending is paused until {until}: see the message in your inbox, and change your password"
        raise Refused(450, "4.7.1", text, cause="paused: the account looks stolen")

    async def count(self, intake: Intake, account: Account, recipients: Sequence[str]) -> None:
        """A message is about to be sent to these (canonical addresses). Raises Refused, when it makes the
        account look stolen; it is paused then."""
        bound = intake.limits.new_recipients_per_day
        new = [one for one in recipients if not intake.directory.is_local_domain(one.rpartition("@")[2])]
        for start in range(0, len(new), _AT_ONCE):
            part = new[start : start + _AT_ONCE]
            known = {one.address for one in await intake.mail.known_correspondents(account.id, part)}
            new[start : start + _AT_ONCE] = [one if one not in known else "" for one in part]
        count = sum(map(bool, new))
        if not count:
            return
        total = await intake.counters.hit(f"new-recipients:{account.id}", _DAY, count)
        if total > bound:
            await self._pause(intake, account, total)
            await self.check(account, intake.clock.seconds())

    async def _pause(self, intake: Intake, account: Account, count: int) -> None:
        now = intake.clock.seconds()
        until = now + intake.limits.sends_paused
        found = await self._found(account.id)
        value = json.dumps({"until": until, "password": await self._password(account.id)}).encode()
        change = ObjectChange(account.id, KIND, ID, value, if_modseq=found.modseq if found else 0)
        trace = trace_ids.new_trace(now, intake.random_bytes)
        text = _LETTER.format(address=account.address, count=count, until=dates.render(until))
        head = (
            f"From: Postmaster <postmaster@{intake.directory.domain}>\r\nTo: <{account.address}>\r\n"
            f"Subject: Sending from your account is paused\r\nDate: {dates.render(now)}\r\n"
            f"Message-ID: <{trace}@{intake.hostname}>\r\nAuto-Submitted: auto-generated\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\n"
        )
        blob = intake.blobs.stage((head + text.replace("\n", "\r\n")).encode())
        reading = intake.reader.read_now(blob)
        letter = Acceptance(
            blob, reading.facts, now, (Delivery(account.id),), header=reading.header, objects=(change,)
        )
        try:
            await intake.mail.accept(letter)
        except ObjectConflict:  # paused at the same time by another message
            return
        metrics.accounts_paused.inc()
        log.warning("account paused", account=account.id, cause=f"{count} new recipients in a day")

    async def _found(self, account: AccountId) -> StoredObject | None:
        found: list[StoredObject] = await self.objects.objects(account, KIND, [ID])
        return found[0] if found else None

    async def _end(self, account: AccountId, found: StoredObject) -> None:
        change = ObjectChange(account, KIND, ID, remove=True, if_modseq=found.modseq)
        try:
            await self.objects.write([change])
        except ObjectConflict:
            return
        log.info("pause ended", account=account, cause="the password was changed")

    async def _password(self, account: AccountId) -> str:
        """Something that changes with the account's password, and tells nothing of it."""
        found = await self.accounts.credentials(account)
        text = found.argon2 if found is not None else ""
        return hashlib.blake2b(text.encode(), digest_size=16, person=b"pause").hexdigest()
