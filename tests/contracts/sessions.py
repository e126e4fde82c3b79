"""ISessionStore."""

from __future__ import annotations

from dataclasses import replace

from mailsys.ports.sessions import SignInRecord, WebSession
from tests.contracts.stage import Stage


class SessionContract(Stage):
    def session(self, key: bytes = b"k" * 32, created: float = 100.0) -> WebSession:
        return WebSession(key, self.alice.id, created, created, 5000.0, "192.0.2.1", "Agent", "token", True)

    async def test_a_session_is_found_until_it_ends(self) -> None:
        sessions, one = self.store.sessions, self.session()
        await sessions.put(one)
        self.assertEqual(await sessions.find(one.key, 120.0), one)
        self.assertIs(await sessions.find(one.key, 5000.0), None)
        self.assertIs(await sessions.find(b"other", 120.0), None)

    async def test_seen_is_brought_forward_once_a_minute(self) -> None:
        sessions, one = self.store.sessions, self.session()
        await sessions.put(one)
        self.assertEqual((await sessions.find(one.key, 159.0)).seen, 100.0)
        # It tells how long the session was silent.
        self.assertEqual((await sessions.find(one.key, 161.0)).seen, 100.0)
        self.assertEqual(await sessions.find(one.key, 162.0), replace(one, seen=161.0))

    async def test_sessions_are_listed_newest_first_and_removed(self) -> None:
        sessions = self.store.sessions
        for number in range(4):
            await sessions.put(self.session(bytes([number]) * 32, 100.0 + number))
        keys = [one.key[0] for one in await sessions.of(self.alice.id, 200.0)]
        self.assertEqual(keys, [3, 2, 1, 0])
        self.assertEqual(await sessions.of(self.bob.id, 200.0), [])
        await sessions.remove([b"\1" * 32])
        self.assertEqual(await sessions.remove_all(self.alice.id, b"\2" * 32), 2)
        self.assertEqual([one.key[0] for one in await sessions.of(self.alice.id, 200.0)], [2])
        self.assertEqual(await sessions.remove_all(self.alice.id), 1)

    async def test_the_history_of_sign_ins_is_newest_first_and_bounded(self) -> None:
        sessions = self.store.sessions
        one = SignInRecord(self.alice.id, 1.0, "192.0.2.1", "Agent", "web", "password", False)
        for number in range(1003):
            await sessions.record(replace(one, at=float(number)))
        found = await sessions.history(self.alice.id, 5000)
        self.assertEqual((len(found), found[0], found[-1].at), (1000, replace(one, at=1002.0), 3.0))
        self.assertEqual(await sessions.history(self.bob.id, 10), [])
