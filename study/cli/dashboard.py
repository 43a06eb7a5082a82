"""``payoff dashboard``: the Optuna dashboard over the studies of a folder, on loopback."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
from socketserver import ThreadingMixIn
from types import FrameType
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from search_spaces.errors import PayoffError
from study.cli.ui import check_free, serving_arguments, shown_host
from study.launch.hints import command
from study.launch.joining import from_environment
from study.places import Places
from study.queue.stored import stored_storage
from study.spec.study_file import load_spec


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
    places = Places.at(args.root)
    address = from_environment(load_spec(args.study)).storage.optuna if args.study else ""
    check_free(args.host, args.port)
    storage = stored_storage(address, places, command("run", args.study, places))
    from optuna_dashboard import wsgi

    application = wsgi(storage)
    with make_server(
        args.host, args.port, application, server_class=_Server, handler_class=_Quiet
    ) as server:
        place = f"http://{shown_host(args.host)}:{args.port}"
        print(place, flush=True)
        print("payoff: Ctrl-C ends the dashboard", file=sys.stderr)
        if args.open:
            import webbrowser

            webbrowser.open(place)
        return _serve(server)


def _serve(server: WSGIServer) -> int:
    """Answer until Ctrl-C or SIGTERM."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0
