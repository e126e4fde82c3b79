"""IMAP commands that are made to cost, of a user who signed in."""

from __future__ import annotations

from tests.hostile.target import MB, HostileTestCase, Wire, deliver

MESSAGES = 3000


class CommandBombs(HostileTestCase):
    alone = True

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        wire = Wire(cls.server.ports["imap"])
        wire.say(b'l LOGIN me@example.org "open sesame"\r\n').until(b"l OK")
        parts = b"".join(b"--b\r\nSubject: p\r\n\r\npart %d\r\n" % n for n in range(990))
        many = b"Subject: many\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"
        wire.say(b"p APPEND INBOX {%d+}\r\n%b\r\n" % (len(many), many)).until(b"p OK")
        text = b"Subject: small\r\n\r\nhello\r\n"
        for _ in range(MESSAGES // 100):
            wire.say(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(text), text) * 100)
            for _ in range(100):
                wire.until(b"a OK")
        wire.close()

    def ask(self, command: bytes, answer: bytes = b"OK|NO|BAD", **bounds: float) -> bytes:
        """What is said to it, within bounds."""
        wire = self.imap(b"INBOX")
        with self.bounded(**bounds):  # type: ignore[arg-type]
            wire.try_to_say(b"ended7 " + command + b"\r\n")
            told = wire.until(b"ended7 ")[-1]
        self.assertRegex(told, rb"^ended7 (%b)" % answer, command[:80])
        wire.say(b"n NOOP\r\n").until(b"n OK")
        return told

    def test_sets_of_numbers_without_end(self):
        self.ask(b"FETCH " + b",".join([b"1:*"] * 8000) + b" UID", b"OK|BAD")
        self.ask(b"UID FETCH " + b",".join([b"1:4294967295"] * 4000) + b" FLAGS", b"OK|BAD")
        self.ask(b"UID FETCH " + b",".join(b"%d" % n for n in range(1, 20_000, 2)) + b" FLAGS", b"OK|BAD")
        self.ask(b"UID STORE " + b",".join([b"*"] * 20_000) + b" +FLAGS.SILENT (x)", b"OK|BAD")
        self.ask(b"UID SEARCH UID " + b",".join([b"1:*"] * 10_000), b"OK|BAD")
        self.ask(b"FETCH " + b"9" * 60_000 + b" UID", b"BAD")
        self.ask(b"FETCH 1:" + b"4294967295," * 5000 + b"1 UID", b"BAD|OK")

    def test_keys_of_search_without_end(self):
        self.ask(b"SEARCH " + b"(" * 30_000 + b"ALL" + b")" * 30_000, b"BAD|NO")
        self.ask(b"SEARCH " + b"NOT " * 15_000 + b"ALL", b"BAD|NO")
        self.ask(b"SEARCH " + b"OR ALL " * 8000 + b"ALL", b"BAD|NO")
        self.ask(b"SEARCH " + b"ALL " * 15_000 + b"ALL")
        self.ask(b'SEARCH BODY "' + b"a " * 30_000 + b'"')
        self.ask(b"SEARCH " + b" ".join(b"BODY x%d" % n for n in range(50)), wait=1.0)
        self.ask(b"SEARCH " + b" ".join(b"OR BODY x%d" % n for n in range(40)) + b" BODY y", wait=1.0)
        self.ask(b'SEARCH TEXT "%_*^$\\\\" BODY "AND OR NOT NEAR(" SUBJECT "\\"*\\""', b"OK")
        self.ask(b"SEARCH HEADER " + b"X" * 30_000 + b" y")
        self.ask(b"SEARCH KEYWORD " + b"k" * 30_000)

    def test_sections_without_end(self):
        sections = b" ".join(b"BODY.PEEK[%d]" % n for n in range(1, 1000))
        self.ask(b"FETCH 1 (" + sections + b")", memory=32 * MB)
        self.ask(b"FETCH 1 (" + sections.replace(b"]", b".MIME]") + b")", memory=32 * MB)
        deep = b"1" + b".1" * 90
        self.ask(b"FETCH 1:* (" + b" ".join(b"BODY.PEEK[%b]<%d.1>" % (deep, n) for n in range(190)) + b")")
        self.ask(b"FETCH 1:* BODY.PEEK[" + b"1." * 30_000 + b"1]", b"BAD")
        names = b" ".join(b"X-%d" % n for n in range(90))
        self.ask(b"FETCH 1:* BODY.PEEK[HEADER.FIELDS (" + names + b")]")
        some = b" ".join(b"BODY.PEEK[HEADER.FIELDS.NOT (" + names + b")]<%d.9>" % n for n in range(100))
        self.ask(b"FETCH 1:* (" + some[:60_000].rpartition(b" BODY")[0] + b")", memory=40 * MB)
        self.ask(b"FETCH 1 BODY.PEEK[]<18446744073709551615.18446744073709551615>", b"BAD|OK")
        self.ask(b"FETCH 1 BODY.PEEK[]<9223372036854775807.9223372036854775807>", b"BAD|OK")

    def test_many_sections_that_are_large_are_not_held_together(self):
        block = b"".join(b"X-%d: y\r\n" % n for n in range(16_000))
        wire = self.imap()
        wire.say(b"c CREATE wide\r\n").until(b"c ")
        for content in (block + b"\r\nx\r\n", b"Subject: x\r\n\r\n" + b"y" * 200_000 + b"\r\n"):
            wire.say(b"a APPEND wide {%d+}\r\n%b\r\n" % (len(content), content)).until(b"a OK")
        wire.say(b"s SELECT wide\r\n").until(b"s OK")
        for section in (
            b"BODY.PEEK[HEADER]<%d.150000>",
            b"BODY.PEEK[]<%d.150000>",
            b"BODY.PEEK[TEXT]<%d.150000>",
        ):
            items = b" ".join(section % n for n in range(300))
            with self.bounded(memory=24 * MB):
                wire.say(b"ended7 FETCH 1:2 (" + items + b")\r\n")
                last = b""
                while b"\nended7 " not in last:  # 45 MB a message: not worth taking apart
                    data = wire.socket.recv(1 << 20)
                    self.assertTrue(data)
                    last = last[-100:] + data
            self.assertIn(b"\nended7 OK", last)
            wire.heard = b""

    def test_patterns_of_list_without_end(self):
        wire = self.imap()
        for n in range(50):
            wire.say(b"c CREATE %b/%b%d\r\n" % (b"a" * 100, b"a/" * 20, n)).until(b"c ")
        for pattern in (
            b"*a" * 500,
            b"%a" * 500,
            b"*" * 1000,
            b"%*" * 500,
            b"*a*a*a*a*a*a*a*a*a*a*b",
            b"*/" * 500,
        ):
            self.ask(b'LIST "" "' + pattern + b'"')
            self.ask(b'LSUB "" "' + pattern + b'"')
        self.ask(b'LIST "" (' + b" ".join([b'"*a*a*a*b"'] * 5000) + b")", b"BAD|OK|NO", wait=1.0)
        self.ask(b'LIST "' + b"a/" * 15_000 + b'" "*"')
        self.ask(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" "*" RETURN (CHILDREN STATUS (MESSAGES UIDNEXT SIZE))')

    def test_names_that_are_no_names(self):
        for name in (
            b"&" + b"A" * 60_000 + b"-",
            b"&-" * 20_000,
            b"/" * 60_000,
            b"a/" * 30_000 + b"a",
            b"x" * 60_000,
            b"&AAA-",
            b"&2D3eAA-",
        ):
            for command in (b'CREATE "%b"', b'SELECT "%b"', b'STATUS "%b" (MESSAGES)', b'RENAME INBOX "%b"'):
                self.ask(command % name, b"NO|BAD|OK")
            wire = self.imap()
            wire.say(b"n NOOP\r\n").until(b"n OK")

    def test_flags_without_end(self):
        self.ask(b"STORE 1 +FLAGS (" + b" ".join(b"f%d" % n for n in range(9000)) + b")", b"NO|BAD|OK")
        wire = self.imap(b"INBOX")
        with self.bounded():
            for n in range(40):
                flags = b" ".join(b"k%d-%d" % (n, m) for m in range(20))
                wire.say(b"t STORE 2 +FLAGS.SILENT (" + flags + b")\r\n").until(b"t ")
        self.ask(b"STORE 1 FLAGS (" + b"\\Seen " * 9000 + b"\\Seen)", b"NO|BAD|OK")

    def test_parameters_of_every_command_that_are_too_many(self):
        self.ask(b"ID (" + b'"a" "b" ' * 5000 + b'"a" "b")', b"BAD|NO|OK")
        self.ask(b"ENABLE " + b"X " * 20_000 + b"CONDSTORE", b"BAD|NO|OK")
        self.ask(b"STATUS INBOX (" + b"MESSAGES " * 7000 + b"MESSAGES)", b"BAD|NO|OK")
        known = b",".join(b"%d" % n for n in range(1, 10_000))
        self.ask(b"SELECT INBOX (QRESYNC (1 1 " + known + b"))", b"BAD|NO|OK")
        self.ask(b"UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)", b"BAD|NO|OK")

    def test_copies_of_copies_do_not_stop_others(self):
        wire = self.imap(b"INBOX")
        with self.bounded(memory=64 * MB, wait=1.0):
            wire.say(b"c CREATE copies\r\n").until(b"c ")
            wire.say(b"c COPY 1:* copies\r\n").until(b"c OK")
            wire.say(b"c SELECT copies\r\n").until(b"c OK")
            wire.say(b"c COPY 1:* copies\r\n").until(b"c OK")
            wire.say(b"c STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n").until(b"c OK")
            wire.say(b"c EXPUNGE\r\n").until(b"c OK")

    def test_mail_comes_in_meanwhile(self):
        wire = self.imap(b"INBOX")
        wire.say(b"f FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY.PEEK[])\r\n")
        with self.bounded():
            self.assertTrue(deliver(self.smtp(), b"Subject: x\r\n\r\nx\r\n").startswith(b"250"))
            wire.until(b"f OK")
