"""Keep passwords out of everything a person, a log or a database sees.

Two ways, both always applied: by shape (what looks like a credential in an address, a query
string, a connection string or a header) and by value (the credentials known from an address at
hand and from the environment), since a driver may quote a password bare.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

MASK = "***"

SECRET_VARIABLES = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "PGPASSWORD",
    "MYSQL_PWD",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
)
"""Environment variables whose values MLflow, its artifact stores or database drivers read."""

SHORTEST_SECRET = 4
"""Shorter values are masked by shape only: masking every "a" would destroy the text."""

_WORDS = (
    r"(?:[a-z0-9_.-]*(?:password|passwd|passphrase|secret|token|credential)[a-z0-9_.-]*"
    r"|pwd|pass|api[_-]?key|access[_-]?key(?:[_-]?id)?|account[_-]?key|sig|signature)"
)
# Up to the LAST @ of the word: an unescaped password may hold '/', ':' and '@' itself.
_USER_AND_PASSWORD = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]*):\S*@", re.IGNORECASE)
_WEB_TOKEN = re.compile(r"(?P<head>\bhttps?://)[^\s/:@'\"]+@", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"(?P<head>(?<![a-z0-9]){_WORDS}[\"']?\s*[=:]\s*)"
    r"(?:\"[^\"]*\"|'(?:[^'\\]|\\.)*'|[^\s&;,'\"<>)}\]]+)",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(?P<head>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)


def redact(text: object, *addresses: str) -> str:
    """Return the text with every password, token and key replaced by ``***``.

    The passwords of addresses in use are masked wherever they appear, encoded or not.

    Examples
    --------
    >>> redact("postgresql://anna:s3cret@db:5432/payoff?sslmode=require")
    'postgresql://anna:***@db:5432/payoff?sslmode=require'
    >>> redact("host=db user=anna password='two words' dbname=payoff")
    'host=db user=anna password=*** dbname=payoff'
    >>> redact("no such user: s3cret", "mysql://anna:s3cret@db/payoff")
    'no such user: ***'
    """
    result = str(text)
    for secret in sorted(_known_secrets(addresses), key=len, reverse=True):
        result = result.replace(secret, MASK)
    result = _USER_AND_PASSWORD.sub(rf"\g<head>:{MASK}@", result)
    result = _WEB_TOKEN.sub(rf"\g<head>{MASK}@", result)  # the user part alone is the credential
    result = _ASSIGNED.sub(rf"\g<head>{MASK}", result)
    return _HEADER.sub(rf"\g<head>{MASK}", result)


def _known_secrets(addresses: tuple[str, ...]) -> set[str]:
    """Return the credentials of the addresses and the environment, raw and decoded."""
    found = {os.environ.get(name, "") for name in SECRET_VARIABLES}
    for address in addresses:
        for match in re.finditer(r"://[^\s/:@]*:(\S*)@", address):
            found |= {match[1], unquote(match[1])}
        for match in re.finditer(r"https?://([^\s/:@]+)@", address, re.IGNORECASE):
            found |= {match[1], unquote(match[1])}
        for match in _ASSIGNED.finditer(address):
            value = match[0][len(match["head"]) :].strip("\"'")
            found |= {value, unquote(value)}
    return {secret for secret in found if len(secret) >= SHORTEST_SECRET}
