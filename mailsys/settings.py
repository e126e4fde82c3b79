"""Settings: frozen values with their bounds and descriptions.

`settings_file` reads them from TOML, and prints the commented example and `docs/settings.md` from
them, so neither can drift from the code. Durations are seconds, sizes octets.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

# Kinds of values: their bounds, and (extra) how they are written in the file.
Count = Annotated[int, Meta(ge=1)]
OptionalCount = Annotated[int, Meta(ge=0)]
Size = Annotated[int, Meta(ge=1, extra={"unit": "size"})]
FreeSize = Annotated[int, Meta(ge=0, extra={"unit": "size"})]
LineSize = Annotated[int, Meta(ge=512, extra={"unit": "size"})]
Duration = Annotated[float, Meta(ge=0.001, extra={"unit": "duration"})]
OptionalDuration = Annotated[float, Meta(ge=0, extra={"unit": "duration"})]
Share = Annotated[float, Meta(ge=0, le=1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Endpoint = Annotated[str, Meta(extra={"form": "listen"})]
HostPort = Annotated[str, Meta(extra={"form": "host:port"})]
Address = Annotated[str, Meta(extra={"form": "address"})]
Network = Annotated[str, Meta(extra={"form": "network"})]
Weight = Annotated[float, Meta(ge=-100, le=100)]
Weighted = Annotated[str, Meta(extra={"form": "name=weight"})]
Name = Annotated[str, Meta(min_length=1, max_length=253, extra={"form": "domain"})]


def _about(text: str) -> Meta:
    return Meta(description=text)


class SettingsError(Exception):
    """The settings cannot be used; the text says where (dotted path) and why."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the settings file."""


class Listen(Section, frozen=True):
    """Where to listen, as `address:port` ("[::]:25" takes IPv4 too); an empty list turns a service off."""

    smtp: Annotated[tuple[Endpoint, ...], _about("Mail from other servers.")] = ("[::]:25",)
    submission: Annotated[tuple[Endpoint, ...], _about("Mail from our users, with STARTTLS.")] = ("[::]:587",)
    submissions: Annotated[tuple[Endpoint, ...], _about("The same with TLS from the start.")] = ("[::]:465",)
    imap: Annotated[tuple[Endpoint, ...], _about("IMAP with STARTTLS.")] = ("[::]:143",)
    imaps: Annotated[tuple[Endpoint, ...], _about("IMAP with TLS from the start.")] = ("[::]:993",)
    http: Annotated[
        tuple[Endpoint, ...],
        _about("The web API in the clear: for a proxy on this machine (see web.trusted_proxies)."),
    ] = ()
    https: Annotated[tuple[Endpoint, ...], _about("The web API (JMAP) and the web client.")] = ("[::]:443",)
    metrics: Annotated[
        tuple[Endpoint, ...], _about("Figures for Prometheus, open to whoever reaches it: keep it inside.")
    ] = ()
    dns: Annotated[
        tuple[Endpoint, ...],
        _about(
            "Our DNS server, by UDP and TCP (see [dns_server]), such as 192.0.2.1:53; of a machine with "
            "several addresses name each, so that answers come from the one that was asked."
        ),
    ] = ()
    backlog: Annotated[Count, _about("Connections that may wait to be taken, per endpoint.")] = 1024


class Tls(Section, frozen=True):
    """The certificate. Paths are relative to the state folder; SIGHUP reads them again."""

    certificate: Annotated[str, _about("PEM chain, the server's own certificate first.")] = (
        "tls/certificate.pem"
    )
    key: Annotated[str, _about("Its private key (PEM, no passphrase).")] = "tls/key.pem"


