"""HTTP, event streams and WebSockets: wire and order only; what is asked for is done by the services."""
