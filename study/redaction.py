"""Keep passwords out of everything a person, a log or a database sees.

Two ways, both always applied: by shape (what looks like a credential in an address, a query
string, a connection string or a header) and by value, since a driver may quote a password bare:
those of the addresses at hand, of addresses that were read before (:func:`keep_secret`) and of
the environment. A reason is redacted where it is made, before anything keeps it.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from types import TracebackType
from typing import Any, TextIO, cast
from urllib.parse import quote, quote_plus, unquote

MASK = "***"

SECRET_VARIABLES = frozenset(
    {
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
        "PGPASSWORD",
        "MYSQL_PWD",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_CONNECTION_STRING",
    }
)
"""Environment variables whose values MLflow, its artifact stores or database drivers read."""

SHORTEST_SECRET, SHORTEST_GUESSED = 4, 6
"""Shorter values are masked by shape only: masking every "a" would destroy the text. The second is
of variables that are only named like secrets, and of parts of a password."""

LONGEST_LINE = 1_000_000
"""Letters of a line that are kept until it ends."""

LONGEST_WORD = 8
"""A password of so few letters, and nothing else, is masked only where it stands as a word."""


class _Later:
    """A pattern that is compiled when it is first used: most commands need none."""

    def __init__(self, text: str, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        return getattr(re.compile(self._text, self._flags), name)  # which keeps what it compiled


def _later(text: str, flags: int = 0) -> re.Pattern[str]:
    return cast("re.Pattern[str]", _Later(text, flags))


_NAMED_LIKE_SECRETS = _later(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN(?!S|IZ)|CREDENTIAL|CONNECTION_STRING"
    r"|(?:API|ACCESS|ACCOUNT|PRIVATE|ENCRYPTION|STORAGE|SERVICE)_?KEY|(?:^|_)(?:PASS|PWD|AUTH)$"
)
_NO_SECRETS = _later(r"^(?:OLD)?PWD$|_(?:FILE|PATH|DIR|URI|URL|ID)$")
"""Names of variables that say where something is, or whose."""
_NO_SECRET = _later(r"(?i)[/~.].*|true|false|none|null|default|\d{1,9}|enabled|disabled")
"""Values of variables that are only named like secrets: places, switches and numbers."""

# Possessive throughout: texts of millions of letters take no more than a look at each.
_NAME = _later(
    r"(?<![\w.-])(?P<name>[\w.-]++)"
    r"(?P<mark>\\?[\"']?\s*+(?:=>|[=:])\s*+|[\"']\s*+,\s*+(?=[\"'])|(?<=[a-z])\s++(?=[^\s-]))"
)
"""A name before what is assigned to it, paired with it, or given to it as an option."""
_SECRET = _later(
    r"password|passwd|passphrase|secret|token(?!s|iz)|credential"
    r"|(?:api|access|account|private)[_-]?key(?:[_-]?id)?$"
    r"|(?:^|[_.-])(?:pass|sig|signature|cookie|authorization)$|pwd$",
    re.IGNORECASE,
)
"""Such names tell of secrets."""
_PASSWORD = _later(r"(?:password|passwd|passphrase|pwd)$", re.IGNORECASE)
_VALUE = _later(
    r"(?:(?:basic|bearer|token)\s++)?"
    r"(?:\\[\"'][^\"'\\]*+\\[\"']|\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|\{[^{}]*+\}"
    r"|[\"']?[^\s&;,'\"<>)}\]]++)",
    re.IGNORECASE | re.DOTALL,
)
# Without quotes a password may go on after a space; another "name=" or the line ends it.
_MORE_WORDS = _later(r"(?: +(?![\w.-]++ ?[=:])[^\s&;,'\"<>)}\]=]++)*+")

# Up to the LAST @ of the word: an unescaped password may hold '/', ':' and '@' itself.
_ADDRESS = _later(r"://\S*+")
_USER = _later(r"://[^\s/:@'\"]*+:")
# One with spaces reaches further, unless it starts like the port of an address without a password.
_WITH_SPACES = _later(
    r"(?P<head>://[^\s/:@'\"]*+):(?!\*\*\*@|\d{1,5}(?:[/\s?#)'\",;:]|$))"
    r"(?:(?!://)[^\n]){1,100}@(?=[\w.\[-])"
)
_WEB_TOKEN = _later(r"(?P<head>\bhttps?://)[^\s/:@'\"]++@", re.IGNORECASE)
_HEADER = _later(
    r"(?P<head>\b(?:bearer|basic)\s++)(?=[A-Za-z._~+/-]*+[0-9=])[A-Za-z0-9._~+/=-]{8,}+",
    re.IGNORECASE,
)
_KNOWN_KEYS = _later(
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[opsur]_\w{20,}+|github_pat_\w{20,}+|glpat-[\w-]{16,}+"
    r"|hf_[A-Za-z0-9]{20,}+|xox[abprs]-[\w-]{10,}+|dapi[0-9a-f]{20,}+|sk-[\w-]{20,}+"
    r"|eyJ[\w-]{8,500}+\.[\w-]{8,}+\.[\w-]*+)"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_SIGNS = (
    "://", "pass", "pwd", "secret", "token", "key", "credential", "sig", "authorization", "cookie",
    "bearer", "basic", "akia", "asia", "gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_", "glpat-",
    "hf_", "xox", "dapi", "sk-", "eyj",
)  # fmt: skip
"""Of these a text has one, in any case, where any of the shapes is found in it."""

_kept: set[str] = set()
"""Secrets of the addresses that this process was given."""


def keep_secret(*addresses: str) -> None:
    """Mask the passwords of these addresses from now on, wherever they appear."""
    for address in addresses:
        _kept.update(_secrets_of(address))


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
    known = frozenset(_kept).union(_of_environment(), *map(_secrets_of, addresses))
    for form in _forms_of(known):
        if form in result:
            bound = r"\b" if form.isalpha() and len(form) < LONGEST_WORD else ""
            result = re.sub(f"{bound}{re.escape(form)}{bound}", MASK, result)
    small = result.casefold()
    if not any(sign in small for sign in _SIGNS):
        return result
    result = _KNOWN_KEYS.sub(MASK, result)
    if "://" in result:
        result = _ADDRESS.sub(_without_password, result)
        result = _WITH_SPACES.sub(rf"\g<head>:{MASK}@", result)
        result = _WEB_TOKEN.sub(rf"\g<head>{MASK}@", result)  # the user alone is the credential
    return _HEADER.sub(rf"\g<head>{MASK}", _without_values(result))


def redacted(value: Any) -> Any:
    """Return a value of JSON with all of its texts redacted, those in lists and objects too."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {name: redacted(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in value]
    return value