class Limits(Section, frozen=True):
    """Bounds on what anybody may ask."""

    message_size: Annotated[Size, _about("Largest message.")] = 50 * 1024 * 1024
    recipients_incoming: Annotated[Count, _about("Recipients in one transaction on port 25.")] = 1000
    recipients_submission: Annotated[Count, _about("Recipients of one submitted message.")] = 100
    smtp_line: Annotated[LineSize, _about("Longest SMTP command line.")] = 4096
    imap_line: Annotated[LineSize, _about("Longest IMAP command without its literals.")] = 65536
    imap_literal_before_login: Annotated[Size, _about("Largest literal before login.")] = 8192
    connections_per_address: Annotated[Count, _about("Open connections from one IP address.")] = 50
    connections: Annotated[Count, _about("Open connections in all.")] = 20000
    connects_per_minute: Annotated[
        Count, _about("New connections to port 25 from one IP address (IPv6: /64) in a minute.")
    ] = 120
    connects_per_minute_per_network: Annotated[
        Count, _about("The same from one network (/24, IPv6: /48).")
    ] = 600
    smtp_idle: Annotated[Duration, _about("Silence after which an SMTP connection is closed.")] = 300.0
    smtp_data: Annotated[Duration, _about("Time that one message may take to arrive.")] = 3600.0
    smtp_stop: Annotated[
        Duration, _about("Time that a message which is arriving has left when the server stops.")
    ] = 5.0
    imap_idle_before_login: Annotated[Duration, _about("Silence allowed in IMAP before login.")] = 60.0
    imap_idle: Annotated[
        Duration, _about("Silence allowed in IMAP after login (RFC 9051 §5.4: 30 minutes at least).")
    ] = 1860.0
    imap_keepalive: Annotated[
        Duration,
        _about("How often a client in IDLE is told that the connection lives, for NATs that forget it."),
    ] = 120.0
    received_headers: Annotated[Count, _about("More Received fields than this are a loop.")] = 50
    errors_per_session: Annotated[Count, _about("Refused SMTP commands before the connection is closed.")] = (
        20
    )
    messages_per_connection: Annotated[Count, _about("Messages taken on one SMTP connection.")] = 1000
    sends_per_hour: Annotated[Count, _about("Recipients that an account may send to in an hour.")] = 500
    sends_per_day: Annotated[Count, _about("Recipients that an account may send to in a day.")] = 2000
    new_recipients_per_day: Annotated[
        Count,
        _about(
            "People that an account may write to in a day to whom it never wrote, nor heard from them; with "
            "more it looks stolen: it is paused, and its owner told."
        ),
    ] = 300
    sends_paused: Annotated[Duration, _about("How long, unless it gets a new password.")] = 12 * 3600.0
    failures_per_address: Annotated[
        Count, _about("Failed logins from one IP address within a minute before answers slow down.")
    ] = 10
    failures_per_account: Annotated[
        Count,
        _about(
            "Failed logins to one account from one network within a quarter of an hour before answers slow "
            "down (of all strangers, and where the account knows its owner: 5 times)."
        ),
    ] = 10
    free_octets: Annotated[
        FreeSize,
        _about("New mail is refused (452) while less than this is free on its disk; 0: never."),
    ] = 256 * 1024 * 1024
    free_files: Annotated[
        OptionalCount, _about("The same for files (inodes) that may still be made there.")
    ] = 1000
    hold_at_most: Annotated[Duration, _about("How far ahead a message may be scheduled (FUTURERELEASE).")] = (
        30 * 86400.0
    )


