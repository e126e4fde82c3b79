"""The settings file: what it takes, and what its complaints say."""

from __future__ import annotations

import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailsys.settings import Settings, SettingsError
from mailsys.settings_file import example, host_port, load, parse


class ComplaintTests(SynchronousTestCase):
    def complaint(self, text: str) -> str:
        return str(self.assertRaises(SettingsError, parse, tomllib.loads(text)))

    def test_an_unknown_setting_is_named_by_its_path(self) -> None:
        self.assertEqual(self.complaint("[smtp]\nlisen = 1"), "smtp: no such setting")
        self.assertEqual(self.complaint("[listen]\nlisen = 1"), "listen.lisen: no such setting")

    def test_a_value_out_of_range_is_told_the_bound(self) -> None:
        self.assertEqual(
            self.complaint("[limits]\nmessage_size = 0"), "limits.message_size: must be at least 1"
        )
        self.assertEqual(self.complaint("[sending]\nport = 70000"), "sending.port: must be at most 65535")

    def test_a_value_of_the_wrong_type_is_told_the_right_one(self) -> None:
        self.assertEqual(self.complaint("hostname = 3"), "hostname: must be text, not a whole number")
        self.assertEqual(self.complaint("[log]\nlevel = 1"), "log.level: must be text, not a whole number")
        self.assertEqual(self.complaint("limits = 3"), "limits: must be a table, not a whole number")

    def test_an_item_of_a_list_is_named_by_its_place(self) -> None:
        self.assertEqual(
            self.complaint('[sending]\nschedule = ["5m", -1]'),
            "sending.schedule[1]: must be at least 0.001",
        )

    def test_an_endpoint_must_be_an_address_and_a_port(self) -> None:
        self.assertEqual(
            self.complaint('[listen]\nsmtp = ["25"]'), "listen.smtp[0]: '25' is not address:port"
        )
        self.assertIn("not an IP address", self.complaint('[listen]\nimap = ["localhost:143"]'))
        self.assertIn("not address:port", self.complaint('[listen]\nimap = ["[::]:65536"]'))

    def test_a_duration_in_unknown_words_is_refused(self) -> None:
        self.assertIn(
            "limits.smtp_idle: '5 years' is not a duration", self.complaint('[limits]\nsmtp_idle = "5 years"')
        )

    def test_a_domain_name_must_look_like_one(self) -> None:
        self.assertIn("domain: 'a..b' is not a domain name", self.complaint('domain = "a..b"'))

    def test_a_file_that_is_no_toml_is_named(self) -> None:
        path = Path(self.mktemp())
        path.write_text("a = = b")
        self.assertIn(f"{path}: not TOML", str(self.assertRaises(SettingsError, load, path)))

    def test_a_missing_file_is_named(self) -> None:
        path = self.mktemp()
        self.assertEqual(
            str(self.assertRaises(SettingsError, load, path)), f"{path}: No such file or directory"
        )


class ReadingTests(SynchronousTestCase):
    def test_durations_and_sizes_may_be_written_for_people(self) -> None:
        settings = parse(
            {
                "limits": {"smtp_idle": "5m", "message_size": "25MiB"},
                "sending": {"schedule": ["90s", "1.5h", 7]},
            }
        )
        self.assertEqual(settings.limits.smtp_idle, 300)
        self.assertEqual(settings.limits.message_size, 25 * 1024 * 1024)
        self.assertEqual(settings.sending.schedule, (90.0, 5400.0, 7.0))

    def test_the_state_folder_is_relative_to_the_file(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        path = folder / "mailsys.toml"
        path.write_text('state = "data"')
        self.assertEqual(load(path).state, str(folder / "data"))

    def test_names_of_hosts_are_lower_case(self) -> None:
        settings = parse({"domain": "Example.ORG", "hostname": "Mail.Example.ORG"})
        self.assertEqual((settings.domain, settings.hostname), ("example.org", "mail.example.org"))

    def test_addresses_with_ports_are_split(self) -> None:
        self.assertEqual(host_port("[2001:db8::1]:25"), ("2001:db8::1", 25))
        self.assertEqual(host_port("relay.test:587"), ("relay.test", 587))
        for bad in ("::1:25", "host", "host:", ":25", "host:99999"):
            self.assertRaises(ValueError, host_port, bad)


class ExampleTests(SynchronousTestCase):
    def test_the_example_of_all_defaults_means_the_defaults(self) -> None:
        self.assertEqual(parse(tomllib.loads(example())), Settings())

    def test_every_line_of_the_example_holds_when_it_is_uncommented(self) -> None:
        lines = []
        for line in example().splitlines():
            bare = line.removeprefix("# ")
            name, found, _ = bare.partition(" = ")
            lines.append(bare if found and name.isidentifier() else line)
        self.assertEqual(parse(tomllib.loads("\n".join(lines))), Settings())

    def test_what_differs_from_the_default_is_written_out_and_read_back(self) -> None:
        settings = parse({"domain": "example.org", "limits": {"smtp_idle": 61}, "tls": {"key": 'a"b\\c'}})
        self.assertEqual(parse(tomllib.loads(example(settings))), settings)
