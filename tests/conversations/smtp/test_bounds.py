"""What a client may not do for ever: lines, sizes, errors, time, connections."""

from __future__ import annotations

import resource

from twisted.internet.defer import Deferred

from mailsys.smtp.server import SmtpFactory
from mailsys.sockets import SPARE
from tests.conversations.smtp.wire import Conversation, ConversationCase, Line


class LineTests(ConversationCase):
    def test_a_line_of_the_limit_is_taken(self):
        conversation = self.greeted()
        self.assertTrue(conversation.say(b"NOOP " + b"x" * (4096 - 7) + b"\r\n").startswith(b"250"))

    def test_a_longer_line_is_refused_whole(self):
        conversation = self.greeted()
        said = conversation.say(b"NOOP " + b"x" * 4090 + b"\r\nNOOP\r\n")
        self.assertEqual(said, b"500 5.5.2 Line too long\r\n250 2.0.0 Ok\r\n")

    def test_a_line_that_never_ends_ends_the_connection(self):
        conversation = self.greeted()
        said = b""
        sent = 0
        while not conversation.closed:
            said += conversation.say(b"x" * 1000)
            sent += 1000
            self.assertLessEqual(conversation.protocol._session.receiver.buffered, 5096)
        self.assertLess(sent, 80_000)
        self.assertEqual(said, b"500 5.5.2 Line too long\r\n421 4.7.0 Line far too long, closing\r\n")


class SizeTests(ConversationCase):
    def test_a_message_of_the_limit_is_taken(self):
        self.build(message_size=100)
        conversation = self.in_data(b"MAIL FROM:<a@example.org> SIZE=100")
        self.assertIn(b"kept", conversation.say(b"." + b"." + b"x" * 97 + b"\r\n.\r\n"))
        self.assertEqual(len(self.transactions.received[0].body), 100)

    def test_one_octet_more_is_refused_when_declared(self):
        self.build(message_size=100)
        said = self.greeted().say(b"MAIL FROM:<a@example.org> SIZE=101\r\n")
        self.assertEqual(said, b"552 5.3.4 Message size exceeds the limit\r\n")

    def test_one_octet_more_is_refused_when_sent(self):
        self.build(message_size=100)
        conversation = self.in_data()
        self.assertEqual(
            conversation.say(b"x" * 99 + b"\r\n.\r\n"), b"552 5.3.4 Message size exceeds the limit\r\n"
        )
        self.assertTrue(self.transactions.sinks[0].aborted)
        self.assertTrue(conversation.say(b"NOOP\r\n").startswith(b"250"))

    def test_what_exceeds_the_limit_is_read_and_forgotten(self):
        self.build(message_size=100_000)
        conversation = self.in_data()
        for _ in range(5):
            conversation.say(b"x" * 60_000)
        self.assertLessEqual(self.transactions.sinks[0].size, 100_000)
        self.assertLess(conversation.protocol._session.receiver.buffered, 100)
        self.assertTrue(conversation.say(b"\r\n.\r\n").startswith(b"552 5.3.4"))

    def test_what_is_absurdly_large_ends_the_connection(self):
        self.build(message_size=100_000)
        conversation = self.in_data()
        sent = 0
        while not conversation.closed:
            conversation.say(b"x" * 60_000)
            sent += 60_000
            self.assertLess(sent, 2_000_000)
        self.assertTrue(self.transactions.sinks[0].aborted)

    def test_recipients_are_bounded(self):
        self.build(recipients_incoming=3)
        conversation = self.greeted()
        conversation.say(b"MAIL FROM:<a@example.org>\r\n")
        said = conversation.say(b"".join(b"RCPT TO:<b%d@example.com>\r\n" % n for n in range(4)))
        self.assertEqual([line[:3] for line in said.splitlines()], [b"250", b"250", b"250", b"452"])