class Sending(Section, frozen=True):
    """Mail to other servers."""

    schedule: Annotated[
        tuple[Duration, ...],
        Meta(min_length=1, max_length=100, description="Waits between attempts; the last one repeats."),
    ] = (300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)
    lifetime: Annotated[Duration, _about("Give up, and tell the sender, after this long.")] = 5 * 86400.0
    attempts: Annotated[OptionalCount, _about("Give up after so many attempts; 0: only by lifetime.")] = 0
    delay_notice: Annotated[Duration, _about("Tell the sender of a delay after this long.")] = 4 * 3600.0
    connections: Annotated[Count, _about("Outbound connections in all.")] = 50
    connections_per_destination: Annotated[Count, _about("Outbound connections to one destination.")] = 5
    messages_per_connection: Annotated[Count, _about("Messages before a connection is given up.")] = 100
    per_second_per_destination: Annotated[
        float, Meta(ge=0, description="Messages a second to one destination; 0: no bound.")
    ] = 0.0
    connecting_per_network: Annotated[
        Count, _about("Connections being opened at once to hosts of one network (/24, /48 in IPv6).")
    ] = 10
    connect_timeout: Annotated[Duration, _about("Time to connect.")] = 30.0
    greeting_timeout: Annotated[
        Duration, _about("Time to wait for a host's greeting (RFC 5321 §4.5.3.2.1 has 5 minutes).")
    ] = 60.0
    reply_timeout: Annotated[Duration, _about("Time to wait for a reply.")] = 300.0
    smarthost: Annotated[HostPort, _about("Hand all outbound mail to this host:port; empty: by MX.")] = ""
    port: Annotated[Port, _about("Port of other servers.")] = 25
    local_address: Annotated[str, _about("IP address to send from; empty: the system's choice.")] = ""
    mta_sts: Annotated[
        bool,
        _about(
            "Look up and obey the MTA-STS policies of other domains (RFC 8461): mail for a domain that "
            "enforces one goes only to servers that it names and whose certificate is valid."
        ),
    ] = True
    srs: Annotated[
        bool,
        _about(
            "Forward mail of other domains under a sender of ours (SRS), so that SPF does not fail at the "
            "next server; what bounces goes back to the true sender."
        ),
    ] = True
    dane: Annotated[
        bool,
        _about(
            "Obey TLSA records of other mail servers (RFC 7672); only those that the resolver has validated "
            "count, so it takes dns.trust_ad."
        ),
    ] = True


class Keys(Section, frozen=True):
    """Signing keys of our domains (DKIM), which are replaced with an overlap: a new key signs once its DNS
    record is seen, the old one's record stays wanted for a while."""

    rotate_every: Annotated[
        float,
        Meta(
            ge=0, extra={"unit": "duration"}, description="Make new keys after this long; 0: by command only."
        ),
    ] = 0.0
    keep_old: Annotated[
        Duration, _about("How long an old key's record is wanted after the last signature.")
    ] = 7 * 86400.0


class Filter(Section, frozen=True):
    """The content filter, which learns from what people move into and out of Junk."""

    enabled: Annotated[bool, _about("Judge incoming mail by it (it learns in any case).")] = True
    shared: Annotated[
        bool, _about("What one account teaches counts for all, less than what each has taught himself.")
    ] = True
    junk: Annotated[Share, _about("From this score on (0 to 1) a message reads like junk.")] = 0.97
    good: Annotated[Share, _about("Up to this score a message reads like wanted mail.")] = 0.2
    least: Annotated[
        Count, _about("Messages of each kind, junk and wanted, to be learned before it says anything.")
    ] = 50
    weight: Annotated[
        float, Meta(ge=0, le=100, description="How much it weighs beside other signs when it is sure.")
    ] = 6.0


class Judges(Section, frozen=True):
    """Other programs that are asked about incoming mail, each as host:port or as the path of its socket."""

    milters: Annotated[tuple[str, ...], _about("Milters (protocol version 6), in this order.")] = ()
    rspamd: Annotated[tuple[str, ...], _about("rspamd's normal worker (HTTP, port 11333).")] = ()
    spamassassin: Annotated[tuple[str, ...], _about("SpamAssassin's spamd (port 783).")] = ()
    clamav: Annotated[tuple[str, ...], _about("ClamAV's clamd (port 3310, or its socket).")] = ()
    timeout: Annotated[Duration, _about("Time that they have to answer.")] = 30.0
    unanswered: Annotated[
        Literal["accept", "defer"],
        _about("When one does not answer: go on without it, or let the message come again (451)."),
    ] = "accept"
    hardest: Annotated[Literal["junk", "defer", "refuse"], _about("What their word may lead to at most.")] = (
        "refuse"
    )
    size: Annotated[Size, _about("Larger messages are shown to none.")] = 20 * 1024 * 1024
    at_once: Annotated[Count, _about("Questions under way at a time.")] = 20


