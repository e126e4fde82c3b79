"""Our DNS server as others' programs see it: acceptance scenario 22 by `dig`, `delv` and knot, where they are
installed, and `twistd mailsys-dns`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

import dns.message
import dns.query
from twisted.trial.unittest import TestCase

from tests.peers.name_server import Knot
from tests.system.dns_side_by_side import ASKED, DOMAIN, fill, said, transferred
from tests.system.local import PATIENCE, LocalSystem, mailsys, wait_for
from tests.system.test_twistd import TWISTD, free_ports


class _Running(TestCase):
    system: ClassVar[LocalSystem]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp(prefix="mailsys-test-")
        cls.state = f"{cls.folder}/state"
        cls.system = LocalSystem("--state", cls.state, "--resolver", "own", folder=cls.folder)
        cls.port = cls.system.port("dns")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.system.close()
        shutil.rmtree(cls.folder)

    def dns(self, *words: str) -> Any:
        done = mailsys("dns", *words, "--state", self.state, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def run_tool(self, tool: str, *words: str) -> str:
        if shutil.which(tool) is None:
            raise SkipTest(f"{tool} is not installed")
        return subprocess.run([tool, *words], capture_output=True, text=True, timeout=30, check=False).stdout

    def dig(self, *words: str) -> str:
        return self.run_tool("dig", "@127.0.0.1", "-p", str(self.port), "+tries=1", "+time=5", *words)


class ScenarioTests(_Running):
    """Scenario 22."""

    def test_records_by_command_are_seen_at_once(self) -> None:
        self.dns("add", DOMAIN, "s22", "A", "192.0.2.7", "--ttl", "60")
        self.assertEqual(
            self.dig("+noall", "+answer", f"s22.{DOMAIN}").split(),
            [f"s22.{DOMAIN}.", "60", "IN", "A", "192.0.2.7"],
        )
        self.dns("remove", DOMAIN, "s22", "A")
        self.assertIn("NXDOMAIN", self.dig(f"s22.{DOMAIN}"))
        first, second, *_ = self.dns("history", DOMAIN)
        self.assertEqual((first["removed"], second["added"]), ([f"s22.{DOMAIN}. 60 IN A 192.0.2.7"],) * 2)
        done = mailsys("dns", "add", DOMAIN, "s22", "A", "nonsense", "--state", self.state)
        self.assertEqual((done.returncode, "No A record" in done.stderr), (1, True))
        done = mailsys(
            "dns", "add", DOMAIN, "s22", "A", "192.0.2.1", "--if-serial", "1", "--state", self.state
        )
        self.assertEqual(done.returncode, 1)

    def test_the_names_of_our_addresses(self) -> None:
        self.dns("add", DOMAIN, "six", "AAAA", "2001:db8::7")
        self.assertEqual(self.dig("+short", "-x", "2001:db8::7"), f"six.{DOMAIN}.\n")
        self.assertEqual(self.dig("+short", "-x", "127.0.0.1"), f"mail.{DOMAIN}.\n")

    def test_a_long_text_is_cut_by_udp_and_whole_by_tcp(self) -> None:
        self.dns("add", DOMAIN, "long", "TXT", "x" * 2000)
        cut = self.dig("+ignore", "+bufsize=4096", f"long.{DOMAIN}", "TXT")
        self.assertRegex(cut, r"flags: qr aa tc")
        whole = self.dig(f"long.{DOMAIN}", "TXT")
        self.assertIn("(TCP)", whole)
        self.assertEqual(whole.count("x"), 2000 + whole.replace("x" * 200, "").count("x") % 200)

    def test_what_we_sign_is_verified(self) -> None:
        (zone,) = [each for each in self.dns("list") if each["zone"] == f"{DOMAIN}."]
        signed = self.dns("sign", DOMAIN)
        self.addCleanup(self.dns, "sign", DOMAIN, "--end")
        self.assertFalse(zone["signed"])
        self.dns("add", DOMAIN, "*.wild", "A", "192.0.2.9")
        anchor = Path(self.folder, "anchor")
        tag, algorithm, kind, digest = signed["ds"][0].split()
        anchor.write_text(f'trust-anchors {{ {DOMAIN}. static-ds {tag} {algorithm} {kind} "{digest}"; }};\n')
        for name, kind in (
            ("", "MX"),
            ("", "SOA"),
            ("mail.", "A"),
            ("x.wild.", "A"),
            ("_25._tcp.mail.", "TLSA"),
            ("no.", "A"),
            ("a.b.no.", "MX"),
            ("mail.", "MX"),
            ("x.wild.", "MX"),
            ("_tcp.", "A"),
        ):
            said = self.run_tool(
                "delv",
                "@127.0.0.1",
                "-p",
                str(self.port),
                "-a",
                str(anchor),
                f"+root={DOMAIN}",
                f"{name}{DOMAIN}",
                kind,
            )
            self.assertRegex(said, r"^; (negative response, )?fully validated", (name, kind))

    def test_our_own_server_is_what_the_system_itself_asks(self) -> None:
        """`--resolver own`: all that it needs to know of itself it finds."""
        found = self.dns("records", DOMAIN)
        self.assertIn("TLSA", [each["type"] for each in found])
        done = mailsys("dns", "check", DOMAIN, "--state", self.state, "--json")
        states = {(each["name"], each["type"]): each for each in json.loads(done.stdout)}
        self.assertEqual([each for each in states.values() if each["state"] != "good"], [])
        self.assertEqual(done.returncode, 0)
        self.assertIn(("1.0.0.127.in-addr.arpa.", "PTR"), states)


class SideBySideTests(_Running):
    def test_another_server_answers_the_same(self) -> None:
        fill(self.state)
        knot = Knot(DOMAIN, transferred(self.port))
        self.addCleanup(knot.close)
        for name, kind in ASKED:
            self.assertEqual(said(self.port, name, kind), said(knot.port, name, kind), (name, kind))

    def test_a_secondary_fetches_a_signed_zone(self) -> None:
        self.dns("sign", DOMAIN)
        knot = Knot(DOMAIN, primary=self.port)
        self.addCleanup(knot.close)
        query = dns.message.make_query(f"mail.{DOMAIN}", "A", want_dnssec=True)
        answers = [
            dns.query.udp(query, "127.0.0.1", port=port, timeout=5).answer for port in (self.port, knot.port)
        ]
        self.assertEqual(answers[0][0], answers[1][0])
        self.assertEqual(len(answers[1]), 2)
        self.dns("sign", DOMAIN, "--end")


class AloneTests(TestCase):
    """`twistd mailsys-dns`."""

    def test_it_serves_zones_without_any_mail(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="mailsys-test-"))
        self.addCleanup(shutil.rmtree, folder)
        (port,) = free_ports(1)
        config = folder / "mailsys.toml"
        (folder / "blocked").write_text("bad.example\n")
        state = folder / "state"
        state.mkdir(mode=0o700)
        config.write_text(
            f'hostname = "mail.alone.test"\ndomain = "alone.test"\nstate = "{state}"\n'
            f'[listen]\ndns = ["127.0.0.1:{port}"]\n'
            '[dns_server]\naddresses = ["192.0.2.5"]\n'
            'blocklists = ["../blocked"]\nupstream = ["127.0.0.1:9"]\n'
            f'nameservers = ["ns.alone.test"]\n'
        )
        log = (folder / "log").open("wb")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [str(TWISTD), "-n", "--pidfile", "", "mailsys-dns", "--config", str(config)],
            stderr=log,
            stdout=log,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        try:
            wait_for(lambda: (state / "control.sock").exists())
            self.assertEqual(mailsys("domain", "add", "alone.test", "--config", str(config)).returncode, 0)
            done = mailsys("dns", "add", "alone.test", "www", "A", "192.0.2.6", "--config", str(config))
            self.assertEqual(done.returncode, 0, done.stderr)
            for name, kind, value in (
                ("www.alone.test", "A", "192.0.2.6"),
                ("alone.test", "MX", "10 mail.alone.test."),
                ("mail.alone.test", "A", "192.0.2.5"),
                ("ns.alone.test", "A", "192.0.2.5"),
                ("bad.example", "A", "0.0.0.0"),
            ):
                query = dns.message.make_query(name, kind)
                found = dns.query.udp(query, "127.0.0.1", port=port, timeout=PATIENCE)
                self.assertEqual([str(each) for each in found.answer[0]], [value], name)
            (folder / "blocked").write_text("worse.example\n")
            process.send_signal(signal.SIGHUP)

            def blocked() -> bool:
                query = dns.message.make_query("worse.example", "A")
                return bool(dns.query.udp(query, "127.0.0.1", port=port, timeout=PATIENCE).answer)

            wait_for(blocked)
        finally:
            process.terminate()
            code = process.wait(PATIENCE)
        self.assertIn(code, (0, -signal.SIGTERM), (folder / "log").read_text())
