"""schemathesis against the OpenAPI document of /api/v1, as served: as an ordinary user, then as an
administrator. No 5xx, no answer that breaks its schema, no status or content type that is not
described, nothing taken that the document forbids.

    python3 -m venv /tmp/st && /tmp/st/bin/pip install schemathesis
    python bench/fuzz_api.py --st /tmp/st/bin/st [--phases examples,coverage,fuzzing,stateful] [--examples 50]

It fuzzes a system of its own, which is thrown away, and whose only difference is that wrong passwords
are not slowed down: nearly all of these are wrong, and the tool takes a slow answer for an error.
"""

from __future__ import annotations

import argparse
import smtplib
import subprocess
import sys
import tempfile
from pathlib import Path

from system import Mailsys

DOMAIN = "fuzz.test"
CHECKS = (
    "not_a_server_error,response_schema_conformance,status_code_conformance,"
    "content_type_conformance,negative_data_rejection"
)
# Names of what is there stand among the invented ones, or nearly every path would be a 404.
NAMES = [
    *("A1", "A3", "M1", "M2", "Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q7", "Q8"),
    *(DOMAIN, f"user@{DOMAIN}", f"other@{DOMAIN}", f"alias@{DOMAIN}", "2026-01-01T00:00:00Z"),
]
# Too large (413, 431) refuses as well; so may who asks (401, 403, 404), before the values are looked at.
CONFIG = f"""
[dictionaries.names]
values = {NAMES}

[generation.dictionaries]
string = {{ dictionary = "names", probability = 0.2 }}

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, 431]
"""


class Unhurried(Mailsys):
    @staticmethod
    def command(*words: str) -> list[str]:
        return [sys.executable, __file__, "serve", *words]


def serve(words: list[str]) -> None:
    import msgspec

    from mailsys.cli import local
    from mailsys.cli.main import main as command
    from mailsys.web.api import table

    table._STRANGERS = 10**9  # type: ignore[misc] # or most public operations would answer 429
    usual = local.settings_of

    def unhurried(options: argparse.Namespace) -> object:
        settings = usual(options)
        limits = msgspec.structs.replace(
            settings.limits, failures_per_address=10**9, failures_per_account=10**9
        )
        return msgspec.structs.replace(settings, limits=limits)

    local.settings_of = unhurried
    sys.argv[1:] = words
    raise SystemExit(command())


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--st", default="st", help="the schemathesis command")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument("--examples", default="50", help="of each operation")
    parser.add_argument("--seed")
    parser.add_argument("--as", dest="who", choices=("user", "admin"), action="append")
    options = parser.parse_args()
    failed = False
    for who in options.who or ("user", "admin"):
        with tempfile.TemporaryDirectory(prefix="bench-fuzz-") as place:
            failed |= fuzz(options, who, Path(place))
    raise SystemExit(failed)


def furnish(system: Mailsys) -> None:
    """Mail in and out, so that there are emails, timelines and a queue."""
    with smtplib.SMTP("127.0.0.1", system.smtp) as client:
        client.sendmail("eve@elsewhere.test", [f"user@{DOMAIN}"], "Subject: hello\r\n\r\nHello\r\n")
    with smtplib.SMTP("127.0.0.1", system.submission) as client:
        client.login(f"user@{DOMAIN}", "fuzz-user")
        for n in range(8):
            to = [f"a{n}@remote-{n}.test"]
            client.sendmail(f"user@{DOMAIN}", to, f"From: user@{DOMAIN}\r\nSubject: {n}\r\n\r\nHello\r\n")


def fuzz(options: argparse.Namespace, who: str, place: Path) -> bool:
    (place / "schemathesis.toml").write_text(CONFIG)
    system = Unhurried(
        *("--account", f"user@{DOMAIN}:fuzz-user", "--account", f"admin@{DOMAIN}:fuzz-admin"),
        *("--account", f"other@{DOMAIN}:fuzz-other", "--smarthost", "127.0.0.1:9"),
        *("--admin", f"admin@{DOMAIN}", "--registration", "open", "--no-checks"),
        domain=DOMAIN,
        state=str(place / "state"),
        log=str(place / "log"),
    )
    try:
        furnish(system)
        print(f"== as {who}", flush=True)
        command = [options.st, "--config-file", str(place / "schemathesis.toml"), "run", "--no-color"]
        command += ["-a", f"{who}@{DOMAIN}:fuzz-{who}", "-c", CHECKS, "--phases", options.phases]
        command += ["-n", options.examples, "--continue-on-failure", "--warnings", "off"]
        if options.seed:
            command += ["--seed", options.seed]
        done = subprocess.run(
            [*command, f"{system.ready['http']}/api/v1/openapi.json"], cwd=place, check=False
        )
    finally:
        system.stop()
    errors = [line for line in (place / "log").read_text().splitlines() if '"level":"error"' in line]
    print("\n".join(errors[:20]), flush=True)
    return done.returncode != 0 or bool(errors)


main()
