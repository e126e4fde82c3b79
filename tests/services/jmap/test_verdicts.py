"""The property `verdict`."""

from __future__ import annotations

from mailsys.core.trust.verdict import Action, Reason, Verdict
from mailsys.services.jmap.mail.verdicts import TRUST
from mailsys.services.jmap.protocol.api import CORE, MAIL
from tests.services.jmap.rig import JmapTestCase, message

REASON = Reason("spf-fail", "b.test says that 192.0.2.1 may not send for it.", 2.0, (("domain", "b.test"),))
JUNK = Verdict(Action.JUNK, (REASON, Reason("unsigned", "Nobody signed it.", 0.3)), (REASON,), 5.3)


class VerdictTests(JmapTestCase):
    async def get(self, *emails: str, using: tuple[str, ...] = (CORE, MAIL, TRUST)) -> dict:
        arguments = {"accountId": self.account, "ids": emails, "properties": ["verdict"]}
        found = await self.request(["Email/get", arguments, "c"], using=list(using))
        ((_, value, _),) = found["methodResponses"]
        return value

    async def test_it_tells_what_was_done_and_why(self) -> None:
        judged = await self.deliver(message("Hi", number=1), verdict=JUNK)
        other = await self.deliver(message("Ho", number=2))
        found = {each["id"]: each["verdict"] for each in (await self.get(judged, other))["list"]}
        self.assertIsNone(found[other])
        verdict = found[judged]
        self.assertEqual((verdict["action"], verdict["score"]), ("junk", 5.3))
        self.assertEqual(verdict["sentence"], f"Put into Junk: {REASON.text}")
        self.assertEqual([one["code"] for one in verdict["reasons"]], ["spf-fail", "unsigned"])
        first = {"code": "spf-fail", "text": REASON.text, "weight": 2.0, "detail": {"domain": "b.test"}}
        self.assertEqual(verdict["warnings"], [first])

    async def test_without_the_capability_there_is_no_such_property(self) -> None:
        email = await self.deliver(message("Hi", number=1), verdict=JUNK)
        self.assertEqual((await self.get(email, using=(CORE, MAIL)))["type"], "invalidArguments")