class PatienceTests(ConversationCase):
    def test_too_many_errors_end_the_connection(self):
        self.build(errors_per_session=3)
        conversation = self.greeted()
        self.assertEqual(conversation.say(b"FOO\r\n" * 3).count(b"500"), 3)
        self.assertEqual(conversation.say(b"FOO\r\n"), b"421 4.7.0 Too many errors, closing\r\n")
        self.assertTrue(conversation.closed)

    def test_probing_for_addresses_ends_the_connection(self):
        conversation = self.greeted()
        conversation.say(b"MAIL FROM:<a@example.org>\r\n")
        said = conversation.say(b"RCPT TO:<unknown@example.com>\r\n" * 30)
        self.assertEqual(said.count(b"550 5.1.1"), 20)
        self.assertTrue(conversation.closed)

    def test_a_large_list_may_have_some_dead_addresses(self):
        conversation = self.greeted()
        conversation.say(b"MAIL FROM:<a@example.org>\r\n")
        for _ in range(30):
            conversation.say(b"RCPT TO:<b@example.com>\r\n" * 10 + b"RCPT TO:<unknown@example.com>\r\n")
        self.assertFalse(conversation.closed)

    def test_small_talk_without_end_ends_the_connection(self):
        conversation = self.greeted()
        said = conversation.say(b"NOOP\r\n" * 300)
        self.assertTrue(said.endswith(b"421 4.7.0 Too much talk without mail, closing\r\n"))

    def test_messages_per_connection_are_bounded(self):
        self.build(messages_per_connection=2)
        conversation = self.greeted()
        for _ in range(2):
            conversation.say(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n.\r\n")
        self.assertTrue(conversation.say(b"MAIL FROM:<a@example.org>\r\n").startswith(b"421 4.7.0"))
        self.assertEqual(len(self.transactions.received), 2)

    def test_nothing_is_run_after_the_last_reply(self):
        conversation = self.greeted()
        said = conversation.say(b"QUIT\r\nMAIL FROM:<a@example.org>\r\n")
        self.assertEqual(said.count(b"\r\n"), 1)
        self.assertEqual(conversation.say(b"NOOP\r\n"), b"")


class TimeTests(ConversationCase):
    def test_an_idle_client_is_told_and_dropped(self):
        conversation = self.greeted()
        self.clock.advance(299)
        self.assertFalse(conversation.closed)
        self.clock.advance(1)
        self.assertEqual(conversation.heard(), b"421 4.4.2 Timeout, closing\r\n")
        self.assertTrue(conversation.closed)

    def test_a_command_is_a_sign_of_life(self):
        conversation = self.greeted()
        for _ in range(10):
            self.clock.advance(200)
            conversation.say(b"NOOP\r\n")
        self.assertFalse(conversation.closed)
        self.clock.advance(300)
        self.assertTrue(conversation.closed)

    def test_single_octets_of_a_command_are_none(self):
        conversation = self.greeted()
        for _ in range(10):
            self.clock.advance(30)
            conversation.say(b"x")
        self.assertTrue(conversation.closed)

    def test_content_is_a_sign_of_life_but_the_whole_has_its_time(self):
        self.build(smtp_data=1000.0)
        conversation = self.in_data()
        for _ in range(9):
            self.clock.advance(100)
            conversation.say(b"x")
        self.assertFalse(conversation.closed)
        self.clock.advance(99)
        conversation.say(b"x")
        self.clock.advance(1)
        self.assertEqual(conversation.heard(), b"421 4.4.2 Timeout, closing\r\n")
        self.assertTrue(self.transactions.sinks[0].aborted)

    def test_a_whole_message_may_have_less_time_than_an_idle_client(self):
        self.build(smtp_data=10.0)
        conversation = self.in_data()
        self.clock.advance(10)
        self.assertTrue(conversation.closed)

    def test_each_message_has_its_own_time(self):
        self.build(smtp_data=1000.0)
        conversation = self.in_data()
        next_one = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
        for _ in range(10):
            self.clock.advance(200)
            conversation.say(b"x\r\n.\r\n" + next_one)
        self.assertFalse(conversation.closed)
        self.assertEqual(len(self.transactions.received), 10)

    def test_content_that_waited_for_a_slow_disk_is_a_sign_of_life(self):
        self.transactions.slow_disk = Deferred()
        conversation = self.in_data()
        conversation.say(b"x" * 1000)
        self.clock.advance(550)
        disk, self.transactions.slow_disk = self.transactions.slow_disk, None
        disk.callback(None)
        self.clock.advance(299)
        self.assertFalse(conversation.closed)
        self.assertIn(b"kept", conversation.say(b"\r\n.\r\n"))

    def test_small_chunks_do_not_stretch_the_time_of_a_message(self):
        self.build(smtp_data=1000.0)
        conversation = self.greeted()
        conversation.say(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n")
        for _ in range(10):
            conversation.say(b"BDAT 1\r\nx")
            self.clock.advance(100)
        self.assertTrue(conversation.closed)

    def test_there_is_one_timer_and_it_is_not_moved_by_every_line(self):
        conversation = self.greeted()
        (timer,) = self.clock.getDelayedCalls()
        due = timer.getTime()
        self.clock.advance(5)
        conversation.say(b"NOOP\r\n")
        self.assertEqual(self.clock.getDelayedCalls(), [timer])
        self.assertEqual(timer.getTime(), due)

    def test_a_client_that_takes_no_goodbye_is_cut_off(self):
        conversation = self.greeted()
        conversation.say(b"QUIT\r\n")
        self.assertFalse(conversation.line.aborted)
        self.clock.advance(10)
        self.assertTrue(conversation.line.aborted)

    def test_so_is_one_that_does_not_take_the_word_of_its_timeout(self):
        conversation = self.greeted()
        self.clock.advance(300)
        self.assertFalse(conversation.line.aborted)
        self.clock.advance(10)
        self.assertTrue(conversation.line.aborted)

    def test_the_client_does_not_pay_for_our_slowness(self):
        conversation = self.greeted()
        conversation.say(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<slow@example.com>\r\n")
        self.clock.advance(1000)
        self.assertFalse(conversation.closed)
        self.transactions.waiting[0].callback(None)
        self.assertEqual(conversation.heard().count(b"250"), 2)

    def test_no_timer_outlives_its_connection(self):
        conversation = self.greeted()
        conversation.hang_up()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PressureTests(ConversationCase):
    def test_reading_stops_while_the_disk_is_slow(self):
        self.transactions.slow_disk = Deferred()
        conversation = self.in_data()
        conversation.say(b"x" * 1000)
        conversation.say(b"y" * 1000)
        self.assertTrue(conversation.line.paused)
        self.assertEqual(self.transactions.sinks[0].size, 1000)
        disk, self.transactions.slow_disk = self.transactions.slow_disk, None
        disk.callback(None)
        self.assertFalse(conversation.line.paused)
        self.assertEqual(self.transactions.sinks[0].size, 2000)
        self.assertIn(b"kept", conversation.say(b"\r\n.\r\n"))

    def test_a_slow_disk_that_fails_is_told_after_the_content(self):
        self.transactions.slow_disk = Deferred()
        conversation = self.in_data()
        conversation.say(b"x" * 1000)
        self.transactions.slow_disk.errback(OSError("disk full"))
        self.assertTrue(conversation.say(b"\r\n.\r\n").startswith(b"451 4.3.0"))

    def test_reading_stops_while_replies_are_not_taken(self):
        conversation = self.greeted()
        self.assertIs(conversation.line.producer, conversation.protocol)
        conversation.protocol.pauseProducing()
        self.assertTrue(conversation.line.paused)
        conversation.say(b"NOOP\r\n")
        self.assertTrue(conversation.line.paused)
        conversation.protocol.resumeProducing()
        self.assertFalse(conversation.line.paused)

    def test_a_connection_lost_while_a_service_works_is_cleared_up_afterwards(self):
        conversation = self.greeted()
        conversation.say(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<slow@example.com>\r\nDATA\r\n")
        conversation.hang_up()
        self.assertEqual(self.transactions.aborted, 0)
        self.transactions.waiting[0].callback(None)
        self.assertEqual(self.transactions.aborted, 1)
        self.assertEqual(self.transactions.sinks, [])

    def test_a_message_that_was_sent_whole_is_kept_though_nobody_waits_for_the_reply(self):
        self.transactions.slow_commit = True
        conversation = self.in_data()
        conversation.say(b"x\r\n.\r\n")
        conversation.hang_up()
        self.transactions.waiting[0].callback(None)
        self.assertEqual(len(self.transactions.received), 1)


class ConnectionTests(ConversationCase):
    def test_connections_of_one_address_are_bounded(self):
        self.build(connections_per_address=2)
        first = self.connect()
        self.connect()
        third = Conversation(self.factory)
        self.assertTrue(third.heard().startswith(b"421 4.7.0"))
        self.assertTrue(third.closed)
        third.hang_up()
        self.connect("192.0.2.2")
        first.hang_up()
        self.connect()
        self.assertEqual(self.factory.connections, 3)

    def test_an_ipv4_address_mapped_into_ipv6_is_the_same_address(self):
        self.build(connections_per_address=1)
        self.connect("192.0.2.1")
        self.assertTrue(Conversation(self.factory, "::ffff:192.0.2.1").heard().startswith(b"421"))

    def test_connections_in_all_are_bounded(self):
        self.build(connections=2)
        self.connect("192.0.2.1")
        self.connect("192.0.2.2")
        self.assertTrue(Conversation(self.factory, "192.0.2.3").heard().startswith(b"421 4.7.0"))

    def test_who_would_have_one_of_the_last_descriptors_is_told_to_come_back(self):
        conversation = self.connect()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.patch(Line, "fileno", lambda line: most - SPARE - 1)
        self.connect("192.0.2.2")
        self.patch(Line, "fileno", lambda line: most - SPARE)
        late = Conversation(self.factory, "192.0.2.3")
        self.assertEqual(late.heard(), b"421 4.7.0 Too many connections, try again later\r\n")
        self.assertTrue(late.closed)
        self.assertTrue(conversation.say(b"NOOP\r\n").startswith(b"250"))

    def test_the_counts_do_not_leak(self):
        self.build(connections_per_address=1)
        for _ in range(5):
            conversation = self.connect()
            turned_away = Conversation(self.factory)
            turned_away.hang_up()
            conversation.hang_up()
        self.assertEqual(self.factory.connections, 0)
        self.assertEqual(self.transactions.clients, [])


class StopTests(ConversationCase):
    def test_idle_sessions_are_closed_at_once(self):
        conversation = self.greeted()
        stopped = self.factory.stop()
        self.assertEqual(conversation.heard(), b"421 4.3.2 Service closing, try again later\r\n")
        self.assertNoResult(stopped)
        conversation.hang_up()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_message_that_is_arriving_gets_its_answer_first(self):
        conversation = self.in_data()
        self.factory.stop()
        self.assertEqual(conversation.say(b"half\r\n"), b"")
        self.assertFalse(conversation.closed)
        said = conversation.say(b"x\r\n.\r\n")
        self.assertEqual(said, b"250 2.0.0 kept as 1\r\n421 4.3.2 Service closing, try again later\r\n")
        self.assertTrue(conversation.closed)

    def test_a_message_that_is_being_kept_gets_its_answer_first(self):
        self.transactions.slow_commit = True
        conversation = self.in_data()
        conversation.say(b"x\r\n.\r\n")
        self.factory.stop()
        self.assertFalse(conversation.closed)
        self.transactions.waiting[0].callback(None)
        self.assertTrue(conversation.heard().startswith(b"250"))
        self.assertTrue(conversation.closed)

    def test_half_a_message_has_a_little_time_left_and_is_then_put_off(self):
        self.build(smtp_stop=3.0)
        conversation = self.in_data()
        conversation.say(b"half\r\n")
        stopped = self.factory.stop()
        self.clock.advance(2.9)
        self.assertEqual(conversation.say(b"more\r\n"), b"")
        self.clock.advance(0.1)
        self.assertEqual(conversation.heard(), b"421 4.3.2 Service closing, try again later\r\n")
        self.assertTrue(conversation.closed)
        self.assertEqual((self.transactions.received, self.transactions.aborted), ([], 1))
        self.assertTrue(self.transactions.sinks[0].aborted)
        conversation.hang_up()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_half_a_message_that_waits_for_a_slow_disk_is_put_off_too(self):
        self.transactions.slow_disk = Deferred()
        conversation = self.in_data()
        conversation.say(b"x" * 1000)
        self.factory.stop()
        self.clock.advance(5)
        self.assertFalse(conversation.closed)
        disk, self.transactions.slow_disk = self.transactions.slow_disk, None
        disk.callback(None)
        self.assertEqual(conversation.heard(), b"421 4.3.2 Service closing, try again later\r\n")

    def test_a_message_that_is_whole_is_not_put_off(self):
        self.transactions.slow_commit = True
        conversation = self.in_data()
        conversation.say(b"x\r\n.\r\n")
        self.factory.stop()
        self.clock.advance(20)
        self.transactions.waiting[0].callback(None)
        said = conversation.heard()
        self.assertEqual(said, b"250 2.0.0 kept as 1\r\n421 4.3.2 Service closing, try again later\r\n")

    def test_nobody_is_waited_for_longer_than_thirty_seconds(self):
        self.transactions.slow_commit = True
        conversation = self.in_data()
        conversation.say(b"x\r\n.\r\n")
        stopped = self.factory.stop()
        self.clock.advance(30)
        self.assertTrue(conversation.line.aborted)
        conversation.hang_up()
        self.successResultOf(stopped)

    def test_newcomers_are_turned_away(self):
        self.in_data()
        self.factory.stop()
        self.assertTrue(Conversation(self.factory).heard().startswith(b"421 4.3.2"))

    def test_without_connections_it_is_over_at_once(self):
        self.assertIsInstance(self.factory, SmtpFactory)
        self.successResultOf(self.factory.stop())


class OrderTests(ConversationCase):
    def test_replies_keep_the_order_of_their_commands(self):
        conversation = self.greeted()
        conversation.say(
            b"MAIL FROM:<a@example.org>\r\nRCPT TO:<slow@example.com>\r\nRCPT TO:<unknown@example.com>\r\n"
        )
        conversation.say(b"DATA\r\n")
        self.assertEqual(conversation.heard(), b"")
        self.transactions.waiting[0].callback(None)
        self.assertEqual(
            [line[:3] for line in conversation.heard().splitlines()], [b"250", b"250", b"550", b"354"]
        )

    def test_a_hasty_client_is_greeted_before_it_is_answered(self):
        self.transactions.slow_greeting = True
        conversation = Conversation(self.factory)
        self.assertEqual(conversation.say(b"EHLO x\r\nNOOP\r\n"), b"")
        self.transactions.waiting[0].callback(None)
        lines = conversation.heard().splitlines()
        self.assertEqual((lines[0][:3], lines[1][:4], lines[-1][:3]), (b"220", b"250-", b"250"))

    def test_a_defect_in_the_session_itself_ends_the_connection(self):
        conversation = self.greeted()
        conversation.protocol._session.receiver.offers = None
        self.assertEqual(
            conversation.say(b"MAIL FROM:<a@example.org>\r\n"), b"421 4.3.0 Internal error, closing\r\n"
        )
        self.assertTrue(conversation.closed)

    def test_a_client_that_leaves_before_its_greeting_is_counted_out(self):
        self.transactions.slow_greeting = True
        conversation = Conversation(self.factory)
        conversation.hang_up()
        self.transactions.waiting[0].callback(None)
        self.assertEqual(self.transactions.clients, [])
        self.assertEqual(self.factory.connections, 0)