def redact_tracebacks() -> None:
    """Let what ends this process, or one of its threads, be told without a password."""

    def tell(
        kind: type[BaseException], error: BaseException | None, frames: TracebackType | None
    ) -> None:
        text = "".join(traceback.format_exception(kind, error, frames))
        if sys.stderr is not None:
            sys.stderr.write(redact(text))

    sys.excepthook = tell
    threading.excepthook = lambda what: (
        None
        if what.exc_type is SystemExit
        else tell(what.exc_type, what.exc_value, what.exc_traceback)
    )


class Redacting(io.TextIOBase):
    """A text stream that hands on whole lines, without the secrets in them."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self._line, self._turn = stream, "", threading.Lock()

    def write(self, text: str) -> int:
        """Take down a piece of a line."""
        with self._turn:
            whole, mark, self._line = (self._line + text).rpartition("\n")
            if mark or len(self._line) > LONGEST_LINE:
                rest, self._line = (self._line, "") if not mark else ("", self._line)
                self.stream.write(redact(whole + mark + rest))
                self.stream.flush()
        return len(text)

    def flush(self) -> None:
        """Hand on what is there, a line begun included."""
        with self._turn:
            if self._line:
                self.stream.write(redact(self._line))
                self._line = ""
            self.stream.flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.stream.fileno()

    def isatty(self) -> bool:
        return self.stream.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding

    def __getattr__(self, name: str) -> Any:
        """Whatever else a stream is asked for, its bytes among them, past all this."""
        return getattr(self.stream, name)


@contextmanager
def redacted_output() -> Iterator[None]:
    """Let nothing that anybody's Python prints inside, in this process, hold a secret."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        stream if stream is None else cast(TextIO, Redacting(stream)) for stream in before
    )
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, Redacting):
                stream.flush()
        sys.stdout, sys.stderr = before


