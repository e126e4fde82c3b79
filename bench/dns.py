"""Answers per second of the DNS server, side by side with unbound on the same questions.

    python -m bench.dns [--seconds 8] [--rate 10000] [--names 1000] [--nice N]

Needs dnsperf and unbound (Debian). One unbound has the names; `mailsys local` and another unbound (one thread)
forward to it. Each is asked first for all names, so that they are in its cache, then as fast as it answers,
then at the given rate. Prints answers a second, latencies of the run at the rate, the CPU time that an answer
costs the server, and the machine's load. Own zones, plain and signed, are ours alone.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.system.local import LocalSystem, mailsys

CLOCK = os.sysconf("SC_CLK_TCK")

UNBOUND = """
server:
    directory: "{folder}"
    pidfile: ""
    username: ""
    chroot: ""
    use-syslog: no
    logfile: "{folder}/log"
    interface: 127.0.0.1
    port: {port}
    num-threads: 1
    so-rcvbuf: 0
    do-not-query-localhost: no
    module-config: "iterator"
    access-control: 127.0.0.0/8 allow
    msg-cache-size: 32m
    rrset-cache-size: 64m
    local-zone: "test." nodefault
{more}
"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def unbound(folder: Path, more: str) -> tuple[subprocess.Popen, int]:
    folder.mkdir()
    port = free_port()
    (folder / "conf").write_text(UNBOUND.format(folder=folder, port=port, more=more))
    process = subprocess.Popen(["unbound", "-d", "-c", str(folder / "conf")], stderr=subprocess.DEVNULL)
    time.sleep(1.0)
    return process, port


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK


def perf(port: int, queries: Path, *options: str) -> str:
    command = ["dnsperf", "-p", str(port), "-d", str(queries), "-c", "20", "-T", "1", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def measure(what: str, pid: int, port: int, queries: Path, options: argparse.Namespace) -> float:
    perf(port, queries, "-n", "1")
    before, began = cpu(pid), time.monotonic()
    text = perf(port, queries, "-l", str(options.seconds), "-q", "60")
    spent = cpu(pid) - before
    answers = int(re.search(r"Queries completed:\s+(\d+)", text)[1])
    lost = int(re.search(r"Queries lost:\s+(\d+)", text)[1])
    rate = answers / (time.monotonic() - began)
    paced = perf(port, queries, "-l", str(options.seconds), "-Q", str(options.rate), "-q", "2000", "-v")
    taken = sorted(float(each) for each in re.findall(r"^> \w+ \S+ \w+ ([\d.]+)$", paced, re.M))
    late = int(re.search(r"Queries lost:\s+(\d+)", paced)[1])
    p = [taken[int(len(taken) * part)] * 1000 for part in (0.5, 0.99, 0.999)]
    print(
        f"{what:28} {rate:8.0f}/s  lost {lost}  {spent / answers * 1e6:5.1f} us CPU, so {answers / spent:7.0f}/s on "
        f"a core | at {len(taken) / options.seconds:6.0f}/s: p50 {p[0]:6.2f}  p99 {p[1]:6.2f}  p99.9 {p[2]:6.2f} ms, "
        f"lost {late} | load {os.getloadavg()[0]:.1f}"
    )
    sys.stdout.flush()
    return answers / spent


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument(
        "--nice",
        type=int,
        default=0,
        help="priority of all that is measured (below 0: root), beside other work",
    )
    options = parser.parse_args()
    os.nice(options.nice)
    running = []
    with tempfile.TemporaryDirectory(prefix="bench-dns-") as name:
        folder = Path(name)
        names = [f"host{n}.up.test" for n in range(options.names)]
        data = '    local-zone: "up.test." static\n' + "".join(
            f'    local-data: "{each}. 3600 A 192.0.2.{n % 250}"\n' for n, each in enumerate(names)
        )
        queries = folder / "queries"
        queries.write_text("".join(f"{each} A\n" for each in names))
        try:
            source, source_port = unbound(folder / "source", data)
            running.append(source)
            forward = f'forward-zone:\n    name: "."\n    forward-addr: 127.0.0.1@{source_port}\n'
            reference, reference_port = unbound(folder / "reference", forward)
            running.append(reference)
            state = str(folder / "state")
            ours = LocalSystem(
                "--resolver",
                f"127.0.0.1:{source_port}",
                "--state",
                state,
                "--log-level",
                "warning",
                folder=folder,
            )
            running.append(ours.process)
            port = int(ours.ready["dns"].rpartition(":")[2])
            print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
            theirs = measure("unbound, cached", reference.pid, reference_port, queries, options)
            mine = measure("mailsys, cached", ours.process.pid, port, queries, options)
            print(f"ratio of answers for the same CPU: {mine / theirs:.3f}")
            own = folder / "own"
            own.write_text(
                "local.test MX\nmail.local.test A\n_dmarc.local.test TXT\nnone.local.test A\nlocal.test SOA\n"
            )
            measure("mailsys, own zone", ours.process.pid, port, own, options)
            mailsys("dns", "sign", "local.test", "--state", state)
            measure_signed(ours.process.pid, port, own, options)
        finally:
            for each in running:
                each.terminate()
                each.wait()


def measure_signed(pid: int, port: int, queries: Path, options: argparse.Namespace) -> None:
    """Signed, of names that nobody asked for before: each answer is signed as it goes out."""
    fresh = queries.with_name("fresh")
    fresh.write_text("".join(f"n{n}.local.test A\n" for n in range(options.seconds * 20_000)))
    before = cpu(pid)
    text = perf(port, fresh, "-l", str(options.seconds), "-q", "60", "-D", "-n", "1")
    answers = int(re.search(r"Queries completed:\s+(\d+)", text)[1])
    spent = cpu(pid) - before
    print(
        f"mailsys, signed at once       {spent / answers * 1e6:5.1f} us CPU, so {answers / spent:7.0f}/s on a core"
    )


if __name__ == "__main__":
    main()
