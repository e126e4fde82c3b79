"""IEvents within one process."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from mailsys.log import Log
from mailsys.ports.events import Changed, IEvents, Listener
from mailsys.ports.ids import AccountId

log = Log("events")


@implementer(IEvents)
class Events:
    """Listeners by account, so that a change wakes only those whom it concerns."""

    def __init__(self) -> None:
        self._listeners: dict[AccountId, dict[int, Listener]] = {}
        self._number = 0

    def publish(self, changed: Changed) -> None:
        listeners = self._listeners.get(changed.account)
        if not listeners:
            return
        for number, listener in list(listeners.items()):
            if number not in listeners:
                continue  # an earlier listener unsubscribed it
            try:
                listener(changed)
            except Exception as error:
                log.error("listener failed", failure=error, account=changed.account)

    def subscribe(self, account: AccountId, listener: Listener) -> Callable[[], None]:
        self._number += 1
        number = self._number
        self._listeners.setdefault(account, {})[number] = listener

        def unsubscribe() -> None:
            listeners = self._listeners.get(account)
            if listeners is not None and listeners.pop(number, None) is not None and not listeners:
                del self._listeners[account]

        return unsubscribe
