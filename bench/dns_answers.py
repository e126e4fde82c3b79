"""A table of right answers: ours beside those of knot, on the same zone.

    python -m bench.dns_answers

Needs knot (Debian). "=": both say the same; else both are printed. The exit code tells.
"""

import sys
import tempfile

from tests.peers.name_server import Knot
from tests.system.dns_side_by_side import ASKED, DOMAIN, fill, said, transferred
from tests.system.local import LocalSystem


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours = LocalSystem("--state", f"{folder}/state", folder=folder)
        try:
            fill(f"{folder}/state")
            knot = Knot(DOMAIN, transferred(ours.port("dns")))
            try:
                same = 0
                for name, kind in ASKED:
                    mine, theirs = (said(port, name, kind) for port in (ours.port("dns"), knot.port))
                    same += mine == theirs
                    print(f"{'=' if mine == theirs else '!'} {name} {kind}: {mine}")
                    if mine != theirs:
                        print(f"  knot: {theirs}")
                print(f"{same} of {len(ASKED)} are the same")
                sys.exit(same != len(ASKED))
            finally:
                knot.close()
        finally:
            ours.close()


if __name__ == "__main__":
    main()
