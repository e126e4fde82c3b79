"""Settings: frozen values, read once from TOML, refused with the path of what is wrong.

The docstring-like comments here are printed by `mailsys setup` as the example file's comments, so
that file and code cannot drift apart. Durations are seconds, sizes octets.
"""

from __future__ import annotations

import msgspec


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Listen(Section, frozen=True):
    """Endpoints as `address:port`; an empty list turns the service off."""

    smtp: tuple[str, ...] = ("[::]:25",)
    submission: tuple[str, ...] = ("[::]:587",)
    submissions: tuple[str, ...] = ("[::]:465",)
    imap: tuple[str, ...] = ("[::]:143",)
    imaps: tuple[str, ...] = ("[::]:993",)
    backlog: int = 1024


class Tls(Section, frozen=True):
    certificate: str = "tls/certificate.pem"  # chain, leaf first; relative to the state folder
    key: str = "tls/key.pem"


class Limits(Section, frozen=True):
    message_size: int = 50 * 1024 * 1024
    recipients_incoming: int = 1000  # per transaction
    recipients_submission: int = 100
    smtp_line: int = 4096
    imap_line: int = 65536
    imap_literal_before_login: int = 8192
    connections_per_address: int = 50
    connections: int = 20000
    smtp_idle: float = 300.0
    smtp_data: float = 3600.0  # whole DATA
    imap_idle_before_login: float = 60.0
    imap_idle: float = 1860.0  # RFC 9051 §5.4: at least 30 minutes
    received_headers: int = 50  # more of them: a loop
    errors_per_session: int = 20  # then 421
    messages_per_connection: int = 1000
    sends_per_hour: int = 500  # recipients per account
    sends_per_day: int = 2000
    failures_per_address: int = 10  # failed logins before answers slow down
    failures_per_account: int = 10
    hold_at_most: float = 30 * 86400.0  # FUTURERELEASE


class Sending(Section, frozen=True):
    schedule: tuple[float, ...] = (300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)  # the last repeats
    lifetime: float = 5 * 86400.0
    attempts: int = 0  # 0: no cap
    delay_notice: float = 4 * 3600.0
    connections: int = 50  # outbound in all
    connections_per_destination: int = 5
    messages_per_connection: int = 100
    per_second_per_destination: float = 0.0  # 0: no bound
    connect_timeout: float = 30.0
    reply_timeout: float = 300.0
    smarthost: str = ""  # host:port for all outbound mail
    port: int = 25
    local_address: str = ""


class Dns(Section, frozen=True):
    servers: tuple[str, ...] = ()  # host:port; none: those of /etc/resolv.conf
    trust_ad: bool = False
    timeout: float = 3.0


class Log(Section, frozen=True):
    level: str = "info"
    format: str = "json"  # or "text"


class Settings(Section, frozen=True):
    hostname: str = "localhost"  # our name in greeting, EHLO, Received; should resolve both ways
    domain: str = "localhost"  # the first domain of ours
    state: str = "state"  # folder for the store, keys and spool; relative to the settings file
    storage: str = ""  # empty: SQLite in the state folder
    user: str = ""  # drop to this user after binding
    group: str = ""
    checks: bool = True  # trust: False turns checks of incoming mail off (load tests)
    login_without_tls_on_loopback: bool = False
    listen: Listen = Listen()
    tls: Tls = Tls()
    limits: Limits = Limits()
    sending: Sending = Sending()
    dns: Dns = Dns()
    log: Log = Log()
