"""PushSubscription (RFC 8620 §7.2): get, set, the verification code, and what happens at start and stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.dates import parse_utc_date, render_utc_date
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import MethodError, SetError, invalid_properties
from mailsys.log import Log
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.ports.objects import IObjectStore, ObjectChange
from mailsys.services.access.revocation import Revoked
from mailsys.services.jmap.protocol.api import CORE, CallContext, Caller, JmapApi
from mailsys.services.jmap.protocol.object_set import Plan, object_changes, set_objects
from mailsys.services.jmap.protocol.standard import (
    SetOutcome,
    SetRequest,
    read_get_ids,
    read_properties,
    read_set,
    select,
)
from mailsys.services.looking import Looking
from mailsys.services.notifying.push_delivery import PushDelivery, Subscription
from mailsys.services.notifying.push_encryption import read_keys
from mailsys.services.notifying.push_turns import KIND, removed
from mailsys.services.outbound.http import ForbiddenTarget, is_loopback, target_of

log = Log("push")

_LONGEST: Final = 30 * 86400.0  # seconds that a subscription lasts at most without being renewed
_PER_ACCOUNT: Final = 50
_NEW_PER_HOUR: Final = 60
_LOADED: Final = 100_000
_TYPES_MOST: Final = 100

_PROPERTIES: Final = ("id", "deviceClientId", "verificationCode", "expires", "types")
_SECRET: Final = ("url", "keys")
_DEFAULTS: Final = {"keys": None, "verificationCode": None, "expires": None, "types": None}

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class PushSubscriptions:
    def __init__(
        self,
        objects: IObjectStore,
        delivery: PushDelivery,
        limits: ILimits,
        clock: IReactorTime,
        now: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        allow_private: bool = False,
        holds: Callable[[AccountId, str], Awaitable[bool]] | None = None,
    ) -> None:
        """`holds(account, credential)`: whether it is still good, asked at the start. clock: for timers;
        now: Unix time."""
        self._looking = Looking(clock, self._look)
        self._holds = holds
        self._objects = objects
        self._delivery = delivery
        self._limits = limits
        self._now = now
        self._random = random_bytes
        self._allow_private = allow_private
        delivery.gone = self._gone

    def register(self, api: JmapApi) -> None:
        api.register("PushSubscription/get", CORE, self.get)
        api.register("PushSubscription/set", CORE, self.set)

    # -- start and stop ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up all that were verified; what changed while nobody pushed is pushed now."""
        for account, stored in await self._objects.of_kind(KIND, _LOADED):
            value = _decode(stored.value)
            if self._holds is not None and not await self._holds(account, value.get("credential", "")):
                await self._remove(account, stored.id)
            else:
                await self._take_up(account, stored.id, value)
        self._looking.start()

    async def stop(self) -> None:
        """How far each was told is written down, so that the next start tells only what is new."""
        self._looking.stop()
        await self._delivery.stop()

    async def _take_up(self, account: AccountId, id_: str, value: dict[str, Any]) -> None:
        if value["verified"] and value["expires"] > self._now():
            found = _subscription(account, id_, value)
            if not self._delivery.has(found):
                # In earlier versions the position stood with the subscription, and was a number at first.
                position = await self._delivery.turns.position(account, id_) or str(value.get("position", ""))
                await self._delivery.add(replace(found, position=position), resume=True)

    def _look(self) -> None:
        Deferred.fromCoroutine(self._look_at_all()).addErrback(
            lambda failure: log.error("not looked at", failure.value)
        )

    async def _look_at_all(self) -> None:
        """Other processes make, change and remove subscriptions, too."""
        for account, stored in await self._objects.of_kind(KIND, _LOADED):
            await self._take_up(account, stored.id, _decode(stored.value))
        for each in self._delivery.positions():
            if not await self._objects.objects(each.account, KIND, [each.id]):
                self._delivery.remove(each.account, each.id)

    # -- methods -------------------------------------------------------------------------------------------

    async def get(self, context: CallContext, arguments: dict[str, Any]) -> dict[str, Any]:
        """RFC 8620 §7.2.1: no account, no state, and never where it goes."""
        given = Arguments(arguments)
        if any(name in _SECRET for name in (arguments.get("properties") or ()) if isinstance(name, str)):
            raise MethodError("forbidden", '"url" and "keys" are not given out.')
        properties = read_properties(given, _PROPERTIES)
        wanted = read_get_ids(context, given)
        given.finish()
        kept = await self._kept(context.account)
        ids = list(kept) if wanted is None else wanted
        found = [
            select(_shown(id_, kept[id_]), properties or list(_PROPERTIES)) for id_ in ids if id_ in kept
        ]
        return {"list": found, "notFound": [id_ for id_ in ids if id_ not in kept]}

    async def set(self, context: CallContext, arguments: dict[str, Any]) -> dict[str, Any]:
        """RFC 8620 §7.2.2: as /set, without account and states."""
        given = Arguments(arguments)
        if "ifInState" in arguments:
            raise MethodError(
                "invalidArguments", '"ifInState" is not an argument here.', arguments=["ifInState"]
            )
        request = read_set(context, given)
        given.finish()
        effects: list[Callable[[], Awaitable[None]]] = []  # of what was written

        async def work() -> Plan:
            effects.clear()
            return await self._plan(context, request, effects)

        answer = await set_objects(context, KIND, None, work)
        for effect in effects:
            await effect()
        for name in ("accountId", "oldState", "newState"):
            del answer[name]
        return answer

    async def _plan(
        self, context: CallContext, request: SetRequest, effects: list[Callable[[], Awaitable[None]]]
    ) -> Plan:
        account = context.account
        outcome = SetOutcome()
        kept = await self._kept(account)
        changed: dict[str, dict[str, Any] | None] = {}
        states: list[ObjectChange] = []
        for creation, properties in request.create.items():
            try:
                id_, value, created = await self._create(context.caller, properties, len(kept))
            except SetError as error:
                outcome.not_created[creation] = error
                continue
            kept[id_] = changed[id_] = value
            outcome.created[creation] = created
            context.created_ids[creation] = id_
            effects.append(partial(self._verify, _subscription(account, id_, value), value["code"]))
        destroy = list(dict.fromkeys(context.real_id(id_) for id_ in request.destroy))
        for key, patch in request.update.items():
            id_ = context.real_id(key)
            try:
                if id_ in destroy:
                    raise SetError("willDestroy")
                if id_ not in kept:
                    raise SetError("notFound")
                value, outcome.updated[id_] = self._update(id_, patch, kept[id_])
            except SetError as error:
                outcome.not_updated[id_] = error
                continue
            if value != kept[id_]:
                kept[id_] = changed[id_] = value
                if value["verified"]:
                    effects.append(partial(self._delivery.add, _subscription(account, id_, value)))
        for id_ in destroy:
            if id_ not in kept:
                outcome.not_destroyed[id_] = SetError("notFound")
                continue
            del kept[id_]
            changed[id_] = None
            states += removed(account, id_)[1:]
            outcome.destroyed.append(id_)
            effects.append(partial(self._forget, account, id_))
        return Plan(outcome, object_changes(account, KIND, changed), states)

    async def _create(
        self, caller: Caller, properties: dict[str, Any], there: int
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Its id, what is kept, and what is told. `there`: how many the account has."""
        account = caller.account.id
        unknown = [name for name in properties if name not in (*_PROPERTIES, *_SECRET) or name == "id"]
        if unknown:
            raise invalid_properties("These cannot be set.", *unknown)
        given = {**_DEFAULTS, **properties}
        device, url = given.get("deviceClientId"), given.get("url")
        if not isinstance(device, str) or not 0 < len(device) <= 255:
            raise invalid_properties("deviceClientId must be a string.", "deviceClientId")
        if not isinstance(url, str):
            raise invalid_properties("url must be a string.", "url")
        try:
            target = target_of(url, self._allow_private)
        except ForbiddenTarget as error:
            raise invalid_properties(str(error), "url") from error
        if not target.secure and not is_loopback(target.host):  # RFC 8620 §7.2; tests listen in the clear
            raise invalid_properties("The URL must be https.", "url")
        if given["verificationCode"] is not None:
            raise invalid_properties("verificationCode must be null at first.", "verificationCode")
        keys = _read_keys(given["keys"])
        types = _read_types(given["types"])
        expires = self._read_expires(given["expires"], caller.until)
        if there >= _PER_ACCOUNT:
            raise SetError("overQuota", f"An account has at most {_PER_ACCOUNT} push subscriptions.")
        # RFC 8620 §8.6: a subscription makes us write to whatever address it names
        if await self._limits.hit(f"push-new:{account}", 3600.0) > _NEW_PER_HOUR:
            raise SetError("rateLimit", "Too many new push subscriptions; try again later.")
        id_ = "P" + self._random(12).hex()
        value: dict[str, Any] = {
            "deviceClientId": device,
            "url": url,
            "keys": keys,
            "types": types,
            "expires": expires,
            "code": self._random(20).hex(),
            "verified": False,
            "credential": caller.credential,
            "until": caller.until,
        }
        created: dict[str, Any] = {"id": id_} | {
            name: v for name, v in _DEFAULTS.items() if name not in properties
        }
        if parse_utc_date(given["expires"]) != expires:
            created["expires"] = render_utc_date(expires)
        return id_, value, created

    async def _verify(self, subscription: Subscription, code: str) -> None:
        """RFC 8620 §7.2.2: nothing else is pushed until the client repeats the code."""
        value = {
            "@type": "PushVerification",
            "pushSubscriptionId": subscription.id,
            "verificationCode": code,
        }
        Deferred.fromCoroutine(self._delivery.send_once(subscription, value)).addErrback(
            lambda failure: log.error("verification failed", failure.value, subscription=subscription.id)
        )

    def _update(
        self, id_: str, patch: dict[str, Any], value: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """As it is kept then, and what of it became other than it was given."""
        before = {**_shown(id_, value), "url": value["url"], "keys": value["keys"]}
        after = apply_patch(before, patch, _DEFAULTS)
        fixed = [name for name in after if name not in _DEFAULTS or name == "keys"]
        wrong = [name for name in fixed if after[name] != before.get(name, _MISSING)]
        if wrong:
            raise invalid_properties("These cannot be changed.", *wrong)
        new, answer = dict(value), None
        new["types"] = _read_types(after["types"])
        if after["expires"] != before["expires"]:
            new["expires"] = self._read_expires(after["expires"], value.get("until"))
            if parse_utc_date(after["expires"]) != new["expires"]:
                answer = {"expires": render_utc_date(new["expires"])}
        if after["verificationCode"] != before["verificationCode"]:
            if after["verificationCode"] != value["code"]:
                raise invalid_properties("That is not the code that was sent.", "verificationCode")
            new["verified"] = True
        return new, answer

    def _read_expires(self, given: Any, until: float | None) -> float:
        """When it ends: at most 30 days ahead, whatever was asked for, and with the credentials that it
        was made with (RFC 8620 §7.2)."""
        latest = float(int(self._now() + _LONGEST))
        if until is not None:
            latest = min(latest, float(int(until)))
        if given is None:
            return latest
        moment = parse_utc_date(given)
        if moment is None or moment <= self._now():
            raise invalid_properties("expires must be a UTCDate that is to come.", "expires")
        return min(moment, latest)

    # -- what is kept --------------------------------------------------------------------------------------

    async def _kept(self, account: AccountId) -> dict[str, dict[str, Any]]:
        """Those that have not expired, by id; the others are removed."""
        kept, now = {}, self._now()
        for stored in await self._objects.objects(account, KIND):
            value = _decode(stored.value)
            if value["expires"] > now:
                kept[stored.id] = value
            else:
                await self._remove(account, stored.id)
        return kept

    async def _remove(self, account: AccountId, id_: str) -> None:
        await self._forget(account, id_)
        await self._objects.write(removed(account, id_))

    async def _forget(self, account: AccountId, id_: str) -> None:
        self._delivery.remove(account, id_)

    async def _gone(self, subscription: Subscription) -> None:
        log.info("subscription ended", account=subscription.account, subscription=subscription.id)
        await self._remove(subscription.account, subscription.id)

    def revoked(self, revoked: Revoked) -> None:
        """RFC 8620 §7.2: those made with credentials that no longer hold must go."""
        Deferred.fromCoroutine(self._remove_revoked(revoked)).addErrback(
            lambda failure: log.error("not removed", failure.value, account=revoked.account)
        )

    async def _remove_revoked(self, revoked: Revoked) -> None:
        if not revoked.kind:  # with a removed account its objects are gone already
            for each in self._delivery.positions():
                if each.account == revoked.account:
                    self._delivery.remove(each.account, each.id)
        for stored in await self._objects.objects(revoked.account, KIND):
            if revoked.covers(_decode(stored.value).get("credential", "")):
                await self._remove(revoked.account, stored.id)


_MISSING: Final = object()


def _shown(id_: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": id_,
        "deviceClientId": value["deviceClientId"],
        "verificationCode": value["code"] if value["verified"] else None,
        "expires": render_utc_date(value["expires"]),
        "types": value["types"],
    }


def _read_keys(given: Any) -> dict[str, str] | None:
    if given is None:
        return None
    try:
        if set(given) != {"p256dh", "auth"}:
            raise ValueError("p256dh and auth")
        read_keys(given["p256dh"], given["auth"])
    except (ValueError, TypeError, AttributeError) as error:
        raise invalid_properties("keys must have p256dh and auth (RFC 8291).", "keys") from error
    return {"p256dh": given["p256dh"], "auth": given["auth"]}


def _read_types(given: Any) -> list[str] | None:
    if given is None:
        return None
    if (
        not isinstance(given, list)
        or len(given) > _TYPES_MOST
        or not all(isinstance(one, str) and len(one) <= 255 for one in given)
    ):
        raise invalid_properties("types must be an array of strings or null.", "types")
    return given


def _subscription(account: AccountId, id_: str, value: dict[str, Any]) -> Subscription:
    keys, types = value["keys"], value["types"]
    return Subscription(
        id_,
        account,
        value["url"],
        None if keys is None else (keys["p256dh"], keys["auth"]),
        None if types is None else frozenset(types),
        value["expires"],
    )