def _without_password(word: re.Match[str]) -> str:
    """Mask a word from the first user that an address in it names to its last @."""
    user = _USER.search(word[0])
    end = word[0].rfind("@")
    if user is None or end < user.end():
        return word[0]
    return f"{word[0][: user.end()]}{MASK}{word[0][end:]}"


def _without_values(text: str) -> str:
    """Mask whatever stands behind a name that tells of a secret."""
    pieces, done = [], 0
    for start, end in _values_of_secrets(text):
        pieces += [text[done:start], MASK]
        done = end
    return "".join([*pieces, text[done:]])


def _values_of_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the values stand that names tell of as secret."""
    search, place = _NAME.search, 0
    while (found := search(text, place)) is not None:
        place = found.end()
        name, mark = found["name"], found["mark"]
        if _SECRET.search(name) is None or (mark.isspace() and not name.startswith("--")):
            continue
        value = _VALUE.match(text, found.end())
        if value is None:
            continue
        if "token" in name.casefold() and re.fullmatch(r"[\d.,]{1,9}", value[0]):
            continue  # a count of tokens
        end = value.end()
        if mark == "=" and value[0][0] not in "\"'{\\" and _PASSWORD.search(name):
            more = _MORE_WORDS.match(text, end)
            end = end if more is None else more.end()
        yield value.start(), end
        place = end


def _secrets_of(address: str) -> set[str]:
    """Return the credentials of an address: whole, and in the parts that a driver may split off."""
    whole = set()
    for match in re.finditer(r"://[^\s/:@]*:(?!\d{1,5}(?:[/\s?#]|$))(.*)@", address, re.S):
        whole |= {match[1], unquote(match[1])}
    for match in re.finditer(r"https?://([^\s/:@]+)@", address, re.IGNORECASE):
        whole |= {match[1], unquote(match[1])}
    for start, end in _values_of_secrets(address):
        value = address[start:end].strip("\"'{}")
        whole |= {value, unquote(value)}
    parts = set()
    for secret in whole:
        places = [0, *(found.end() for found in re.finditer(r"[@/:?#&\s]", secret))]
        ends = [*(found.start() for found in re.finditer(r"[@/:?#&\s]", secret)), len(secret)]
        parts |= {secret[start:end] for start in places for end in ends if start < end}
    return {secret for secret in whole if len(secret) >= SHORTEST_SECRET} | {
        part for part in parts if len(part) >= SHORTEST_GUESSED
    }


def _of_environment() -> frozenset[str]:
    """Return the credentials of the environment, as it is now."""
    now = getattr(os.environ, "_data", None)  # its bytes: comparing them takes microseconds
    if not isinstance(now, dict):
        now = dict(os.environ)
    if now != _seen[0]:
        _seen[:] = [dict(now), frozenset(_found_in(os.environ))]
    found: frozenset[str] = _seen[1]
    return found


_seen: list[Any] = [None, frozenset()]
"""The environment as it was last seen, and its secrets."""


def _found_in(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if re.match(r"[A-Za-z][\w+.-]*://", value):
            yield from _secrets_of(value)
        if name in SECRET_VARIABLES:
            if len(value) >= SHORTEST_SECRET:
                yield value
        elif (
            _NAMED_LIKE_SECRETS.search(name.upper())
            and not _NO_SECRETS.search(name.upper())
            and len(value) >= SHORTEST_GUESSED
            and not _NO_SECRET.fullmatch(value)
        ):
            yield value


@lru_cache(maxsize=8)
def _forms_of(secrets: frozenset[str]) -> tuple[str, ...]:
    """Return how any of the secrets may be written somewhere, the longest first."""
    forms = {form for secret in secrets for form in _forms(secret)} - {"", MASK}
    return tuple(sorted(forms, key=len, reverse=True))


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways in which an address, JSON, Python, HTML or CSV may write a secret."""
    import html

    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    yield secret.replace('"', '""')
