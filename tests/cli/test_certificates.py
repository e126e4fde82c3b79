"""The certificate: what is refused, what is read again, what sessions get."""

from __future__ import annotations

import contextlib
import datetime
import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path
from unittest import SkipTest

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from mailsys.services.operating.certificates import (
    CertificateError,
    Certificates,
    LoadedCertificate,
    self_signed,
    write_self_signed,
)


class CertificateTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        self.certificate, self.key = folder / "tls" / "certificate.pem", folder / "tls" / "key.pem"
        write_self_signed(self.certificate, self.key, ["mail.example.org", "127.0.0.1"])

    def complaint(self) -> str:
        return str(self.assertRaises(CertificateError, Certificates, self.certificate, self.key))

    def test_a_new_pair_names_the_host_and_lasts_years(self) -> None:
        loaded = LoadedCertificate(self.certificate, self.key)
        self.assertEqual(loaded.names, ["mail.example.org", "127.0.0.1"])
        self.assertFalse(loaded.expired(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=365)))

    def test_the_key_is_for_its_owner_only(self) -> None:
        self.assertEqual(stat.S_IMODE(self.key.stat().st_mode), 0o600)

    def test_an_existing_pair_is_never_overwritten(self) -> None:
        before = self.certificate.read_bytes()
        self.assertFalse(write_self_signed(self.certificate, self.key, ["other.example"]))
        self.assertEqual(self.certificate.read_bytes(), before)

    def test_a_missing_file_is_named(self) -> None:
        self.key.unlink()
        self.assertEqual(self.complaint(), f"{self.key}: No such file or directory")

    def test_a_file_of_something_else_is_named(self) -> None:
        self.certificate.write_text("not a certificate")
        self.assertIn(f"{self.certificate}: not a PEM certificate", self.complaint())

    def test_a_key_of_another_certificate_is_refused(self) -> None:
        self.key.write_bytes(self_signed(["other.example"])[1])
        self.assertIn("is not the key of", self.complaint())

    def test_a_new_pair_is_used_after_reload(self) -> None:
        certificates = Certificates(self.certificate, self.key)
        chain, private = self_signed(["new.example.org"])
        self.certificate.write_bytes(chain)
        self.key.write_bytes(private)
        self.assertTrue(certificates.reload())
        self.assertEqual(certificates.current.names, ["new.example.org"])

    def test_a_bad_pair_on_reload_leaves_the_old_one(self) -> None:
        certificates = Certificates(self.certificate, self.key)
        self.certificate.write_text("torn")
        self.assertFalse(certificates.reload())
        self.assertEqual(certificates.current.names, ["mail.example.org", "127.0.0.1"])

    def test_an_expired_pair_on_reload_leaves_the_old_one(self) -> None:
        certificates = Certificates(self.certificate, self.key)
        chain, private = self_signed(["late.example.org"], days=0)
        self.certificate.write_bytes(chain)
        self.key.write_bytes(private)
        self.assertFalse(certificates.reload())
        self.assertEqual(certificates.current.names, ["mail.example.org", "127.0.0.1"])

    def shake_hands(self, version: int) -> str:
        """The version that a client which knows nothing newer than `version` ends with."""
        certificates = Certificates(self.certificate, self.key)
        server = certificates.serverConnectionForTLS(None)  # type: ignore[arg-type]
        server.set_accept_state()
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        context.set_max_proto_version(version)
        client = SSL.Connection(context, None)
        client.set_connect_state()
        for _ in range(4):
            for one, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(65536))
        return client.get_protocol_version_name()

    def test_tls_1_2_and_1_3_are_spoken(self) -> None:
        self.assertEqual(self.shake_hands(SSL.TLS1_3_VERSION), "TLSv1.3")
        self.assertEqual(self.shake_hands(SSL.TLS1_2_VERSION), "TLSv1.2")

    def test_older_versions_are_refused(self) -> None:
        self.assertRaises(SSL.Error, self.shake_hands, SSL.TLS1_1_VERSION)

    def test_a_key_that_only_root_reads_is_complained_of_once_we_are_somebody_else(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        folder = Path(tempfile.mkdtemp(prefix="mailsys-test-"))
        self.addCleanup(shutil.rmtree, folder)
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        write_self_signed(certificate, key, ["mail.example.org"])
        folder.chmod(0o755)
        pair = Certificates(certificate, key)
        self.assertEqual(pair.unreadable(), [])
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setuid(pwd.getpwnam("nobody").pw_uid)
                os.write(writing, "\n".join(pair.complaints()).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as file:
            told = file.read()
        os.waitpid(child, 0)
        self.assertTrue(told.startswith(f"certificate: {key} cannot be read by user nobody"), told)
        self.assertNotIn("\n", told)
