"""Where a request really comes from, what it was sent to, and which site's script sent it."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final

from twisted.web.server import Request

from mailsys.core.network import plain_address
from mailsys.settings import Web
from mailsys.web.problems import WebProblem

# RFC 9110 §7.2: host, or [IPv6], with a port or none.
_HOST: Final = re.compile(rb"(?:([A-Za-z0-9._-]{1,253})|\[([0-9A-Fa-f:.]{2,45})\])(?::[0-9]{1,5})?")
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]{1,300}")
_SAFE_METHODS: Final = frozenset((b"GET", b"HEAD", b"OPTIONS"))


class Origins:
    """`hostname` is the server's own; `loopback_may_sign_in`: passwords in the clear are fine between
    programs of this machine."""

    def __init__(self, web: Web, hostname: str, loopback_may_sign_in: bool) -> None:
        self._names = {each.lower() for each in (web.hostnames or (hostname,))} | {"localhost"}
        self._any_on_loopback = not web.hostnames
        self._allowed = {each.rstrip("/").lower() for each in web.allowed_origins}
        self._proxies = [ipaddress.ip_network(each) for each in web.trusted_proxies]
        self._loopback_may_sign_in = loopback_may_sign_in

    # -- the client ------------------------------------------------------------------------------------

    @staticmethod
    def plain(peer: Any) -> str:
        """An address as the services see it: IPv4-mapped IPv6 as IPv4, without a zone."""
        return plain_address(str(getattr(peer, "host", "")))

    def client_address(self, request: Request) -> str:
        """The nearest address that is no trusted proxy's. What is left of it anybody could have written."""
        address = self.plain(request.client)
        if not self._proxies or not self._is_proxy(address):
            return address
        header = b",".join(request.requestHeaders.getRawHeaders(b"x-forwarded-for") or [])
        for word in reversed(header[-4096:].decode("ascii", "replace").split(",")):
            try:
                found = str(ipaddress.ip_address(word.strip().strip("[]")))
            except ValueError:
                break
            address = found
            if not self._is_proxy(found):
                break
        return address

    def is_https(self, request: Request) -> bool:
        if request.isSecure():
            return True
        if not self._proxies or not self._is_proxy(self.plain(request.client)):
            return False
        return (request.getHeader(b"x-forwarded-proto") or b"").strip().lower() == b"https"

    def trusts_loopback(self, request: Request) -> bool:
        # Not what a proxy on this machine brings from elsewhere.
        return self._loopback_may_sign_in and _is_loopback(self.client_address(request))

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._proxies)

    # -- the name it was sent to -------------------------------------------------------------------------

    def check_host(self, request: Request) -> None:
        """Raises WebProblem for a name that is not ours: its scripts are somebody else's (DNS rebinding),
        and links made from it would lead elsewhere."""
        hosts = request.requestHeaders.getRawHeaders(b"host") or []
        found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if found is None:  # RFC 9112 §3.2: a request has one valid Host
            raise WebProblem(400, "The request needs one valid Host header.")
        name = (found[1] or found[2]).decode("ascii").lower().rstrip(".")
        if name in self._names:
            return
        if (
            self._any_on_loopback
            and _is_loopback(self.plain(request.host))
            and _is_loopback(self.client_address(request))
        ):
            return
        raise WebProblem(421, "This server does not answer to that name.", cause=name)

    # -- the site whose script sent it -----------------------------------------------------------------

    def allowed_origin(self, request: Request) -> bytes | None:
        """The request's Origin when the settings allow it (CORS)."""
        origin = request.getHeader(b"origin")
        if origin is None or not self._allowed:
            return None
        return origin if origin.decode("ascii", "replace").lower() in self._allowed else None

    def is_foreign(self, request: Request) -> bool:
        """A browser sent it for a page of another site that is not allowed. A request without Origin does
        not come from such a page, or is harmless (RFC 6454 §7.3)."""
        header = request.getHeader(b"origin")
        if header is None:
            return False
        origin = header.decode("ascii", "replace").lower()
        if origin in self._allowed:
            return False
        if _ORIGIN.fullmatch(origin) is None:
            return True  # "null" among them
        host = (request.getHeader(b"host") or b"").decode("ascii", "replace").lower()
        return _authority(origin) != _authority(f"{'https' if self.is_https(request) else 'http'}://{host}")

    def check_origin(self, request: Request) -> None:
        """Raises WebProblem for a change that another site's page asks for (CSRF)."""
        if request.method not in _SAFE_METHODS and self.is_foreign(request):
            raise WebProblem(403, "Requests of other sites' pages are refused.", cause="foreign Origin")


def _authority(origin: str) -> str:
    """host:port; the scheme may differ behind a proxy, its default port stands for it."""
    scheme, _, rest = origin.partition("://")
    return rest.removesuffix(":443" if scheme == "https" else ":80")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
