"""Webhooks and the image proxy: what goes out, to whom it may not go, and what comes back."""

import json
import os
import random
from typing import Any
from urllib.parse import quote

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from mailsys.core.message.analysis import analyse
from mailsys.ports.ids import EmailId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.objects import ObjectChange
from mailsys.ports.patches import EmailPatch
from mailsys.services.access.at_rest import AtRest
from mailsys.services.looking import MOST
from mailsys.services.notifying import webhooks
from mailsys.services.notifying.webhook_message import WebhookMessages, signature
from mailsys.services.notifying.webhook_records import KIND, STATE, WebhookRecords
from mailsys.services.notifying.webhook_telling import Telling
from mailsys.services.notifying.webhooks import Webhooks
from mailsys.web.api import table
from tests.services.meanwhile import Deaf, Meanwhile
from tests.web.api.rig import SECRET, ApiTestCase

reactor: Any = installed
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


class Elsewhere(Resource):
    """Another server. `answers` by path: (status, headers, body)."""

    isLeaf = True  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[bytes, Any] = {}
        self.asked: list[Any] = []
        self.waiting: list[tuple[int, Deferred[None]]] = []
        self.held: Deferred[None] | None = None  # answers wait for it,
        self.held_below = b"/"  # those of such paths

    def render(self, request: Any) -> Any:
        self.asked.append(
            (request.path, dict(request.requestHeaders.getAllRawHeaders()), request.content.read())
        )
        status, headers, body = self.answers.get(request.path, (404, {}, b""))
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name, value)
        for count, each in self.waiting[:]:
            if len(self.asked) >= count:
                self.waiting.remove((count, each))
                reactor.callLater(0, each.callback, None)
        if self.held is None or not request.path.startswith(self.held_below):
            return body
        self.held.addCallback(lambda _: (request.write(body), request.finish())[0])
        return NOT_DONE_YET

    def heard(self, count: int) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        if len(self.asked) >= count:
            waiting.callback(None)
        else:
            self.waiting.append((count, waiting))
        return waiting


class OutwardTestCase(ApiTestCase):
    async def open(self) -> None:
        await super().open()
        self.elsewhere = Elsewhere()
        self.other = reactor.listenTCP(0, Site(self.elsewhere), interface="127.0.0.1")
        self.there = f"http://127.0.0.1:{self.other.getHost().port}"
        self.browser = await self.signed_in("alice")

    async def close(self) -> None:
        await super().close()
        await maybeDeferred(self.other.stopListening)

    async def arrive(self, subject: str = "News") -> int:
        message = f"Subject: {subject}\r\n\r\nHello\r\n".encode()
        done = await self.mail.accept(
            Acceptance(
                self.blobs.stage(message), analyse(message), 1.7e9, (Delivery(self.alice.id),),
                header=message[: message.find(b"\r\n\r\n") + 4],
            )
        )  # fmt: skip
        (delivered,) = done.delivered
        return delivered.email


