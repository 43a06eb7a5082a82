"""Build the API reference from the docstrings: python docs/api.py FOLDER (default: docs/api)."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

PACKAGES = ("search_spaces", "analysis", "study")


def modules() -> list[str]:
    """Every module of the packages, also of those that name what they export."""
    found = []
    for package in PACKAGES:
        path = Path(__file__).parents[1] / package
        for file in sorted(path.rglob("*.py")):
            parts = (package, *file.relative_to(path).with_suffix("").parts)
            if parts[-1] == "__main__":
                continue
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def build(folder: Path) -> None:
    """Write the pages; start at ``index.html``."""
    import pdoc

    import analysis

    for name in analysis.__all__:  # loaded when first used, and pdoc looks before that
        setattr(analysis, name, getattr(analysis, name))
    pdoc.render.configure(docformat="numpy", show_source=False, footer_text="payoff")
    with warnings.catch_warnings():
        # Packages that name no exports bring their modules along: one page each all the same.
        warnings.filterwarnings("ignore", message=".*has already been added")
        # Annotations that only type checkers import stay words.
        warnings.filterwarnings("ignore", message="Error parsing type annotation")
        pdoc.pdoc(*modules(), output_directory=folder)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("api"))
