"""A name server that others wrote (Debian's knot), with a zone of ours, on a loopback port."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from unittest import SkipTest

import dns.exception
import dns.message
import dns.query
import dns.zone

from tests.system.test_twistd import free_ports

_CONF = """
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
log:
  - target: stderr
    any: error
database:
    storage: "{folder}/db"
template:
  - id: default
    storage: "{folder}"
    file: "%s.zone"
    {template}
{zones}
"""


class Knot:
    """Serves `zone`, or as a secondary what it fetches from `primary` of the same name."""

    def __init__(self, name: str, zone: dns.zone.Zone | None = None, primary: int = 0) -> None:
        knotd = shutil.which("knotd", path="/usr/sbin:/usr/bin")
        if knotd is None:
            raise SkipTest("knot is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="mailsys-knot-"))
        (self.port,) = free_ports(1)
        if zone is not None:
            (self.folder / f"{name}.zone").write_text(zone.to_text(relativize=False))
        remote = "" if zone is not None else (
            f"remote:\n  - id: primary\n    address: 127.0.0.1@{primary}\n"
            "acl:\n  - id: notify\n    address: 127.0.0.1\n    action: notify\n"
        )  # fmt: skip
        zones = f"{remote}zone:\n  - domain: {name}\n" + (
            "" if zone is not None else "    master: primary\n    acl: notify\n"
        )
        conf = self.folder / "knot.conf"
        conf.write_text(
            _CONF.format(folder=self.folder, port=self.port, template="semantic-checks: off", zones=zones)
        )
        self.process = subprocess.Popen([knotd, "-c", str(conf)], stderr=(self.folder / "log").open("wb"))
        try:
            self.wait(name)
        except BaseException:
            self.close()
            raise

    def wait(self, name: str, serial: int = 0) -> None:
        """Until it answers for the zone (at least with that serial)."""
        for _ in range(200):
            try:
                query = dns.message.make_query(name, "SOA")
                found = dns.query.udp(query, "127.0.0.1", port=self.port, timeout=0.2)
                if found.answer and found.answer[0][0].serial >= serial:
                    return
            except (dns.exception.DNSException, OSError):
                pass
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
