"""`mailsys local`: its contract, its end, and its restart."""

from __future__ import annotations

import base64
import http.client
import imaplib
import socket
import time
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailsys.services.operating.certificates import self_signed
from tests.system.local import PATIENCE, LocalSystem, mailsys, message, subjects, wait_for

KEYS = ["ready", "domain", "smtp", "submission", "submissions", "imap", "imaps", "http", "dns", "accounts"]


class LocalTests(TestCase):
    def start(self, *options: str) -> LocalSystem:
        system = LocalSystem(*options, folder=self.mktemp())
        self.addCleanup(system.close)
        return system

    def state(self) -> str:
        return str(Path(self.mktemp()).absolute() / "state")

    def test_it_says_when_and_where_it_is_ready(self) -> None:
        system = self.start()
        self.assertEqual(list(system.ready)[: len(KEYS)], KEYS)
        self.assertIs(system.ready["ready"], True)
        self.assertEqual(system.ready["domain"], "local.test")
        self.assertEqual(
            [each["address"] for each in system.ready["accounts"]], ["alice@local.test", "bob@local.test"]
        )
        for service in ("smtp", "submission", "submissions", "imap", "imaps"):
            socket.create_connection(("127.0.0.1", system.port(service)), PATIENCE).close()

    def test_a_throw_away_store_is_gone_afterwards_and_the_exit_code_is_0(self) -> None:
        system = self.start()
        self.assertTrue((system.state / "mail.lock").exists())
        self.assertEqual(system.stop(), 0)
        self.assertFalse(system.state.exists())

    def test_standard_output_carries_one_line_and_the_log_is_json(self) -> None:
        system = self.start()
        system.process.terminate()
        self.assertEqual(system.process.stdout.read(), b"")
        system.process.wait(PATIENCE)
        names = [event["event"] for event in system.events()]
        self.assertIn("started", names)
        self.assertEqual(names[-1], "stopped")

    def test_people_are_told_where_the_web_client_is(self) -> None:
        system = self.start("--log-format", "text")
        address, password = system.account()
        wait_for(
            lambda: (
                f"Open {system.ready['http']}/ and sign in as {address}, password {password}" in system.log
            )
        )

    def test_ports_follow_the_base(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            base = probe.getsockname()[1]
        base = base - 100 if base > 60000 else base + 100
        system = self.start("--port-base", str(base))
        self.assertEqual(
            [system.port(each) for each in ("smtp", "submission", "submissions", "imap", "imaps", "http")],
            [base, base + 1, base + 2, base + 3, base + 4, base + 5],
        )

    def test_accounts_that_are_given_replace_alice_and_bob(self) -> None:
        system = self.start("--account", "me@One.test:a:b", "--account", "you@two.test:secret")
        self.assertEqual(
            system.ready["accounts"],
            [
                {"address": "me@one.test", "password": "a:b"},
                {"address": "you@two.test", "password": "secret"},
            ],
        )
        with system.submission() as client:
            client.sendmail("me@one.test", ["you@two.test"], message("hello", "me@one.test", "you@two.test"))
        client = system.imap(1)
        wait_for(lambda: subjects(client) == ["hello"])
        client.logout()

    def test_a_restart_on_the_same_state_keeps_mail_and_passwords(self) -> None:
        state = self.state()
        first = self.start("--state", state)
        with first.smtp() as client:
            client.sendmail("a@elsewhere.test", ["bob@local.test"], message("before"))
        self.assertEqual(first.stop(), 0)
        second = self.start("--state", state)
        self.assertEqual(second.ready["accounts"], first.ready["accounts"])
        client = second.imap(1)
        self.assertEqual(subjects(client), ["before"])
        client.logout()
        self.assertLess(second.start_up, 20.0)  # 1 s on an idle machine

    def test_a_new_password_for_a_kept_account_is_set(self) -> None:
        state = self.state()
        self.start("--state", state, "--account", "me@local.test:old").stop()
        system = self.start("--state", state, "--account", "me@local.test:new")
        system.imap().logout()

    def test_who_may_administer_is_told_on_the_command_line(self) -> None:
        state = self.state()
        self.start("--state", state, "--admin", "root@local.test").stop()
        system = self.start("--state", state, "--admin", "alice@local.test", "--admin", "root@local.test")
        self.assertEqual(
            [each["address"] for each in system.ready["accounts"]],
            ["alice@local.test", "bob@local.test", "root@local.test"],
        )
        answers = []
        for number in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", system.port("http"), timeout=PATIENCE)
            token = base64.b64encode(":".join(system.account(number)).encode()).decode()
            connection.request("GET", "/api/v1/accounts", headers={"Authorization": f"Basic {token}"})
            answers.append(connection.getresponse().status)
            connection.close()
        self.assertEqual(answers, [200, 403, 200])

    def test_after_kill_9_all_that_was_acknowledged_is_there(self) -> None:
        state = self.state()
        first = self.start("--state", state)
        with first.smtp() as client:
            client.sendmail("a@elsewhere.test", ["alice@local.test"], message("kept"))
            first.process.kill()
            first.process.wait()
        second = self.start("--state", state)
        client = second.imap()
        self.assertEqual(subjects(client), ["kept"])
        client.logout()

    def test_a_second_process_on_the_same_state_is_refused(self) -> None:
        state = self.state()
        self.start("--state", state)
        second = mailsys("local", "--state", state)
        self.assertEqual((second.returncode, second.stdout), (3, ""))
        self.assertIn("in use by process", second.stderr)

    def test_a_taken_port_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            result = mailsys("local", "--port-base", str(min(port, 65529)))
            if port <= 65529:
                self.assertEqual(result.returncode, 1)
                self.assertIn(
                    f"cannot listen on 127.0.0.1:{port} for smtp: Address already in use", result.stderr
                )

    def test_wrong_options_are_told(self) -> None:
        for options, complaint in (
            (("--account", "alice"), "ADDRESS:PASSWORD"),
            (("--admin", "alice"), "--admin"),
            (("--domain", "a..b"), "is not a domain name"),
            (("--smarthost", "relay"), "sending.smarthost: 'relay' is not host:port"),
            (("--port-base", "70000"), "--port-base"),
            (("--storage", "mongodb://x"), "storage"),
        ):
            result = mailsys("local", *options)
            self.assertEqual((result.returncode, result.stdout), (2, ""), options)
            self.assertIn(complaint, result.stderr)

    def test_a_message_under_way_is_finished_when_it_stops(self) -> None:
        state = self.state()
        system = self.start("--state", state)
        with socket.create_connection(("127.0.0.1", system.port("smtp")), PATIENCE) as client:
            lines = client.makefile("rb")
            lines.readline()
            client.sendall(
                b"HELO client.test\r\nMAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<alice@local.test>\r\nDATA\r\n"
            )
            for _ in range(3):
                self.assertEqual(lines.readline()[:3], b"250")
            self.assertEqual(lines.readline()[:3], b"354")
            client.sendall(b"Subject: late\r\n\r\nfirst half\r\n")
            system.process.terminate()
            wait_for(self.refuses, system.port("smtp"))
            client.sendall(b"second half\r\n.\r\n")
            self.assertEqual(lines.readline()[:3], b"250")
        self.assertEqual(system.stop(), 0)
        again = self.start("--state", state)
        imap = again.imap()
        self.assertEqual(subjects(imap), ["late"])
        imap.logout()

    @staticmethod
    def refuses(port: int) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_idle_sessions_are_told_and_do_not_hold_up_the_end(self) -> None:
        system = self.start()
        client = system.imap()
        client.select("INBOX")
        client.send(b"x1 IDLE\r\n")
        client.readline()
        began = time.monotonic()
        system.process.terminate()
        self.assertTrue(client.readline().startswith(b"* BYE"))
        client.shutdown()
        self.assertEqual(system.stop(), 0)
        self.assertLess(time.monotonic() - began, 15)  # running.STOP_WITHIN is 45

    def test_a_new_certificate_is_used_after_sighup_and_sessions_stay(self) -> None:
        import signal

        system = self.start()
        before = system.trust()
        session = system.imap()
        chain, key = self_signed(["localhost", "renewed.test"])
        (system.state / "tls" / "certificate.pem").write_bytes(chain)
        (system.state / "tls" / "key.pem").write_bytes(key)
        system.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "certificate reloaded" in system.log)
        self.assertEqual(session.noop()[0], "OK")
        system.imap().logout()
        with self.assertRaises(OSError):
            imaplib.IMAP4_SSL(
                "localhost", system.port("imaps"), ssl_context=before, timeout=PATIENCE
            ).shutdown()
        session.logout()
