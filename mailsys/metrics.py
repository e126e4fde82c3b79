"""Figures for Prometheus. Everything is bound once, so that counting costs a fraction of a microsecond.

Any part may import this and count; only the assembly serves them (`exposition`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY: Final = CollectorRegistry()
CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"mailsys_{name}", text, labels, registry=REGISTRY)


_received = _counter("messages_received", "Messages taken responsibility for, by way in.", "service")
received_smtp = _received.labels("smtp")
received_submission = _received.labels("submission")
messages_delivered = _counter("messages_delivered", "Emails put into mailboxes.")

blobs_lost = _counter(
    "blobs_lost", "Reads of content that is missing or changed on the disk; `mailsys check` names it."
)
_judged = _counter("messages_judged", "Messages from other servers, by what became of them.", "action")
_reasons = _counter("verdict_reasons", "Reasons that decided, by code.", "code")
_refused_early = _counter("refused_before_data", "Envelopes refused or put off before DATA.", "cause")
_dead_lists = Gauge(
    "mailsys_dns_list_dead", "1: left out, it answers nonsense or nothing.", ["list"], registry=REGISTRY
)
tarpitted = Gauge("mailsys_tarpit", "Commands that are held back at this moment.", registry=REGISTRY)


def judged(action: str, code: str) -> None:
    """A message came to this, by a reason of this code ("" for none)."""
    _judged.labels(action).inc()
    if code:
        _reasons.labels(code).inc()


def refused_before_data(cause: str) -> None:
    _refused_early.labels(cause).inc()


def dns_list_dead(name: str, dead: bool) -> None:
    _dead_lists.labels(name).set(int(dead))


accounts_paused = _counter("accounts_paused", "Accounts that look stolen and may not send.")

_tried = _counter(
    "recipients_tried", "Recipients tried by the outbound queue, by what came of it.", "outcome"
)

settle_seconds = Histogram(
    "mailsys_settle_seconds",
    "Time from another server's answer to a message until it is committed here: what a crash within it finds "
    "is sent twice.",
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)

_logins = _counter("logins", "Sign-ins with a password.", "result")
logins_good = _logins.labels("success")
logins_bad = _logins.labels("failure")

_dns = _counter("dns_answers", "What became of questions to the DNS server.", "answer")
dns_own, dns_cached, dns_forwarded, dns_blocked, dns_refused, dns_failed, dns_limited, dns_garbled = (
    _dns.labels(each)
    for each in ("own", "cached", "forwarded", "blocked", "refused", "failed", "limited", "garbled")
)

queue_size = Gauge("mailsys_queue_size", "Items in the outbound queue.", registry=REGISTRY)
_sessions = Gauge("mailsys_sessions", "Open connections.", ["service"], registry=REGISTRY)
web_connections = _sessions.labels("web")
web_sockets = Gauge("mailsys_web_sockets", "Open WebSockets.", registry=REGISTRY)
web_streams = Gauge("mailsys_web_event_streams", "Open event streams.", registry=REGISTRY)

_requests = _counter("web_requests", "Web requests answered, by class of status.", "status")
_by_class = [_requests.labels(f"{n}xx") for n in range(10)]
_duration = Histogram(
    "mailsys_web_request_seconds",
    "Time from a request's headers to the end of its answer.",
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)

state_changes = _counter("state_changes", "StateChange objects sent to sockets and event streams.")
_pushes = _counter("pushes", "Deliveries to push subscriptions.", "result")
pushes_good = _pushes.labels("success")
pushes_bad = _pushes.labels("failure")

_free_octets = Gauge("mailsys_storage_free_octets", "Octets left where mail is kept.", registry=REGISTRY)
_free_files = Gauge(
    "mailsys_storage_free_files", "Files that may still be made where mail is kept.", registry=REGISTRY
)
_refusing = Gauge(
    "mailsys_storage_refusing", "1 while new mail is refused for want of room.", registry=REGISTRY
)


def recipient_tried(outcome: str) -> None:
    """`outcome` as the queue knows it: delivered, failed, or pending (to be tried again)."""
    _tried.labels(outcome).inc()


def web_request(status: int, seconds: float) -> None:
    _by_class[min(status // 100, 9)].inc()
    _duration.observe(seconds)


def storage(free_octets: int, free_files: int | None, refusing: bool) -> None:
    """What is left where mail is kept; `free_files` None: files are not counted there."""
    _free_octets.set(free_octets)
    if free_files is not None:
        _free_files.set(free_files)
    _refusing.set(refusing)


def sessions_of(service: str, count: Callable[[], int]) -> None:
    """Have the open connections of a service counted when the figures are asked for."""
    _sessions.labels(service).set_function(lambda: float(count()))


def exposition() -> bytes:
    """All figures in Prometheus' text form."""
    return generate_latest(REGISTRY)
