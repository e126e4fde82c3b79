"""`mailsys setup`, then `twistd mailsys`."""

from __future__ import annotations

import imaplib
import json
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import TestCase

from tests.system.local import PATIENCE, mailsys, message, wait_for

TWISTD = Path(sys.executable).with_name("twistd")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Installed(TestCase):
    """`mailsys setup` in a folder, and twistd with what it wrote."""

    def setUp(self) -> None:
        # Not mktemp: the user that the server becomes must be able to reach it.
        self.folder = Path(tempfile.mkdtemp(prefix="mailsys-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.config = self.folder / "mailsys.toml"

    def set_up(self, *options: str) -> subprocess.CompletedProcess[str]:
        return mailsys(
            "setup",
            *("--config", str(self.config), "--domain", "example.org", "--hostname", "mail.example.org"),
            *("--account", "me@example.org", "--password-file", "-", *options),
            text="open sesame\n",
        )

    def write(self, **values: str) -> None:
        """Settings with free ports in place of the privileged ones; `values` is TOML by its name."""
        self.smtp, self.submission, self.imap = free_ports(3)
        text = self.config.read_text()
        for name, port in (("smtp", self.smtp), ("submission", self.submission), ("imap", self.imap)):
            text = text.replace(f'\n# {name} = ["', f'\n{name} = ["127.0.0.1:{port}"]\n# {name} = ["')
        for name in ("submissions", "imaps", "https"):
            text = text.replace(f'\n# {name} = ["', f'\n{name} = []\n# {name} = ["')
        for name, value in values.items():
            text = text.replace(f"\n# {name} =", f"\n{name} = {value}\n# {name} =")
        self.config.write_text(text)

    def run_twistd(self) -> subprocess.Popen[bytes]:
        log = (self.folder / "log").open("ab")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [str(TWISTD), "--nodaemon", "--pidfile=", "mailsys", "--config", str(self.config)],
            stdout=log,
            stderr=log,
            cwd=self.folder,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def started(self) -> bool:
        return '"event":"started"' in self.log


class TwistdTests(Installed):
    def test_setup_then_twistd_then_mail(self) -> None:
        done = self.set_up()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.write()
        process = self.run_twistd()
        wait_for(self.started)
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=PATIENCE) as client:
            client.sendmail("a@elsewhere.test", ["postmaster@example.org"], message("hello"))
        import ssl

        trust = ssl.create_default_context(cafile=str(self.folder / "state/tls/certificate.pem"))
        trust.check_hostname = False
        imap = imaplib.IMAP4("127.0.0.1", self.imap, timeout=PATIENCE)
        self.assertRaises(imaplib.IMAP4.error, imap.login, "me@example.org", "open sesame")
        imap.starttls(trust)
        imap.login("me@example.org", "open sesame")
        self.assertEqual(imap.select("INBOX")[1], [b"1"])
        imap.logout()
        listed = mailsys("account", "list", "--config", str(self.config), "--json")
        self.assertEqual([each["address"] for each in json.loads(listed.stdout)], ["me@example.org"])
        process.terminate()
        process.wait(PATIENCE)
        self.assertIn('"event":"stopped"', self.log)
        self.assertNotIn("Traceback", self.log)

    def test_setup_prints_the_records_and_can_be_run_again(self) -> None:
        first = self.set_up()
        for part in (
            "example.org. 300 IN MX 10 mail.example.org.",
            'example.org. 300 IN TXT "v=spf1 mx -all"',
            '_dmarc.example.org. 300 IN TXT "v=DMARC1; p=quarantine',
            "v=DKIM1; k=rsa; p=",
            "v=DKIM1; k=ed25519; p=",
            "_imaps._tcp.example.org. 300 IN SRV 0 1 993 mail.example.org.",
        ):
            self.assertIn(part, first.stdout)
        self.assertNotIn("open sesame", first.stdout + first.stderr + self.config.read_text())
        self.assertEqual((self.folder / "state").stat().st_mode & 0o777, 0o700)
        self.assertEqual((self.folder / "state/mail.sqlite").stat().st_mode & 0o077, 0)
        settings = self.config.read_bytes()
        second = self.set_up()
        self.assertEqual((second.returncode, self.config.read_bytes()), (0, settings))
        records = [line for line in first.stdout.splitlines() if " 300 IN " in line]
        self.assertEqual([line for line in second.stdout.splitlines() if " 300 IN " in line], records)

    def test_setup_writes_nothing_when_it_cannot_be_finished(self) -> None:
        refused = self.set_up("--user", "nosuchuser")
        told = "mailsys: user: there is no user 'nosuchuser' here\n"
        self.assertEqual((refused.returncode, refused.stderr), (2, told))
        words = (
            "setup",
            "--config",
            str(self.config),
            "--domain",
            "example.org",
            "--hostname",
            "m.example.org",
        )
        refused = mailsys(*words, "--account", "me@example.org", "--password-file", "-", text="secret\n")
        told = "mailsys: A password has at least 10 characters.\n"
        self.assertEqual((refused.returncode, refused.stderr), (1, told))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_setup_makes_one_administrator(self) -> None:
        self.set_up()
        self.assertEqual(self.set_up().returncode, 0)
        again = self.set_up("--account", "you@example.org")
        self.assertEqual(again.returncode, 1)
        self.assertIn("There is an administrator already", again.stderr)
        listed = json.loads(mailsys("account", "list", "--config", str(self.config), "--json").stdout)
        self.assertEqual([(each["address"], each["admin"]) for each in listed], [("me@example.org", True)])

    def test_settings_that_would_not_start_are_not_good(self) -> None:
        self.set_up()
        check = ("settings", "--config", str(self.config))
        self.assertEqual(mailsys(*check).stdout, f"{self.config}: good\n")
        self.write(user='"nosuchuser"', storage='"oracle://x"')
        (self.folder / "state/tls/certificate.pem").unlink()
        done = mailsys(*check)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        user, storage, tls = done.stderr.splitlines()
        self.assertEqual(user, f"mailsys: {self.config}: user: there is no user 'nosuchuser' here")
        self.assertIn("storage: 'oracle://x'", storage)
        self.assertIn("tls: ", tls)
        self.assertIn("certificate.pem: No such file or directory", tls)

    def test_what_prevents_the_start_is_one_line(self) -> None:
        self.set_up()
        self.write()
        with socket.create_server(("127.0.0.1", self.smtp)):
            self.assertNotEqual(self.run_twistd().wait(PATIENCE), 0)
        self.assertIn(
            f"mailsys: cannot listen on 127.0.0.1:{self.smtp} for smtp: Address already in use", self.log
        )
        (self.folder / "state/tls/key.pem").unlink()
        self.assertNotEqual(self.run_twistd().wait(PATIENCE), 0)
        self.assertIn("tls/key.pem: No such file or directory", self.log)
        self.config.write_text("lisen = 3\n")
        self.assertNotEqual(self.run_twistd().wait(PATIENCE), 0)
        self.assertIn("mailsys.toml: lisen: no such setting", self.log)
        self.assertNotIn("Traceback", self.log)

    def test_as_a_daemon_it_logs_to_its_file(self) -> None:
        self.set_up()
        self.write()
        pid, log = self.folder / "pid", self.folder / "log"
        words = [f"--pidfile={pid}", f"--logfile={log}", "mailsys", "--config", str(self.config)]
        subprocess.run([str(TWISTD), *words], check=True, timeout=PATIENCE, cwd=self.folder)
        wait_for(lambda: log.exists() and self.started())
        os.kill(int(pid.read_text()), signal.SIGTERM)
        wait_for(lambda: '"event":"stopped"' in self.log)
        self.assertEqual(log.stat().st_mode & 0o077, 0)

    def test_a_second_server_on_the_same_store_is_refused(self) -> None:
        self.set_up()
        self.write()
        self.run_twistd()
        wait_for(self.started)
        text = self.config.read_text()
        for port in (self.smtp, self.submission, self.imap):
            text = text.replace(f"127.0.0.1:{port}", "127.0.0.1:0")
        self.config.write_text(text)
        self.assertNotEqual(self.run_twistd().wait(PATIENCE), 0)
        self.assertIn("in use by process", self.log)

    def test_it_becomes_the_user_of_the_settings_after_binding(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        nobody = pwd.getpwnam("nobody")
        for folder in Path(os.__file__).resolve().parents:
            if not folder.stat().st_mode & 0o001:
                raise SkipTest(f"Python itself is out of reach for others: {folder}")
        self.set_up("--user", "nobody")
        self.write()
        key = self.folder / "state/tls/key.pem"
        os.chown(key, 0, 0)
        process = self.run_twistd()
        wait_for(self.started)
        self.assertIn(f"certificate: {key} cannot be read by user nobody", self.log)
        checked = mailsys("check", "--config", str(self.config))
        self.assertIn(f"certificate: {key} cannot be read by user nobody", checked.stdout)
        os.chown(key, nobody.pw_uid, nobody.pw_gid)
        status = Path(f"/proc/{process.pid}/status").read_text()
        uids = next(line for line in status.splitlines() if line.startswith("Uid:"))
        self.assertEqual(uids.split()[1:], [str(nobody.pw_uid)] * 4)
        self.assertEqual((self.folder / "state").stat().st_uid, nobody.pw_uid)
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=PATIENCE) as client:
            client.sendmail("a@elsewhere.test", ["me@example.org"], message("hello"))
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: "certificate reloaded" in self.log)
        process.terminate()
        process.wait(PATIENCE)
        listed = mailsys("account", "list", "--config", str(self.config), "--json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        owners = {path.stat().st_uid for path in (self.folder / "state").rglob("*")}
        self.assertEqual(owners, {nobody.pw_uid}, "root's own command made files that shut the server out")