class WebhookTests(OutwardTestCase):
    async def make(self, path: str = "/hook", status: int = 200) -> Any:
        self.elsewhere.answers[path.encode()] = (status, {}, b"")
        given = {"url": self.there + path, "events": ["created", "updated"]}
        answer = await self.browser.ask("POST", "/webhooks", given)
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json

    async def test_new_mail_is_told_signed(self) -> None:
        made = await self.make()
        email = await self.arrive()
        await self.elsewhere.heard(1)
        _, headers, body = self.elsewhere.asked[0]
        told = json.loads(body)
        self.assertEqual(told["created"], [f"M{email}"])
        self.assertEqual(told["emails"][0]["subject"], "News")
        given = {name.lower(): values[0].decode() for name, values in headers.items()}
        expected = signature(made["secret"], given[b"webhook-id"], given[b"webhook-timestamp"], body)
        self.assertEqual(given[b"webhook-signature"], expected)

    async def test_what_failed_is_told_again_with_the_same_id_and_changes_after_a_restart(self) -> None:
        await self.make(status=500)
        first = await self.arrive("One")
        await self.elsewhere.heard(1)
        await self.account_api.webhooks.stop()
        # An email that changes meanwhile moves on in the log; what was told stays what it was.
        await self.mail.change_emails(self.alice.id, [EmailPatch(EmailId(first), add="$seen")])
        second = await self.arrive("Two")
        self.elsewhere.answers[b"/hook"] = (200, {}, b"")
        again = self.account_api.webhooks
        again._stopped = False
        await again.start()
        await self.elsewhere.heard(3)
        told = [json.loads(body) for _, _, body in self.elsewhere.asked]
        self.assertEqual([each["created"] for each in told], [[f"M{first}"], [f"M{first}"], [f"M{second}"]])
        self.assertEqual(told[2]["updated"], [f"M{first}"])
        self.assertEqual(told[0], told[1])
        names = [headers[b"webhook-id"] for _, headers, _ in map(self.lower, self.elsewhere.asked)]
        self.assertEqual(names[0], names[1])
        self.assertNotEqual(names[1], names[2])

    @staticmethod
    def lower(asked: Any) -> Any:
        path, headers, body = asked
        return path, {name.lower(): values for name, values in headers.items()}, body

    async def test_another_receiver_is_told_all_that_the_first_did_not_take(self) -> None:
        made = await self.make(status=500)
        first = await self.arrive("One")
        await self.elsewhere.heard(1)
        second = await self.arrive("Two")
        self.elsewhere.answers[b"/other"] = (200, {}, b"")
        path = f"/webhooks/{made['webhook']['id']}"
        await self.browser.ask("PATCH", path, {"url": self.there + "/other"})
        await self.elsewhere.heard(2)
        asked, _, body = self.elsewhere.asked[1]
        self.assertEqual(asked, b"/other")
        self.assertEqual(json.loads(body)["created"], [f"M{first}", f"M{second}"])

    async def test_one_that_is_removed_while_it_is_told_leaves_nothing_behind(self) -> None:
        made = await self.make()
        self.elsewhere.held = Deferred()
        await self.arrive()
        await self.elsewhere.heard(1)
        removed = await self.browser.ask("DELETE", f"/webhooks/{made['webhook']['id']}")
        self.assertEqual(removed.status, 204)
        self.elsewhere.held.callback(None)
        await self.account_api.webhooks.stop()
        self.assertEqual(await self.objects.objects(self.alice.id, STATE), [])

    async def test_a_receiver_that_is_gone_is_told_no_more(self) -> None:
        await self.make(status=410)
        await self.arrive()
        await self.elsewhere.heard(1)
        await self.account_api.webhooks.stop()
        (hook,) = (await self.browser.ask("GET", "/webhooks")).json["webhooks"]
        self.assertEqual((hook["enabled"], hook["lastStatus"]), (False, "410"))

    def another(self, clock: Any = None, events: Any = None, process: str = "another") -> Webhooks:
        """As another process has them."""
        at_rest, now, outbound = AtRest(SECRET, os.urandom), clock or self.clock, self.outbound()
        telling = Telling(
            WebhookRecords(self.objects), WebhookMessages(self.mail), self.accounts, outbound, now,
            random.Random(1), at_rest, process,
        )  # fmt: skip
        made = Webhooks(
            self.objects, self.mail, events or self.events, telling, now, os.urandom, at_rest,
            outbound.allow_private,
        )  # fmt: skip
        self.addCleanup(made.stop)
        return made

    async def told(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.elsewhere.asked]

    async def test_of_two_processes_one_tells(self) -> None:
        await self.make()
        other = self.another()
        await other.start()
        emails = [await self.arrive(str(n)) for n in range(5)]
        while len(await self.created()) < 5:
            await self.elsewhere.heard(len(self.elsewhere.asked) + 1)
        await other.stop()
        await self.account_api.webhooks.stop()
        self.assertEqual(await self.created(), [f"M{email}" for email in emails])

    async def created(self) -> list[str]:
        return [email for told in await self.told() for email in told["created"]]

    async def test_when_the_process_that_tells_dies_another_tells_the_same(self) -> None:
        await self.make()
        self.elsewhere.held = Deferred()
        email = await self.arrive()
        await self.elsewhere.heard(1)  # whoever asked will never write what came of it
        early = self.another()
        await early.start()
        await early.stop()
        self.assertEqual(len(self.elsewhere.asked), 1)  # it has the right to tell for a while
        self.clock.shift += 121
        held, self.elsewhere.held = self.elsewhere.held, None
        other = self.another()
        await other.start()
        await self.elsewhere.heard(2)
        await other.stop()
        first, second = await self.told()
        self.assertEqual((first, first["created"]), (second, [f"M{email}"]))
        held.callback(None)
        await self.account_api.webhooks.stop()  # what it finds out late is not written over the other's
        (state,) = await self.objects.objects(self.alice.id, STATE)
        self.assertEqual(json.loads(state.value)["pending"], None)
        self.assertEqual(len(self.elsewhere.asked), 2)

    async def test_a_process_that_starts_anew_goes_on_at_once(self) -> None:
        await self.make()
        self.elsewhere.held = Deferred()
        email = await self.arrive()
        await self.elsewhere.heard(1)  # and it is killed
        held, self.elsewhere.held = self.elsewhere.held, None
        again = self.another(process="process")
        await again.start()
        await self.elsewhere.heard(2)
        await again.stop()
        held.callback(None)
        first, second = await self.told()
        self.assertEqual((first, first["created"]), (second, [f"M{email}"]))

    async def test_without_any_event_it_is_told_with_the_next_look(self) -> None:
        clock = Clock()
        clock.advance(self.clock.seconds())
        hooks = self.another(clock, Deaf())
        await hooks.start()
        self.elsewhere.answers[b"/hook"] = (200, {}, b"")
        await self.account_api.webhooks.stop()  # only the deaf one is there
        third = self.another(process="third")
        await third.create(self.alice.id, self.there + "/hook", ["created"])
        await third.stop()
        clock.advance(MOST)  # it finds the one that another process made
        await self.until(lambda: bool(hooks._running))
        await self.until(lambda: not hooks.working)
        email = await self.arrive()
        clock.advance(MOST)
        await self.elsewhere.heard(1)
        await hooks.stop()
        self.assertEqual(await self.created(), [f"M{email}"])

    async def until(self, condition: Any) -> None:
        for _ in range(2000):
            if condition():
                return
            await self.mail.modseq(self.alice.id)
        self.fail("it did not come to be")

    async def test_a_change_at_the_same_time_as_a_telling_is_kept(self) -> None:
        """The state moves while a PATCH is worked on: both are kept."""
        made = await self.make()
        hooks = self.account_api.webhooks
        meanwhile = hooks._records._objects = Meanwhile(self.objects)  # type: ignore[assignment]
        ident = made["webhook"]["id"]

        async def told() -> None:
            (stored,) = await self.objects.objects(self.alice.id, STATE, [ident])
            value = json.loads(stored.value) | {"position": 77}
            await self.objects.write([ObjectChange(self.alice.id, STATE, ident, json.dumps(value).encode())])

        meanwhile.before("write", told)
        changed = await hooks.change(self.alice.id, ident, events=["destroyed"])
        assert changed is not None
        self.assertEqual(changed.events, ("destroyed",))
        (stored,) = await self.objects.objects(self.alice.id, STATE, [ident])
        self.assertEqual(json.loads(stored.value)["position"], 77)

    async def test_there_are_never_too_many(self) -> None:
        self.patch(webhooks, "AT_MOST", 3)
        url = {"url": self.there + "/hook"}
        made = [Deferred.fromCoroutine(self.browser.ask("POST", "/webhooks", url)) for _ in range(6)]
        self.assertEqual(sorted(each.status for each in await gatherResults(made)), [201] * 3 + [422] * 3)

    async def test_the_secret_is_not_stored_as_it_is(self) -> None:
        made = await self.make()
        (stored,) = await self.objects.objects(self.alice.id, KIND)
        self.assertNotIn(made["secret"].removeprefix("whsec_").encode(), stored.value)

    async def test_the_secret_is_shown_once(self) -> None:
        made = await self.make()
        listed = await self.browser.ask("GET", "/webhooks")
        self.assertNotIn(made["secret"].encode(), listed.body)


