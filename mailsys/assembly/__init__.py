"""Where the parts are put together, and the only place that names a store.

`process` is what all parts have around them, `stores` opens what keeps mail. On these stand, in the order in
which they are made: `access` (signing in), `delivering` (mail that comes in), `sending` (the queue), `jmap`,
`account_api` (`/api/v1`), `administration` (an operator's commands), `listening` (a factory per service).
`zones` has our zones and the DNS server.
`system` makes them, starts and stops them; `names` does so with the DNS server alone; `alone` works on a
store that nobody serves.
"""

from mailsys.assembly.alone import administer, check_store
from mailsys.assembly.names import assemble_names
from mailsys.assembly.stores import StoreProblem, check_storage, reseal
from mailsys.assembly.system import System, assemble

__all__ = [
    "StoreProblem",
    "System",
    "administer",
    "assemble",
    "assemble_names",
    "check_storage",
    "check_store",
    "reseal",
]
