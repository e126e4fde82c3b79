from random import Random

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsys.services.dns.route import (
    Host,
    Ourselves,
    RouteError,
    Router,
    destination_of,
    split_endpoint,
    to_a_labels,
)
from tests.peers.zone import Zone


class RouteTests(SynchronousTestCase):
    def hosts(self, zone, destination: str = "y.example", seed: int = 1, **given) -> list[Host]:
        router = Router(Zone(zone), Random(seed), **given)
        return self.successResultOf(Deferred.fromCoroutine(router.hosts(destination)))

    def refusal(self, zone, destination: str = "y.example", **given) -> str:
        router = Router(Zone(zone), Random(1), **given)
        failure = self.failureResultOf(Deferred.fromCoroutine(router.hosts(destination)), RouteError)
        return failure.value.reply

    def test_better_preferences_come_first(self):
        zone = {
            ("y.example", "MX"): [(20, "b.y.example"), (10, "a.y.example"), (30, "c.y.example")],
            ("a.y.example", "A"): ["192.0.2.1"],
            ("b.y.example", "A"): ["192.0.2.2"],
            ("c.y.example", "A"): ["192.0.2.3"],
        }
        self.assertEqual([h.address for h in self.hosts(zone)], ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
        self.assertEqual(self.hosts(zone)[0], Host("a.y.example", "192.0.2.1", 25))

    def test_equal_preferences_share_the_load(self):
        zone = {("y.example", "MX"): [(10, f"m{n}.example") for n in range(4)]}
        zone |= {(f"m{n}.example", "A"): [f"192.0.2.{n}"] for n in range(4)}
        firsts = {self.hosts(zone, seed=seed)[0].name for seed in range(40)}
        self.assertEqual(len(firsts), 4)

    def test_without_mx_the_domain_itself_is_the_host(self):
        self.assertEqual(
            self.hosts({("y.example", "A"): ["192.0.2.1"]}), [Host("y.example", "192.0.2.1", 25)]
        )

    def test_ipv6_and_ipv4_are_tried_in_turn(self):
        zone = {("y.example", "A"): ["192.0.2.1", "192.0.2.2"], ("y.example", "AAAA"): ["2001:db8::1"]}
        self.assertEqual([":" in h.address for h in self.hosts(zone)], [True, False, False])

    def test_a_null_mx_is_final(self):
        self.assertTrue(self.refusal({("y.example", "MX"): [(0, "")]}).startswith("556 5.1.10"))

    def test_a_domain_that_does_not_exist_is_final(self):
        self.assertTrue(self.refusal({}).startswith("550 5.1.2"))

    def test_a_domain_without_addresses_is_final(self):
        self.assertTrue(self.refusal({("y.example", "TXT"): [b""]}).startswith("550 5.1.2"))

    def test_a_failing_lookup_of_mx_passes(self):
        self.assertTrue(self.refusal({("y.example", "MX"): "!"}).startswith("451 4.4.3"))

    def test_failing_lookups_of_all_hosts_pass(self):
        zone = {("y.example", "MX"): [(1, "m.example")], ("m.example", "A"): "!", ("m.example", "AAAA"): "!"}
        self.assertTrue(self.refusal(zone).startswith("451 4.4.3"))

    def test_a_failing_lookup_of_one_family_does_not_say_that_there_is_no_address(self):
        zone = {("y.example", "MX"): [(1, "m.example")], ("m.example", "A"): "!"}
        self.assertTrue(self.refusal(zone).startswith("451 4.4.3"))

    def test_a_host_that_cannot_be_looked_up_leaves_the_others(self):
        zone = {
            ("y.example", "MX"): [(1, "m.example"), (2, "n.example")],
            ("m.example", "A"): "!",
            ("n.example", "A"): ["192.0.2.2"],
        }
        self.assertEqual([h.name for h in self.hosts(zone)], ["n.example"])

    def test_our_own_name_drops_itself_and_all_that_is_worse(self):
        zone = {
            ("y.example", "MX"): [
                (10, "a.example"),
                (20, "mx.us.example"),
                (20, "b.example"),
                (30, "c.example"),
            ]
        }
        zone |= {
            (name, "A"): ["192.0.2.1"] for name in ("a.example", "b.example", "c.example", "mx.us.example")
        }
        us = Ourselves.listening("MX.us.example", [])
        self.assertEqual([h.name for h in self.hosts(zone, ourselves=us)], ["a.example"])

    def test_our_own_listener_counts_as_us_under_any_name(self):
        zone = {("y.example", "MX"): [(10, "alias.example")], ("alias.example", "A"): ["192.0.2.9"]}
        us = Ourselves.listening("mx.us.example", [("192.0.2.9", 25)])
        self.assertTrue(self.refusal(zone, ourselves=us).startswith("554 5.4.6"))

    def test_listening_on_every_address_makes_loopback_ours_on_that_port_only(self):
        zone = {("y.example", "A"): ["127.0.0.1"]}
        us = Ourselves.listening("mx.us.example", [("0.0.0.0", 25)])
        self.assertTrue(self.refusal(zone, ourselves=us).startswith("554 5.4.6"))
        self.assertEqual(self.hosts(zone, ourselves=us, port=2525)[0].port, 2525)

    def test_somebody_elses_address_is_not_ours(self):
        us = Ourselves.listening("mx.us.example", [("::", 25)])
        self.assertEqual(len(self.hosts({("y.example", "A"): ["192.0.2.1"]}, ourselves=us)), 1)

    def test_ip_literals_are_refused(self):
        self.assertTrue(self.refusal({}, "[192.0.2.1]").startswith("550 5.1.2"))
        self.assertTrue(self.refusal({}, "192.0.2.1").startswith("550 5.1.2"))
        self.assertTrue(self.refusal({("y.example", "MX"): [(1, "192.0.2.1")]}).startswith("550 5.1.2"))

    def test_a_smart_host_takes_everything(self):
        for smarthost, host in (
            ("192.0.2.5:2525", Host("192.0.2.5", "192.0.2.5", 2525)),
            ("[2001:db8::5]:26", Host("2001:db8::5", "2001:db8::5", 26)),
            ("relay.example", Host("relay.example", "192.0.2.6", 25)),
        ):
            zone = {("relay.example", "A"): ["192.0.2.6"]}
            self.assertEqual(self.hosts(zone, "nowhere.example", smarthost=smarthost), [host])

    def test_a_smart_host_that_is_not_found_passes(self):
        self.assertTrue(self.refusal({}, smarthost="relay.example:25").startswith("451 4.4.3"))

    def test_ever_so_many_mx_are_bounded(self):
        zone = {("y.example", "MX"): [(n, f"m{n}.example") for n in range(500)]}
        zone |= {(f"m{n}.example", "A"): [f"192.0.2.{n % 250}"] * 50 for n in range(500)}
        self.assertLessEqual(len(self.hosts(zone)), 20 * 6)


class DestinationTests(SynchronousTestCase):
    def test_addresses_lead_to_a_labels_or_stay_local(self):
        self.assertEqual(destination_of("x@Bücher.example", lambda d: False), "xn--bcher-kva.example")
        self.assertEqual(destination_of("x@Y.Example", lambda d: False), "y.example")
        self.assertEqual(destination_of("x@ours.example", lambda d: True), "local")
        self.assertEqual(to_a_labels("\x00ü"), "\x00ü")

    def test_endpoints_are_split(self):
        self.assertEqual(split_endpoint("a:1", 25), ("a", 1))
        self.assertEqual(split_endpoint("a", 25), ("a", 25))
        self.assertEqual(split_endpoint("[::1]", 25), ("::1", 25))
        self.assertEqual(split_endpoint("::1", 25), ("::1", 25))
