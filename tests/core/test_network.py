from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.network import customer_of, network_of, site_of


class NetworkTests(SynchronousTestCase):
    def test_an_address_stands_for_one_customer(self):
        self.assertEqual(customer_of("192.0.2.7"), "192.0.2.7")
        self.assertEqual(customer_of("::ffff:192.0.2.7"), "192.0.2.7")
        self.assertEqual(customer_of("2001:db8:1:2:3::4"), "2001:db8:1:2::/64")

    def test_a_network_is_a_24_or_a_48(self):
        self.assertEqual(network_of("192.0.2.7"), "192.0.2.0/24")
        self.assertEqual(network_of("2001:db8:1:2:3::4%eth0"), "2001:db8:1::/48")

    def test_a_site_is_a_48_and_nothing_else(self):
        self.assertEqual(site_of("2001:db8:1:2:3::4"), "2001:db8:1::/48")
        self.assertEqual([site_of(text) for text in ("192.0.2.7", "::ffff:192.0.2.7", "x")], [""] * 3)

    def test_what_is_no_address_stands_for_itself(self):
        for text in ("", "mx.example", "1.2.3"):
            self.assertEqual((customer_of(text), network_of(text)), (text, text))
