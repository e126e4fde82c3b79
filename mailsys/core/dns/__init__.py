"""The Domain Name System as a server needs it: names, questions, zones, answers. Pure."""