class Dns(Section, frozen=True):
    """Name resolution."""

    servers: Annotated[
        tuple[HostPort, ...], _about("Resolvers as host:port; none: those of /etc/resolv.conf.")
    ] = ()
    trust_ad: Annotated[
        bool, _about("Believe the resolver's AD bit (only for one on this machine or a safe network).")
    ] = False
    timeout: Annotated[Duration, _about("Time to wait for one answer.")] = 3.0
    own: Annotated[
        bool, _about("Ask our own DNS server (the first of listen.dns), which asks dns_server.upstream.")
    ] = False


class DnsServer(Section, frozen=True):
    """Our DNS server (listen.dns): it answers for our domains, and looks up other names for `clients`."""

    nameservers: Annotated[
        tuple[Name, ...], _about("Names of the servers that answer for our zones (NS); none: `hostname`.")
    ] = ()
    addresses: Annotated[
        tuple[Address, ...],
        _about("Addresses of `hostname` as the world sees them; none: those that listen.smtp names."),
    ] = ()
    issuers: Annotated[
        tuple[Name, ...],
        _about("Who may issue certificates for our domains (CAA), such as letsencrypt.org; none: anybody."),
    ] = ()
    reverse: Annotated[
        tuple[Network, ...],
        _about("Networks for whose addresses PTR records follow from A and AAAA records of our zones."),
    ] = ("0.0.0.0/0", "::/0")
    clients: Annotated[
        tuple[Network, ...],
        _about("Whom we look up other names for; all others get nothing but our own zones."),
    ] = ("127.0.0.0/8", "::1/128")
    upstream: Annotated[
        tuple[HostPort, ...],
        _about("Resolvers that are asked for other names; none: those of dns.servers or /etc/resolv.conf."),
    ] = ()
    trust_ad: Annotated[
        bool, _about("Pass on their AD bit (only from ones on this machine or a safe network).")
    ] = False
    timeout: Annotated[Duration, _about("Time to wait for one answer of theirs.")] = 3.0
    cache: Annotated[Size, _about("Memory for answers of theirs.")] = 32 * 1024 * 1024
    stale: Annotated[
        OptionalDuration,
        _about("How long an answer that is over is still given when nobody answers (RFC 8767); 0: not."),
    ] = 0.0
    blocklists: Annotated[
        tuple[str, ...],
        _about(
            "Files of names that clients shall not reach (hosts files, or one name a line; *.name with all "
            "below it), relative to the state folder; read again when they change, and at SIGHUP."
        ),
    ] = ()
    answers_per_second: Annotated[
        float,
        Meta(
            ge=0,
            description="Equal answers by UDP to one network (/24, IPv6: /48) that is not of our clients and "
            "shows no cookie of ours; 0: no bound.",
        ),
    ] = 20.0
    connections: Annotated[Count, _about("Open TCP connections in all.")] = 500
    connections_per_network: Annotated[Count, _about("Open TCP connections from one network.")] = 20
    secondaries: Annotated[tuple[Network, ...], _about("Who may fetch whole zones (AXFR).")] = ()
    notify: Annotated[
        tuple[HostPort, ...], _about("Secondaries that are told when a zone changes (NOTIFY).")
    ] = ()
    push_server: Annotated[
        HostPort, _about("Another server that `mailsys dns push` writes our records to (RFC 2136).")
    ] = ""
    push_key: Annotated[
        str, _about("File with the key for that (as tsig-keygen makes it), relative to the state folder.")
    ] = ""


