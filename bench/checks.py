"""What the checks of incoming mail cost: ingest with all of them, DNS on this machine, against --no-checks.

    python bench/checks.py [--messages 2000] [--length 4096] [--sessions 20] [--rounds 3] [--unsigned]

The message is signed (RSA-2048) by its author's domain, which publishes SPF, DMARC and a key; the peer has a
name. `smtp-source` comes with Postfix. Prints the ratio of medians, and CPU per message.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from system import Mailsys

DOMAIN = "local.test"
USER = f"user@{DOMAIN}"

SERVE = """
import json, sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from tests.peers.dns import DnsPeer
async def main():
    peer = DnsPeer(reactor)
    peer.zone = {tuple(key.split(" ")): values for key, values in json.loads(sys.argv[1]).items()}
    await peer.start()
    print(peer.address[1], flush=True)
reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()))
reactor.run()
"""


def signed(length: int, sign: bool) -> tuple[bytes, dict[str, list[str]]]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = base64.b64encode(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode()
    zone = {
        "elsewhere.test TXT": ['"v=spf1 ip4:127.0.0.1 -all"'],
        "_dmarc.elsewhere.test TXT": ['"v=DMARC1; p=reject"'],
        "s._domainkey.elsewhere.test TXT": [
            " ".join(f'"{part}"' for part in (f"v=DKIM1; p={public[:200]}", public[200:]))
        ],
        "1.0.0.127.in-addr.arpa PTR": ["mx.elsewhere.test."],
        "mx.elsewhere.test A": ["127.0.0.1"],
    }
    body = (b"x" * 70 + b"\r\n") * (length // 72)
    head = b"From: Load <load@elsewhere.test>\r\nTo: <%b>\r\nSubject: load\r\n" % USER.encode()
    message = head + b"Message-ID: <1@elsewhere.test>\r\nDate: Mon, 01 Jan 2024 10:00:00 +0000\r\n\r\n" + body
    if sign:
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        message = (
            dkim.sign(message, b"s", b"elsewhere.test", pem, canonicalize=(b"relaxed", b"relaxed")) + message
        )
    return message, zone


def run(system: Mailsys, message: Path, options: argparse.Namespace) -> tuple[float, float]:
    """Messages per second, and seconds of CPU per message."""
    command = ["smtp-source", "-s", str(options.sessions), "-m", str(options.messages), "-F", str(message)]
    began, cpu = time.monotonic(), system.cpu()
    where = f"127.0.0.1:{system.smtp}"
    subprocess.run([*command, "-f", "load@elsewhere.test", "-t", USER, where], check=True)
    return options.messages / (time.monotonic() - began), (system.cpu() - cpu) / options.messages


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--length", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--unsigned", action="store_true")
    options = parser.parse_args()
    content, zone = signed(options.length, not options.unsigned)
    dns = subprocess.Popen([sys.executable, "-c", SERVE, json.dumps(zone)], stdout=subprocess.PIPE, text=True)
    assert dns.stdout is not None
    resolver = f"127.0.0.1:{dns.stdout.readline().strip()}"
    found: dict[str, list[tuple[float, float]]] = {"checks": [], "none": []}
    try:
        with tempfile.TemporaryDirectory() as folder:
            message = Path(folder) / "message"
            message.write_bytes(content.replace(b"\r\n", b"\n"))
            for _ in range(options.rounds):
                for name, flags in (("none", ["--no-checks"]), ("checks", ["--resolver", resolver])):
                    with Mailsys(*flags, "--account", f"{USER}:bench", domain=DOMAIN) as system:
                        run(system, message, argparse.Namespace(**{**vars(options), "messages": 200}))
                        found[name].append(run(system, message, options))
                now = {
                    name: f"{each[-1][0]:7.0f}/s {each[-1][1] * 1000:.2f} ms" for name, each in found.items()
                }
                print(f"--no-checks {now['none']}   all checks {now['checks']}", flush=True)
    finally:
        dns.terminate()
        dns.wait()
    rates = {name: statistics.median(rate for rate, _ in each) for name, each in found.items()}
    cost = {name: statistics.median(cpu for _, cpu in each) for name, each in found.items()}
    print(
        f"ratio of medians: {rates['checks'] / rates['none']:.2f}; of CPU: {cost['none'] / cost['checks']:.2f}"
    )


if __name__ == "__main__":
    main()
