"""The log: one JSON object a line, one id (`trace`) per message, cheap when nobody listens.

`log = Log("smtp")` at the top of a module; `log.info("accepted", trace=trace, peer=peer)`. Field
values are str, bytes, numbers, bools, None. Secrets and message contents never go here.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_NAMES: Final = {number: name for name, number in LEVELS.items()}

Sink = Callable[[int, dict[str, Any]], None]

_state: dict[str, Any] = {"level": 100, "sink": None}
_encode = msgspec.json.Encoder(enc_hook=str).encode


def direct(level: str, sink: Sink | None) -> None:
    """Send events of `level` and above to `sink` (None: nowhere). Called by the assembly only."""
    _state["level"] = LEVELS[level] if sink is not None else 100
    _state["sink"] = sink


def json_sink(write: Callable[[bytes], object]) -> Sink:
    """One JSON object a line, for programs."""

    def sink(level: int, event: dict[str, Any]) -> None:
        write(_encode(event) + b"\n")

    return sink


def text_sink(write: Callable[[bytes], object]) -> Sink:
    """`12:04:11.120 info smtp: accepted trace=... peer=...`, for people."""

    def sink(level: int, event: dict[str, Any]) -> None:
        fields = dict(event)
        at, name, system, word = (fields.pop(key) for key in ("at", "level", "system", "event"))
        clock = time.strftime("%H:%M:%S", time.localtime(at)) + f"{at % 1:.3f}"[1:]
        failure = fields.pop("failure", None)
        rest = "".join(f" {key}={_encode(value).decode()}" for key, value in fields.items())
        line = f"{clock} {name} {system}: {word}{rest}\n"
        if failure is not None:
            line += "".join(f"  | {each}\n" for each in str(failure).splitlines())
        write(line.encode("utf-8", "backslashreplace"))

    return sink


class Writer:
    """Writes lines to a descriptor from a thread of its own, so that a slow terminal or a full pipe
    never stalls the reactor. What waits is bounded; lines that find no room are counted and told."""

    def __init__(self, descriptor: int, room: int = 8 * 1024 * 1024, gather: float = 0.02) -> None:
        self._descriptor = descriptor
        self._room = room  # octets that may wait
        self._gather = gather  # seconds: lines of that long go out in one write
        self._waiting: deque[bytes] = deque()
        self._octets = 0
        self._dropped = 0
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue one line. Called on any thread."""
        if self._octets > self._room:
            self._dropped += 1
            return
        self._octets += len(line)
        self._waiting.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def stop(self, timeout: float = 2.0) -> None:
        """Write what waits, for at most `timeout` seconds."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if not self._stopping:
                time.sleep(self._gather)
            self._wake.clear()
            if not self._flush() or (self._stopping and not self._waiting):
                return

    def _flush(self) -> bool:
        lines = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        self._octets = 0
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            event = {
                "at": round(time.time(), 3),
                "level": "warning",
                "system": "log",
                "event": "lines dropped",
            }
            lines.append(_encode(event | {"count": dropped}) + b"\n")
        data = memoryview(b"".join(lines))
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                self._room = -1  # nobody reads any more: drop everything from here on
                return False
        return True


def twisted_observer(event: dict[str, Any]) -> None:
    """Twisted's own events in our log: failures and warnings whole, its chatter at debug."""
    from twisted.logger import formatEvent

    level = getattr(event.get("log_level"), "name", "info")
    system = str(event.get("log_namespace", "twisted"))
    failure = event.get("log_failure")
    text = formatEvent(event)
    log = Log(system)
    if failure is not None or level in ("error", "critical"):
        log.error("failure", text=text, **({} if failure is None else {"failure": failure.value}))
    elif level == "warn":
        log.warning("warning", text=text)
    else:
        log.debug("note", text=text)


class Log:
    """Events of one part of the system."""

    __slots__ = ("_system",)

    def __init__(self, system: str) -> None:
        self._system = system

    def _emit(self, level: int, name: str, fields: dict[str, Any]) -> None:
        if level < _state["level"]:
            return
        event: dict[str, Any] = {
            "at": round(time.time(), 3),
            "level": _NAMES[level],
            "system": self._system,
            "event": name,
        }
        for key, value in fields.items():
            event[key] = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        _state["sink"](level, event)

    def debug(self, name: str, **fields: Any) -> None:
        self._emit(10, name, fields)

    def info(self, name: str, **fields: Any) -> None:
        self._emit(20, name, fields)

    def warning(self, name: str, **fields: Any) -> None:
        self._emit(30, name, fields)

    def error(self, name: str, failure: BaseException | None = None, **fields: Any) -> None:
        """With `failure`, its traceback is logged too."""
        if failure is not None:
            fields["failure"] = "".join(traceback.format_exception(failure))[-16384:]
        self._emit(40, name, fields)