class ImageTests(OutwardTestCase):
    async def image(self, path: str) -> Any:
        return await self.browser.ask("GET", f"/image?url={quote(self.there + path, safe='')}")

    async def test_an_image_is_passed_on_without_a_word_about_its_reader(self) -> None:
        self.elsewhere.answers[b"/a.png"] = (200, {b"content-type": b"text/html"}, PNG)
        answer = await self.image("/a.png")
        self.assertEqual((answer.status, answer.body), (200, PNG))
        self.assertEqual(answer.header("content-type"), "image/png")
        headers = {name.lower() for name in self.elsewhere.asked[0][1]}
        self.assertFalse(headers & {b"cookie", b"referer", b"x-forwarded-for", b"authorization"})

    async def test_what_is_no_image_is_refused_whatever_it_says(self) -> None:
        for path, body in ((b"/x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), (b"/y", b"<html>")):
            self.elsewhere.answers[path] = (200, {b"content-type": b"image/png"}, body)
            self.assertEqual((await self.image(path.decode())).status, 415, path)

    async def test_an_image_is_fetched_once(self) -> None:
        self.elsewhere.answers[b"/a.png"] = (200, {}, PNG)
        await self.image("/a.png")
        await self.image("/a.png")
        self.assertEqual(len(self.elsewhere.asked), 1)

    async def test_too_large_too_many_redirects_and_failures_are_told(self) -> None:
        self.elsewhere.answers[b"/big"] = (200, {}, PNG + bytes(5 * 1024 * 1024))
        self.elsewhere.answers[b"/loop"] = (302, {b"location": b"/loop"}, b"")
        self.assertEqual((await self.image("/big")).status, 413)
        self.assertEqual((await self.image("/loop")).status, 502)
        self.assertEqual((await self.image("/nothing")).status, 502)

    async def test_a_house_full_of_readers_is_not_taken_for_a_stranger_who_asks_too_much(self) -> None:
        self.elsewhere.answers[b"/a.png"] = (200, {}, PNG)
        answer = await self.browser.ask("POST", "/image-links", {"urls": [self.there + "/a.png"]})
        self.patch(table, "_STRANGERS", 3)
        statuses = [(await self.ask("GET", answer.json["links"][0])).status for _ in range(6)]
        self.assertEqual(statuses, [200] * 6)
        statuses = [(await self.ask("GET", "/registration")).status for _ in range(6)]
        self.assertEqual(statuses[-3:], [429] * 3)

    async def test_hosts_that_answer_slowly_hold_up_only_who_reads_their_mail(self) -> None:
        self.elsewhere.held, self.elsewhere.held_below = Deferred(), b"/slow"
        for path in ["/a.png", *(f"/slow{n}" for n in range(20))]:
            self.elsewhere.answers[path.encode()] = (200, {}, PNG)
        slow = [Deferred.fromCoroutine(self.image(f"/slow{n}")) for n in range(20)]
        await self.elsewhere.heard(4)
        bob = await self.signed_in("bob")
        answer = await bob.ask("GET", f"/image?url={quote(self.there + '/a.png', safe='')}")
        self.assertEqual((answer.status, len(self.elsewhere.asked)), (200, 5))
        self.elsewhere.held.callback(None)
        self.assertEqual({each.status for each in await gatherResults(slow)}, {200})

    async def test_a_signed_link_needs_no_session_and_cannot_be_changed(self) -> None:
        self.elsewhere.answers[b"/a.png"] = (200, {}, PNG)
        answer = await self.browser.ask("POST", "/image-links", {"urls": [self.there + "/a.png"]})
        (link,) = answer.json["links"]
        self.assertEqual((await self.ask("GET", link)).body, PNG)
        self.assertEqual((await self.ask("GET", link.replace("a.png", "b.png"))).status, 403)
        self.assertEqual((await self.ask("GET", link.partition("&")[0])).status, 401)
        self.clock.shift += 2 * 86400
        self.assertEqual((await self.ask("GET", link)).status, 403)


class InsideTests(ApiTestCase):
    web_settings = {"push_to_private": False}  # noqa: RUF012

    async def test_addresses_inside_are_refused(self) -> None:
        browser = await self.signed_in("alice")
        for url in ("http://127.0.0.1/a.png", "http://localhost/a.png", "http://[::1]/a.png",
                    "http://169.254.169.254/latest", "http://10.0.0.1/", "http://192.168.1.1/",
                    "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http://2130706433/",
                    "http://[fe80::1]/", "file:///etc/passwd", "ftp://example.com/a.png", "gopher://x/",
                    "http://user@example.com/", "http://example.com:25/"):  # fmt: skip
            answer = await browser.ask("GET", f"/image?url={quote(url, safe='')}")
            self.assertEqual(answer.status, 403, (url, answer.body))
            answer = await browser.ask("POST", "/webhooks", {"url": url})
            self.assertEqual(answer.status, 422, url)
