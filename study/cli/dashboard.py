"""``payoff dashboard``: the Optuna dashboard over the studies of a folder, on loopback."""

from __future__ import annotations

import argparse
import importlib.util
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from search_spaces.errors import PayoffError
from study.cli.hosts import Guarded, is_here
from study.cli.studies import study_of
from study.cli.ui import check_free, serve_until_interrupted, serving_arguments, shown_host


class _Server(ThreadingMixIn, WSGIServer):
    """One thread a request: the dashboard asks for several things at once."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    serving_arguments(parser, study="study file: use its storage", port=8080)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise PayoffError(
            "the Optuna dashboard is not installed; get it: pip install optuna-dashboard"
        )
    spec, places, again = study_of(args)
    check_free(args.host, args.port)
    from study.queue.opening import stored_storage

    storage = stored_storage(spec.storage.optuna if args.study else "", places, again)
    from optuna_dashboard import wsgi

    application = Guarded(wsgi(storage), args.host)
    with make_server(args.host, args.port, application, _Server, _Quiet) as server:
        place = f"http://{shown_host(args.host)}:{args.port}"
        here = is_here(args.host)
        serve = server.serve_forever
        serve_until_interrupted(serve, place, "dashboard", open_it=args.open, here=here)
    return 0
