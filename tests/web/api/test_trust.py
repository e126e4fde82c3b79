"""GET and PUT /trust: whom an account has mail passed on by."""

from tests.web.api.rig import ApiTestCase


class TrustTests(ApiTestCase):
    async def test_the_list_is_kept_in_one_spelling(self) -> None:
        browser = await self.signed_in("alice")
        self.assertEqual((await browser.ask("GET", "/trust")).json, {"forwarders": []})
        given = {"forwarders": ["Lists.Example.ORG.", "bücher.example", "lists.example.org"]}
        answer = await browser.ask("PUT", "/trust", given)
        wanted = {"forwarders": ["lists.example.org", "xn--bcher-kva.example"]}
        self.assertEqual((answer.status, answer.json), (200, wanted))
        self.assertEqual((await browser.ask("GET", "/trust")).json, wanted)
        other = await self.signed_in("bob")
        self.assertEqual((await other.ask("GET", "/trust")).json, {"forwarders": []})

    async def test_what_is_no_domain_is_refused(self) -> None:
        browser = await self.signed_in("alice")
        for wrong in ("", "nodots", "a b.example", "x@y.example"):
            answer = await browser.ask("PUT", "/trust", {"forwarders": [wrong]})
            self.assertEqual(answer.status, 400, wrong)
