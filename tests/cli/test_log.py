"""The log's lines, and the thread that writes them."""

from __future__ import annotations

import json
import os
import threading

from twisted.logger import Logger, LogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailsys import log as logging
from mailsys.log import Log, Writer, json_sink, text_sink, twisted_observer


class LineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines: list[bytes] = []
        before = dict(logging._state)
        self.addCleanup(lambda: logging._state.update(before))

    def test_an_event_is_one_json_object_a_line(self) -> None:
        logging.direct("info", json_sink(self.lines.append))
        Log("smtp").info("accepted", trace="t1", peer=b"\xff", size=3)
        (line,) = self.lines
        self.assertTrue(line.endswith(b"}\n"))
        event = json.loads(line)
        del event["at"]
        self.assertEqual(
            event,
            {
                "level": "info",
                "system": "smtp",
                "event": "accepted",
                "trace": "t1",
                "peer": "\\xff",
                "size": 3,
            },
        )

    def test_a_line_break_in_a_value_stays_inside_its_line(self) -> None:
        for sink in (json_sink, text_sink):
            logging.direct("info", sink(self.lines.append))
            Log("smtp").info("accepted", hello="a\r\nb")
        self.assertEqual([line.count(b"\n") for line in self.lines], [1, 1])

    def test_what_is_below_the_level_is_not_written(self) -> None:
        logging.direct("warning", json_sink(self.lines.append))
        Log("smtp").info("accepted")
        self.assertEqual(self.lines, [])

    def test_failures_in_twisted_are_errors_with_their_traceback(self) -> None:
        logging.direct("info", json_sink(self.lines.append))
        logger = Logger(namespace="there", observer=LogPublisher(twisted_observer))
        try:
            raise ZeroDivisionError("on purpose")
        except ZeroDivisionError:
            logger.failure("it went wrong")
        event = json.loads(self.lines[0])
        self.assertEqual(
            (event["level"], event["system"], event["text"]), ("error", "there", "it went wrong")
        )
        self.assertIn("ZeroDivisionError: on purpose", event["failure"])

    def test_chatter_of_twisted_is_for_debugging_only(self) -> None:
        logging.direct("info", json_sink(self.lines.append))
        Logger(namespace="there", observer=LogPublisher(twisted_observer)).info("Starting factory")
        self.assertEqual(self.lines, [])


class WriterTests(SynchronousTestCase):
    def test_all_lines_are_written_in_order_by_the_time_it_stops(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        writer = Writer(writing, gather=0)
        writer.start()
        for n in range(1000):
            writer.write(b"%d\n" % n)
        writer.stop()
        os.close(writing)
        with os.fdopen(os.dup(reading), "rb") as file:
            self.assertEqual(file.read(), b"".join(b"%d\n" % n for n in range(1000)))

    def test_a_pipe_that_nobody_reads_costs_bounded_memory_and_no_time(self) -> None:
        reading, writing = os.pipe()
        writer = Writer(writing, room=1000, gather=0)
        for _ in range(5000):
            writer.write(b"x" * 100 + b"\n")
        self.assertLess(sum(len(line) for line in writer._waiting), 1200)
        writer.start()
        writer.stop()
        os.close(writing)
        with os.fdopen(reading, "rb") as file:
            last = json.loads(file.read().splitlines()[-1])
        self.assertEqual(
            (last["event"], last["count"]), ("lines dropped", 5000 - len(b"x" * 1000) // 101 - 1)
        )

    def test_a_closed_descriptor_harms_nobody(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        writer = Writer(writing, gather=0)
        writer.start()
        writer.write(b"lost\n")
        writer.stop()
        writer.write(b"lost too\n")
        os.close(writing)
        self.assertNotIn("log", [thread.name for thread in threading.enumerate() if thread is writer._thread])
