"""Who may be answered by pages that are served here, which ask nobody for a password.

A page of a stranger can point a name of its own at this machine (DNS rebinding), and a browser then
takes what is served here for that stranger's. Such a request gives itself away by its ``Host``.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

ALLOWED = "MLFLOW_SERVER_ALLOWED_HOSTS"
"""Variable with further names, commas between: MLflow's, so that one setting serves both."""

CHANGING = frozenset({"POST", "PUT", "DELETE", "PATCH"})
"""Methods that a page of another origin may not use."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Guarded:
    """A WSGI application that answers only who asks for this machine by a name that it has."""

    def __init__(self, application: Application, host: str) -> None:
        self._application, self._host = application, host

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        host = str(environ.get("HTTP_HOST", ""))
        origin = str(environ.get("HTTP_ORIGIN", ""))
        if not is_known(host, self._host):
            refusal = f"not served under the name {host!r}: to allow it, set {ALLOWED}"
        elif environ.get("REQUEST_METHOD") in CHANGING and origin and _place(origin) != host:
            refusal = "a page of another site may change nothing here"
        else:
            return self._application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{refusal}\n".encode()]


def is_known(asked: str, served: str) -> bool:
    """Tell whether the ``Host`` of a request names a server that listens on ``served``.

    Numbers always do: only a name can be pointed at somebody else's machine.

    Examples
    --------
    >>> is_known("127.0.0.1:8080", "127.0.0.1"), is_known("[::1]:8080", "::1")
    (True, True)
    >>> is_known("10.evil.example:8080", "127.0.0.1"), is_known("", "127.0.0.1")
    (False, False)
    """
    name = _name(asked)
    if name in ("localhost", _name(served)) and name:
        return True
    if _number(name) is not None:
        return True
    allowed = [one.strip() for one in os.environ.get(ALLOWED, "").split(",") if one.strip()]
    return bool(name) and any(
        fnmatch.fnmatchcase(full, one.casefold()) for one in allowed for full in (asked, name)
    )


def is_here(host: str) -> bool:
    """Tell whether only this machine reaches what listens on a host.

    Examples
    --------
    >>> is_here("127.0.0.1"), is_here("localhost"), is_here("0.0.0.0"), is_here("")
    (True, True, False, False)
    """
    number = _number(host.strip("[]"))
    if number is not None:
        return number.is_loopback
    try:
        found = socket.getaddrinfo(host or None, 0, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    numbers = [_number(str(address[0])) for *_, address in found]
    return all(one is not None and one.is_loopback for one in numbers)


def _name(host: str) -> str:
    """Return a host without its port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].casefold()
    return (host if host.count(":") > 1 else host.partition(":")[0]).casefold()


def _number(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
