"""What others sign we verify, and they what we sign: OpenDKIM, and Mail::DKIM (which SpamAssassin uses).

In any canonical form; and what was changed on the way fails on both sides.
"""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.evidence import Signed
from mailsys.ports.ids import BlobId
from mailsys.services.sending.sign import Signer, generate_keys
from tests.peers.dns_table import DnsTable
from tests.services.published import dns_record
from tests.services.trust.rig import NOW, examined, now_result

MESSAGE = (
    b"Received: from here\r\n\tby there\r\n"
    b'From: "Bob, B." <bob@b.test>\r\nTo: alice@a.test\r\nSubject: Lunch \t  on\r\n Friday\r\n'
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@b.test>\r\n\r\n"
    b"Dear  Alice, \r\n\r\n.dot\t \tand blanks\r\n\r\n\r\n"
)
KEYS = generate_keys("b.test")
RECORDS = dict(map(dns_record, KEYS))
LATER = 4_000_000_000  # they sign with the time of day
FORMS = ("simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed")
OPENDKIM = shutil.which("opendkim") or shutil.which("opendkim", path="/usr/sbin")
VERIFY = r"""
use Mail::DKIM::Verifier; use Mail::DKIM::PublicKey;
my %keys = @ARGV;
no warnings 'redefine';
*Mail::DKIM::PublicKey::fetch_async = sub {
    my ($class, %p) = @_;
    my $found = $keys{"$p{Selector}._domainkey.$p{Domain}"};
    my $key = $found ? $class->parse($found) : undef;
    return sub { $p{Callbacks}{Success}->($key) };
};
local $/;
my $dkim = Mail::DKIM::Verifier->new; $dkim->PRINT(scalar <STDIN>); $dkim->CLOSE;
print $_->algorithm, " ", $_->result, "\n" for $dkim->signatures;
"""
SIGN = r"""
use Mail::DKIM::Signer;
my ($method, $selector, $file) = @ARGV;
my $message = do { local $/; <STDIN> };
my $dkim = Mail::DKIM::Signer->new(
    Algorithm => 'rsa-sha256', Method => $method,
    Domain => 'b.test', Selector => $selector, KeyFile => $file);
$dkim->PRINT($message); $dkim->CLOSE; print $dkim->signature->as_string, "\r\n";
"""


def has_mail_dkim() -> bool:
    perl = shutil.which("perl")
    return (
        bool(perl) and not subprocess.run([perl, "-MMail::DKIM", "-e", "1"], capture_output=True).returncode
    )


class Accounts:
    """The part of IAccountStore that signing reads."""

    def version(self):
        return maybeDeferred(lambda: 1)

    def dkim_keys(self, domain: str):
        return maybeDeferred(lambda: KEYS if domain == "b.test" else [])


def ours() -> bytes:
    signer = Signer(Accounts(), lambda work: maybeDeferred(work), lambda: NOW - 10)

    async def read(start: int, length: int) -> bytes:
        return MESSAGE[start : start + length]

    made = signer.signatures(BlobId(hashlib.sha256(MESSAGE).digest()), len(MESSAGE), "bob@b.test", read)
    return now_result(Deferred.fromCoroutine(made)) + MESSAGE


class Trial(SynchronousTestCase):
    def take(self, field: bytes, algorithm: str) -> None:
        """What another one signed must pass here, and must not once it was changed."""
        dns = DnsTable()
        for name, text in RECORDS.items():
            dns.txt(name, text.encode())
        (found,) = examined(dns, field + MESSAGE, at=LATER).dkim
        self.assertIs(found.result, Signed.PASS, (found.cause, field))
        self.assertEqual(found.algorithm, algorithm)
        for changed in (MESSAGE.replace(b"Lunch", b"Dinner"), MESSAGE + b"more\r\n"):
            (found,) = examined(dns, field + changed, at=LATER).dkim
            self.assertIs(found.result, Signed.FAIL)


class OpenDkimTests(Trial):
    if not OPENDKIM:
        skip = "opendkim is not installed"

    def run_it(self, message: bytes, config: str) -> str:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        (folder / "message").write_bytes(message)
        (folder / "keys").write_text("".join(f"{name} {text}\n" for name, text in RECORDS.items()))
        (folder / "config").write_text(config.format(folder=folder.resolve()))
        for key in KEYS:
            (folder / key.selector).write_bytes(key.private)
            (folder / key.selector).chmod(0o600)
        ran = subprocess.run(
            [OPENDKIM, "-x", folder / "config", "-vv", "-t", folder / "message"],
            capture_output=True,
            timeout=60,
            check=True,
        )
        return ran.stdout.decode()

    def test_verifies_ours(self):
        config = "Mode v\nTestPublicKeys {folder}/keys\nSyslog no\n"
        said = self.run_it(ours(), config)
        self.assertEqual(re.findall(r"dkim=(\w+)", said), ["pass", "pass"], said)
        self.assertIn("header.a=ed25519-sha256", said)
        said = self.run_it(ours().replace(b"Lunch", b"Dinner"), config)
        self.assertEqual(re.findall(r"dkim=(\w+)", said), ["fail", "fail"], said)

    def test_signs(self):
        for key in KEYS:
            for form in FORMS:
                if "ed25519" in key.algorithm and form.startswith("simple"):
                    continue  # OpenDKIM 2.11 does not verify these of its own, either
                config = (
                    f"Mode s\nDomain b.test\nSelector {key.selector}\nKeyFile {{folder}}/{key.selector}\n"
                    f"SignatureAlgorithm {key.algorithm}\nCanonicalization {form}\nSyslog no\n"
                    "RequireSafeKeys no\n"
                )
                said = self.run_it(MESSAGE, config)
                field = re.search(r"hname='DKIM-Signature' hvalue='([^']*)'", said)
                self.assertIsNotNone(field, said)
                value = field[1].replace("\r\n", "\n").replace("\n", "\r\n")
                self.take(b"DKIM-Signature: " + value.encode() + b"\r\n", key.algorithm)


class MailDkimTests(Trial):
    if not has_mail_dkim():
        skip = "Perl's Mail::DKIM is not installed"

    def perl(self, program: str, message: bytes, *arguments: str) -> str:
        command = ["perl", "-e", program, *arguments]
        return subprocess.run(
            command, input=message, capture_output=True, timeout=60, check=True
        ).stdout.decode()

    def test_verifies_ours(self):
        given = [part for pair in RECORDS.items() for part in pair]
        said = self.perl(VERIFY, ours(), *given).splitlines()
        self.assertIn("rsa-sha256 pass", said)  # Debian 12's knows no Ed25519
        said = self.perl(VERIFY, ours().replace(b"Lunch", b"Dinner"), *given).splitlines()
        self.assertIn("rsa-sha256 fail", said)

    def test_signs(self):
        (key,) = (key for key in KEYS if key.algorithm == "rsa-sha256")
        path = self.mktemp()
        loaded = serialization.load_pem_private_key(key.private, None)
        form = serialization.PrivateFormat.TraditionalOpenSSL
        Path(path).write_bytes(
            loaded.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        )
        for method in FORMS:
            field = self.perl(SIGN, MESSAGE, method, key.selector, path)
            self.take(field.encode(), "rsa-sha256")
