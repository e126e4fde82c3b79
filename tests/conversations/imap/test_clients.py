"""Real client libraries, in a thread, against a store on disk."""

from __future__ import annotations

import imaplib
import time

import imapclient
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from mailsys.stores.sqlite.store import open_store
from tests.conversations.imap.rig import SIMPLE, ImapTestCase


class OnDisk(ImapTestCase):
    timeout = 60

    async def open_store(self):
        return open_store(self.mktemp(), reactor, self.events)


class Imaplib(OnDisk):
    async def test_a_whole_session(self):
        port = self.port.getHost().port

        def run():
            client = imaplib.IMAP4("127.0.0.1", port)
            client.login("alice@example.com", "secret")
            self.assertEqual(client.create("Work")[0], "OK")
            for number in range(5):
                kind, _ = client.append(
                    "Work", r"(\Seen)", time.time(), SIMPLE.replace(b"Hello", b"No %d" % number)
                )
                self.assertEqual(kind, "OK")
            self.assertEqual(client.select("Work"), ("OK", [b"5"]))
            self.assertEqual(client.search(None, "SUBJECT", '"No 3"'), ("OK", [b"4"]))
            kind, data = client.fetch("1:*", "(FLAGS BODY.PEEK[])")
            self.assertEqual(
                [part[1] for part in data[::2]], [SIMPLE.replace(b"Hello", b"No %d" % n) for n in range(5)]
            )
            self.assertEqual(client.store("1:2", "+FLAGS", r"(\Deleted)")[0], "OK")
            self.assertEqual(client.expunge(), ("OK", [b"2", b"1"]))
            self.assertEqual(client.copy("1", "Trash")[0], "OK")
            self.assertEqual(client.uid("MOVE", "4", "Trash")[0], "OK")
            self.assertEqual(
                client.status("Trash", "(MESSAGES UNSEEN)"), ("OK", [b"Trash (MESSAGES 2 UNSEEN 0)"])
            )
            self.assertEqual(client.rename("Work", "Play")[0], "OK")
            self.assertEqual(client.logout()[0], "BYE")

        await deferToThread(run)


class ImapClientLibrary(OnDisk):
    async def test_a_whole_session(self):
        port = self.port.getHost().port

        def run():
            client = imapclient.IMAPClient("127.0.0.1", port, ssl=False)
            client.login("alice@example.com", "secret")
            self.assertIn((rb"\HasNoChildren", rb"\Sent"), [flags for flags, _, _ in client.list_folders()])
            client.create_folder("Entwürfe/2024")
            client.append("INBOX", SIMPLE, flags=[imapclient.SEEN])
            client.append("INBOX", SIMPLE.replace(b"Hello", b"Second"))
            info = client.select_folder("INBOX")
            self.assertEqual((info[b"EXISTS"], info[b"UIDNEXT"]), (2, 3))
            self.assertEqual(client.search("UNSEEN"), [2])
            found = client.fetch(
                [1, 2], ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "RFC822.SIZE", "INTERNALDATE", "MODSEQ"]
            )
            self.assertEqual(found[2][b"ENVELOPE"].subject, b"Second")
            self.assertEqual(found[1][b"RFC822.SIZE"], len(SIMPLE))
            self.assertEqual(client.fetch(1, "BODY[]")[1][b"BODY[]"], SIMPLE)
            client.add_gmail_labels  # noqa: B018 - not spoken here
            client.set_flags([1], [imapclient.FLAGGED, "work"])
            self.assertEqual(client.get_flags([1]), {1: (imapclient.FLAGGED, b"work", imapclient.RECENT)})
            client.idle()
            other = imapclient.IMAPClient("127.0.0.1", port, ssl=False)
            other.login("alice@example.com", "secret")
            other.append("INBOX", SIMPLE)
            self.assertIn((3, b"EXISTS"), client.idle_check(timeout=10))
            client.idle_done()
            client.move([1], "Archive")
            client.delete_messages([2])
            client.expunge()
            self.assertEqual(client.search(), [3])
            self.assertEqual(client.folder_status("Archive", ["MESSAGES"]), {b"MESSAGES": 1})
            client.unselect_folder()
            client.logout()
            other.logout()

        await deferToThread(run)
