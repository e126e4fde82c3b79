"""DKIM: signatures that others made and published."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.evidence import Signed
from tests.peers.dns_table import DnsTable
from tests.services.trust.rig import examined

LETTER = (
    b"From: Joe SixPack <joe@football.example.com>\n"
    b"To: Suzie Q <suzie@shopping.example.net>\n"
    b"Subject: Is dinner ready?\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\n"
    b"\n"
    b"Hi.\n\nWe lost the game.  Are you hungry yet?\n\nJoe.\n"
)
# RFC 8463 Appendix A
ED25519 = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RSA = (
    b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
    b"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
    b"DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
    b"Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
RFC_8463 = (
    b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"
    b" d=football.example.com; i=@football.example.com;\n"
    b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"
    b" subject : date : message-id : from : subject : date;\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
    b" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"
    b" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n"
    b" d=football.example.com; i=@football.example.com;\n"
    b" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\n"
    b" date : message-id : from : subject : date;\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
    b" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n"
    b" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n"
    b" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\n"
)
# RFC 6376 Appendix A.2 and C
RFC_6376 = (
    b"DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\n"
    b"      c=simple/simple; q=dns/txt; i=joe@football.example.com;\n"
    b"      h=Received : From : To : Subject : Date : Message-ID;\n"
    b"      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
    b"      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\n"
    b"      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\n"
    b"      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\n"
    b"      4bmp/YzhwvcubU4=;\n"
    b"Received: from client1.football.example.com  [192.0.2.1]\n"
    b"      by submitserver.example.com with SUBMISSION;\n"
    b"      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\n"
)
BRISBANE = (
    b"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
    b"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
    b"tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)
GMAIL = (
    b"k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1Kd87/UeJjenpabgbFwh"
    b"+eBCsSTrqmwIYYvywlbhbqoo2DymndFkbjOVIPIldNs/m40KF+yzMn1skyoxcTUGCQs8g3FgD2Ap3ZB5DekAo5wMmk4wimDO"
    b"+U8QzI3SD07y2+07wlNWwIt8svnxgdxGkVbbhzY8i+RQ9DpSVpPbF7ykQxtKXkv/ahW3KjViiAH+ghvvIhkx4xYSIc9oSwVm"
    b"Al5OctMEeWUwg8Istjqz8BZeTWbf41fbNhte7Y+YqZOwq1Sd0DbvYAD9NOZK9vlfuac0598HY+vtSBczUiKERHv1yRbcaQtZ"
    b"Fh5wtiRrN04BLUTD21MycBX5jYchHjPY/wIDAQAB"
)


class PublishedTests(SynchronousTestCase):
    def test_rfc_8463(self):
        dns = DnsTable()
        dns.txt("brisbane._domainkey.football.example.com", ED25519)
        dns.txt("test._domainkey.football.example.com", RSA)
        found = examined(dns, RFC_8463 + LETTER).dkim
        self.assertEqual([(one.algorithm, one.result) for one in found], [
            ("ed25519-sha256", Signed.PASS), ("rsa-sha256", Signed.PASS)
        ])  # fmt: skip
        self.assertEqual([one.bits for one in found], [0, 1024])

    def test_rfc_6376(self):
        dns = DnsTable()
        dns.txt("brisbane._domainkey.example.com", BRISBANE)
        letter = LETTER.replace(b"game.  Are", b"game. Are")  # the RFC prints one blank too many for its bh=
        (found,) = examined(dns, RFC_6376 + letter).dkim
        self.assertIs(found.result, Signed.PASS, found.cause)
        self.assertEqual(found.identity, "joe@football.example.com")
        for changed in (
            (RFC_6376 + letter).replace(b"hungry", b"hungrier"),
            (RFC_6376 + letter).replace(b"dinner", b"supper"),
            (RFC_6376 + letter).replace(b".com  [", b".com ["),  # simple
            (RFC_6376 + b"Received: from elsewhere\n" + letter),
        ):
            (found,) = examined(dns, changed).dkim
            self.assertIs(found.result, Signed.FAIL, changed)

    def test_of_dkimpy(self):
        """Simple forms with both algorithms; and Gmail's, with a list of headers folded at its worst."""
        suites = Path(__file__).parent / "suites"
        dns = DnsTable()
        dns.txt("brisbane._domainkey.football.example.com", ED25519)
        dns.txt("test._domainkey.football.example.com", RSA)
        dns.txt("20120113._domainkey.gmail.com", GMAIL)
        found = examined(dns, (suites / "dkimpy-rfc6376.signed.eml").read_bytes()).dkim
        self.assertEqual([one.result for one in found], [Signed.PASS, Signed.PASS])
        (found,) = examined(dns, (suites / "dkimpy-degenerate-folding.eml").read_bytes()).dkim
        self.assertIs(found.result, Signed.PASS, found.cause)
        self.assertEqual(found.bits, 2048)