class Trust(Section, frozen=True):
    """Who is believed among those who send mail to us (`checks` = false turns all of it off)."""

    authenticate: Annotated[
        bool, _about("Check SPF, DKIM, DMARC, ARC and the name of the sending computer.")
    ] = True
    refuse_own_domains: Annotated[
        bool, _about("Refuse mail that claims to be from a domain of ours and did not come from us.")
    ] = True
    obey_dmarc: Annotated[
        bool, _about("Refuse, or put into Junk, what the author's domain asks to (DMARC).")
    ] = True
    exempt: Annotated[
        tuple[Network, ...], _about("Peers that nothing is looked up of: this machine, and relays of ours.")
    ] = ("127.0.0.0/8", "::1/128")
    may_send_as_us: Annotated[
        tuple[Network, ...],
        _about("Peers that may use our domains on port 25: programs on this machine, relays of ours."),
    ] = ("127.0.0.0/8", "::1/128")
    trusted_sealers: Annotated[
        tuple[Name, ...],
        _about("Domains whose ARC seals are believed when DMARC fails on the way through them."),
    ] = ()
    forwarders: Annotated[
        tuple[Name, ...],
        _about(
            "Domains of mailing lists and forwarders that are believed when DMARC fails on the way through "
            "them, for all accounts; each account may name its own."
        ),
    ] = ()
    junk_at: Annotated[Weight, _about("Sum of the weights from which mail goes into Junk.")] = 5.0
    weights: Annotated[
        tuple[Weighted, ...], _about('Other weights of reasons than usual, such as "spf-fail=3.5".')
    ] = ()
    address_lists: Annotated[
        tuple[Weighted, ...],
        _about('DNS lists of addresses with their weights, such as "zen.spamhaus.org=4"; negative: good.'),
    ] = ()
    domain_lists: Annotated[
        tuple[Weighted, ...], _about("The same of domains: of the sender, the author, and HELO.")
    ] = ()
    reputation: Annotated[
        bool, _about("Judge by what people said of earlier mail of the same sender, domain and network.")
    ] = True
    warn_of_strangers: Annotated[bool, _about("Tell when somebody writes for the first time.")] = True
    failures_per_network: Annotated[
        OptionalCount,
        _about("Messages refused by these checks within `failures_within` that block a network; 0: never."),
    ] = 5
    failures_within: Annotated[Duration, _about("The time in which they are counted.")] = 600.0
    blocked_for: Annotated[Duration, _about("How long such a network is turned away (421).")] = 3600.0


class Greylist(Section, frozen=True):
    """Asking strangers to come again (451): real servers do."""

    mode: Annotated[
        Literal["off", "suspicious", "all"],
        _about("Of first contacts: none, those with at least `score` that nobody vouches for, or all such."),
    ] = "suspicious"
    score: Annotated[Weight, _about("From which sum of weights a first contact is suspicious.")] = 1.5
    delay: Annotated[Duration, _about("How long they have to wait.")] = 120.0
    window: Annotated[Duration, _about("Within what time they have to come back.")] = 2 * 86400.0
    keep: Annotated[Duration, _about("How long they are let in, from their last message on.")] = 36 * 86400.0


class Rates(Section, frozen=True):
    """How fast mail may come in. From each figure on answers slow down; at twice of it they are refused
    (4xx)."""

    messages_per_minute: Annotated[Count, _about("Messages of one IP address (IPv6: /64).")] = 300
    messages_per_minute_per_network: Annotated[Count, _about("Of one network (/24, IPv6: /48).")] = 1200
    recipients_per_minute: Annotated[Count, _about("Recipients of one IP address.")] = 3000
    unknown_recipients_per_hour: Annotated[
        Count, _about("Recipients that do not exist, of one IP address (then 421).")
    ] = 30
    messages_per_hour_per_account: Annotated[
        Count, _about("Messages for one account; more are put off (450) at once.")
    ] = 3000
    longest_delay: Annotated[Duration, _about("How long one answer is held back at most.")] = 15.0
    held: Annotated[Count, _about("Answers held back at a time; more are refused.")] = 500


