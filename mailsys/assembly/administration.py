"""An operator's commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mailsys.assembly.filtering import make_rehearsal
from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.ports.accounts import DkimKey
from mailsys.services.access.sessions import Sessions
from mailsys.services.operating.account_commands import AccountCommands, SignedIn
from mailsys.services.operating.administration import Administration
from mailsys.services.operating.domain_commands import DomainCommands
from mailsys.services.operating.filter_commands import FilterCommands
from mailsys.services.operating.key_rotation import KeyRotation
from mailsys.services.operating.queue_commands import QueueCommands
from mailsys.services.operating.zone_commands import ZoneCommands
from mailsys.services.sending.sign import generate_keys


def make_administration(
    process: Process,
    stores: Stores,
    zones: ZoneCommands,
    look: Callable[[], list[str]],
    changed: Callable[[], Awaitable[object]] | None = None,
    sessions: Sessions | None = None,
) -> Administration:
    """`look` and `changed`: see Administration. sessions: of a system that runs; None: there are only those
    in the store."""

    stored = stores.sessions.remove_all
    signed_in = (
        SignedIn(stored, stored)
        if sessions is None
        else SignedIn(sessions.password_changed, sessions.shut_out)
    )
    return Administration(
        AccountCommands(stores.accounts, stores.mail, process.hash_password, signed_in),
        DomainCommands(stores.accounts, make_rotation(process, stores)),
        QueueCommands(stores.queue, stores.accounts, process.wall.seconds),
        stores.storage,
        look,
        changed,
        FilterCommands(stores.learning, stores.accounts, make_rehearsal(process, stores)).ways | zones.ways,
    )


def make_rotation(process: Process, stores: Stores) -> KeyRotation:
    async def make_keys(domain: str, selector: str) -> list[DkimKey]:
        return await process.passwords.run(lambda: generate_keys(domain, selector))

    return KeyRotation(stores.accounts, make_keys, process.wall.seconds, process.settings.keys)
