"""``payoff proxy``: Optuna's gRPC proxy, so that workers need no password of the database."""

from __future__ import annotations

import argparse

from search_spaces.errors import PayoffError
from study.cli.hosts import is_here
from study.cli.studies import spec_of
from study.places import Places
from study.redaction import redact
from study.terminal import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("study", nargs="?", help="study file whose storage.optuna is served")
    parser.add_argument(
        "--storage", help="the database; better in $PAYOFF_STORAGE if it holds a password"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: here)")
    parser.add_argument("--port", type=int, default=13000, help="port (default: 13000)")
    words = "requests, and connections, at a time"
    parser.add_argument("--threads", type=int, default=10, help=words)
    words = "let other machines reach it, which need no password to read, change and delete all"
    parser.add_argument("--i-know", action="store_true", help=words)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from study.queue.opening import open_storage
    from study.queue.proxy import PROXY, serve

    address = spec_of(args).storage.optuna
    if not address or address.startswith(PROXY):
        raise PayoffError(
            "storage.optuna: the proxy serves a database, "
            f"got {redact(address) if address else 'the journal of this machine'}; "
            "give --storage postgresql://..."
        )
    here = is_here(args.host)
    if not here and not args.i_know:
        raise PayoffError(
            "--host: the proxy has no authentication, whoever reaches it could read, change and "
            f"delete every study, got {args.host!r}; leave it on 127.0.0.1 behind a tunnel, or "
            "give --i-know where only your workers reach it"
        )

    def ready() -> None:
        say(f"serves {redact(address)}; Ctrl-C ends it")
        whom = "every user of this machine" if here else "whoever reaches it"
        say(f"the proxy has no authentication: it serves {whom}")
        print(f"grpc://{args.host}:{args.port}", flush=True)

    serve(open_storage(address, Places.at("mlruns")), args.host, args.port, args.threads, ready)
    return 0
