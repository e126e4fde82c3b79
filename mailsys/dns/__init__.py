"""DNS on the wire: datagrams and streams. What is answered is `services.zones`."""
