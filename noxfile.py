"""The checks of this repository by name: ``nox`` runs lint, types and the quick tests.

Sessions run in the environment that ``nox`` is called from, which holds ``.[test]``;
``nox --force-venv-backend venv`` gives each an environment of its own (``-R`` uses it again).
Only ``lowest`` always has one: with the lowest version of every package.
"""

from __future__ import annotations

import sys

import nox

nox.options.sessions = ["lint", "types", "quick"]
nox.options.default_venv_backend = "none"
nox.options.reuse_venv = "yes"


def need(session: nox.Session, *what: str) -> None:
    """Install what a session needs, where it has an environment of its own."""
    if session.venv_backend != "none":
        session.install(*what)


@nox.session
def lint(session: nox.Session) -> None:
    """Say what is wrong with the form."""
    need(session, "ruff>=0.8,<1")
    session.run("ruff", "check", ".", external=True)
    session.run("ruff", "format", "--check", ".", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of all that is Python here."""
    need(session, ".[test]")
    session.run("mypy", external=True)


@nox.session
def quick(session: nox.Session) -> None:
    """Run the quick tests: every room, nothing that takes long."""
    need(session, ".[test]")
    session.run("pytest", "-m", "quick", *session.posargs, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests; on Linux, fail where one was skipped that ``.ci/install`` provides for."""
    need(session, ".[test]")
    report = session.cache_dir.resolve() / "tests.xml"
    session.run("pytest", "-ra", f"--junitxml={report}", *session.posargs, external=True)
    if sys.platform == "linux":
        session.run("python", ".ci/skips.py", str(report), external=True)


@nox.session(venv_backend="venv")
def lowest(session: nox.Session) -> None:
    """Install the lowest version of every package that we allow; run the quick tests there.

    Others by their marks: ``nox -s lowest -- -m "not quick"``.
    """
    session.install("-c", ".ci/lowest.txt", ".[test]")
    session.run("pytest", *(session.posargs or ("-m", "quick")))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages."""
    need(session, ".[docs]")
    session.run("mkdocs", "build", "-f", "docs/site/mkdocs.yml", external=True)
