"""Binding and opening endpoints."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from mailsys.endpoints import BindError, bind


class BindTests(SynchronousTestCase):
    def bound(self, endpoint: str) -> str:
        bound = bind("smtp", endpoint)
        self.addCleanup(bound.socket.close)
        return bound.address

    def test_port_0_gets_a_free_port(self) -> None:
        host, _, port = self.bound("127.0.0.1:0").rpartition(":")
        self.assertEqual(host, "127.0.0.1")
        self.assertGreater(int(port), 0)

    def test_a_bound_port_refuses_connections_until_it_is_opened(self) -> None:
        port = int(self.bound("127.0.0.1:0").rpartition(":")[2])
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port), 5)

    def test_the_ipv6_wildcard_takes_ipv4_too(self) -> None:
        bound = bind("smtp", "[::]:0")
        self.addCleanup(bound.socket.close)
        bound.socket.listen()
        port = int(bound.address.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), 5).close()

    def test_a_taken_port_is_told_with_its_service(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
            problem = self.assertRaises(BindError, bind, "imap", endpoint)
        self.assertEqual(str(problem), f"cannot listen on {endpoint} for imap: Address already in use")

    def test_an_address_of_another_machine_is_told(self) -> None:
        problem = self.assertRaises(BindError, bind, "imap", "192.0.2.1:0")
        self.assertIn("cannot listen on 192.0.2.1:0 for imap: ", str(problem))