class Web(Section, frozen=True):
    """The web API and client."""

    hostnames: Annotated[
        tuple[Name, ...],
        _about("Names that we answer to; none: `hostname`, and any name on a loopback address."),
    ] = ()
    allowed_origins: Annotated[
        tuple[str, ...],
        _about('Other sites whose scripts may use the API (CORS), such as "https://mail.example.com".'),
    ] = ()
    trusted_proxies: Annotated[
        tuple[Network, ...], _about("Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.")
    ] = ()
    request_size: Annotated[Size, _about("Largest JSON request.")] = 10 * 1024 * 1024
    upload_size: Annotated[Size, _about("Largest upload.")] = 50 * 1024 * 1024
    upload_per_hour: Annotated[Size, _about("What an account may upload in an hour.")] = 2 * 1024**3
    upload_kept: Annotated[Duration, _about("How long an upload that nothing uses is kept.")] = 86400.0
    uploads_at_once: Annotated[Count, _about("Uploads of one account at a time.")] = 4
    requests_at_once: Annotated[Count, _about("Requests of one account that are worked on at a time.")] = 8
    requests_per_minute: Annotated[Count, _about("Requests of one account in a minute.")] = 6000
    streams_per_account: Annotated[Count, _about("Open WebSockets and event streams of one account.")] = 100
    idle: Annotated[Duration, _about("Silence after which a connection without a request is closed.")] = 60.0
    body_time: Annotated[
        Duration,
        _about("Time that one request's body may take to arrive (`idle`, of who has not signed in)."),
    ] = 3600.0
    push_to_private: Annotated[
        bool,
        _about(
            "Let push, webhooks and the image proxy go to private and loopback addresses, push and webhooks "
            "by plain HTTP too (only for tests)."
        ),
    ] = False
    registration: Annotated[
        Literal["off", "invite", "open"], _about("Who may make an account of his own on the web.")
    ] = "off"
    registrations_per_day: Annotated[
        Count, _about("Accounts that may be made from one IP address in a day.")
    ] = 5
    session_idle: Annotated[Duration, _about("Silence after which a web session ends.")] = 12 * 3600.0
    session_lifetime: Annotated[Duration, _about("How long a web session lasts at most.")] = 7 * 86400.0
    session_remembered: Annotated[
        Duration, _about('How long one lasts with "stay signed in", used or not.')
    ] = 30 * 86400.0


class Secrets(Section, frozen=True):
    """What seals passwords, signing keys and other secrets in the store."""

    key: Annotated[
        str,
        _about(
            "File of the key (32 octets, readable by `user`); empty: systemd's credential mailsys-key, "
            'else the file "secret" in the state folder, where it goes into the same backups as the store.'
        ),
    ] = ""


class Log(Section, frozen=True):
    """The log, on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], _about("Least level written.")] = "info"
    format: Annotated[Literal["json", "text"], _about("One JSON object a line, or text for people.")] = "json"


class Settings(Section, frozen=True):
    """The whole file."""

    hostname: Annotated[
        Name, _about("Our name in greetings and trace headers; should resolve to us, and our address to it.")
    ] = "localhost"
    domain: Annotated[Name, _about("The first domain of ours; more are added by `mailsys domain add`.")] = (
        "localhost"
    )
    state: Annotated[
        str, Meta(min_length=1, description="Folder of the store, keys and spool; relative to this file.")
    ] = "state"
    storage: Annotated[str, _about("Where mail is kept; empty: SQLite in the state folder.")] = ""
    user: Annotated[str, _about("User to become once the ports are bound (when started as root).")] = ""
    group: Annotated[str, _about("Group to become; empty: the user's own.")] = ""
    checks: Annotated[bool, _about("Check incoming mail (false only for load tests).")] = True
    login_without_tls_on_loopback: Annotated[
        bool, _about("Allow passwords without TLS on connections from this machine.")
    ] = False
    listen: Listen = Listen()
    tls: Tls = Tls()
    limits: Limits = Limits()
    sending: Sending = Sending()
    keys: Keys = Keys()
    dns: Dns = Dns()
    dns_server: DnsServer = DnsServer()
    trust: Trust = Trust()
    greylist: Greylist = Greylist()
    rates: Rates = Rates()
    filter: Filter = Filter()
    judges: Judges = Judges()
    web: Web = Web()
    secrets: Secrets = Secrets()
    log: Log = Log()
