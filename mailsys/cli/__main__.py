"""`python -m mailsys.cli`."""

from mailsys.cli.main import run

run()
