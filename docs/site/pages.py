"""MkDocs' hook: pages that stand elsewhere (notebooks, changes, benchmarks), the style sheet."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]

ELSEWHERE = {"benchmarks.md": "benchmarks/README.md", "changelog.md": "CHANGELOG.md"}
"""Page -> file of the repository."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    css = Path(__file__).with_name("site.css").read_text()
    files.append(File.generated(config, "site.css", content=css))
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        text, pictures = notebook(path)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to what stands elsewhere to its page."""
    for page, source in ELSEWHERE.items():
        markdown = markdown.replace(f"](../{source})", f"]({page})")
    markdown = markdown.replace("](../docs/", "](").replace("](docs/", "](")
    return re.sub(r"\]\(([^)\s]+)\.ipynb\)", r"](\1.md)", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Take the roles out of docstrings."""
    return re.sub(r":(?:func|class|meth|mod|attr|data):(<code>)~?", r"\1", html)


def notebook(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return a stored notebook as Markdown, and its pictures by name."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                name = f"{path.stem}-{len(pictures) + 1}.png"
                pictures[name] = base64.b64decode("".join(data["image/png"]))
                parts.append(f"![What the cell draws]({name})")
            elif "text/html" in data:
                html = re.sub(r"<style.*?</style>", "", "".join(data["text/html"]), flags=re.S)
                parts.append(re.sub(r"\n\s*", "", html))
            else:
                text = "".join(output.get("text", data.get("text/plain", "")))
                parts.append(f"``` {{.text .printed}}\n{text.rstrip()}\n```")
    return "\n\n".join(parts), pictures
