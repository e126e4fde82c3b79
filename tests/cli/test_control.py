"""The control socket's protocol, and how commands are read."""

from __future__ import annotations

import json
import socket
import stat
import time
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsys.core.refusal import NotAllowed
from mailsys.ports.accounts import Credentials, DkimKey
from mailsys.services.operating import commands as c
from mailsys.services.operating.account_commands import AccountCommands
from mailsys.services.operating.administration import Administration, decode
from mailsys.services.operating.control import (
    LONGEST,
    NAME,
    ControlFactory,
    ControlProtocol,
    ControlSocket,
    address,
)
from mailsys.services.operating.domain_commands import DomainCommands
from mailsys.services.operating.key_rotation import KeyRotation
from mailsys.services.operating.queue_commands import QueueCommands
from mailsys.settings import Keys
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store


async def hash_password(password: str) -> Credentials:
    return Credentials(f"hash of {password}", b"", 0, b"", b"")


async def make_keys(domain: str, selector: str) -> list[DkimKey]:
    return []


def administration(case: TestCase | SynchronousTestCase) -> Administration:
    """Over a store in memory."""
    store = open_store(None, None, Events())
    case.addCleanup(store.close)
    return Administration(
        AccountCommands(store.accounts, store.mail, hash_password),
        DomainCommands(store.accounts, KeyRotation(store.accounts, make_keys, time.time, Keys())),
        QueueCommands(store.queue, store.accounts),
        store.storage,
    )


class ConversationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        factory = ControlFactory(administration(self), self.clock)
        self.protocol = ControlProtocol()
        self.protocol.factory = factory
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)

    def reply(self) -> Any:
        return json.loads(self.transport.value())

    def test_a_request_gets_one_reply_and_the_connection_ends(self) -> None:
        self.protocol.dataReceived(b'{"command":"domain.add","name":"a.test"}\n')
        self.assertEqual(self.reply()["result"]["name"], "a.test")
        self.assertTrue(self.transport.disconnecting)

    def test_a_request_may_come_in_pieces(self) -> None:
        for octet in b'{"command":"account.list"}\n':
            self.protocol.dataReceived(bytes([octet]))
        self.assertEqual(self.reply(), {"result": []})

    def test_a_refusal_comes_with_its_text(self) -> None:
        self.protocol.dataReceived(b'{"command":"account.show","address":"a@a.test"}\n')
        self.assertEqual(self.reply(), {"refused": "There is no account a@a.test"})

    def test_what_is_no_command_is_refused_without_repeating_it(self) -> None:
        self.protocol.dataReceived(b'{"command":"account.add","address":"a@a.test","password":["s3cret"]}\n')
        self.assertIn("Bad request", self.reply()["refused"])
        self.assertNotIn("s3cret", self.transport.value().decode())

    def test_a_request_without_end_is_cut_off(self) -> None:
        for _ in range(LONGEST // 65536 + 1):
            self.protocol.dataReceived(b"x" * 65536)
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.transport.value(), b"")

    def test_silence_is_cut_off(self) -> None:
        self.clock.advance(31)
        self.assertTrue(self.transport.disconnecting)


class DecodeTests(SynchronousTestCase):
    def test_every_command_comes_back_from_its_json(self) -> None:
        import msgspec

        for command in (
            c.ListAccounts(),
            c.AddAccount(address="a@a.test", password="a good password", quota=5),
            c.AddForward(address="a@a.test", targets=("b@b.test", "c@c.test")),
            c.ListQueue(limit=7),
            c.RetryQueue(ids=(1, 2)),
        ):
            self.assertEqual(decode(msgspec.json.encode(command)), command)

    def test_unknown_commands_and_fields_are_refused(self) -> None:
        for line in (b'{"command":"shutdown"}', b'{"command":"check","x":1}', b"{}", b"nonsense", b"[]"):
            self.assertRaises(NotAllowed, decode, line)


class SocketTests(TestCase):
    def folder(self, *below: str) -> Path:
        folder = Path(self.mktemp(), *below).absolute()
        folder.mkdir(parents=True)
        return folder

    async def opened(self, folder: Path) -> None:
        from twisted.internet import reactor

        place = ControlSocket(folder)
        place.open(reactor, ControlFactory(administration(self), reactor))
        self.assertEqual(stat.S_IMODE((folder / NAME).stat().st_mode), 0o600)
        with socket.socket(socket.AF_UNIX) as client, address(folder) as path:
            client.connect(path)
        await place.close()
        self.assertFalse((folder / NAME).exists())

    async def test_it_is_its_owners_only_and_gone_when_closed(self) -> None:
        await self.opened(self.folder())

    async def test_a_folder_deeper_than_a_socket_address_will_do(self) -> None:
        await self.opened(self.folder("d" * 100, "e" * 100))

    async def test_what_a_dead_server_left_is_replaced(self) -> None:
        folder = self.folder()
        with socket.socket(socket.AF_UNIX) as dead, address(folder) as path:
            dead.bind(path)
        await self.opened(folder)
