"""Pages of the documentation: their blocks, and the commands in them as a reader types them."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import FAR_AWAY, wait_until

ROOT = Path(__file__).parents[2]

SERVERS = ("ui", "dashboard")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = re.findall(r"^```(\w*) ?(\S*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [Block(*parts) for parts in found]


def commands(block: Block) -> list[str]:
    """The commands of a block without a language: one a line, comments off."""
    lines = [re.sub(r"\s+#.*$", "", line).strip() for line in block.text.splitlines()]
    return [
        part.strip()
        for line in lines
        if line and not line.startswith("#")
        for part in line.split("&&")
        if re.match(r"(payoff|python|pip|pytest)(\s|$)", part.strip())
    ]


def run(command: str, folder: Path, environment: dict[str, str]) -> None:
    """Run one command to its end, or until its page is there."""
    words = shlex.split(command)
    if words[0] == "payoff" and words[1] in SERVERS:
        _serve(words, folder, environment)
        return
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr


def _serve(words: list[str], folder: Path, environment: dict[str, str]) -> None:
    log = folder / "server.err"
    with (
        log.open("w") as err,
        subprocess.Popen(
            words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=err, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), log.read_text()
            base = "/".join(address.split("/")[:3])

            def answers() -> bool:
                with urllib.request.urlopen(base, timeout=FAR_AWAY) as answer:
                    return bool(answer.status == 200)

            wait_until(answers, despite=[OSError])
            server.send_signal(signal.SIGINT)
            assert server.wait(FAR_AWAY) == 0, log.read_text()
        finally:
            server.kill()
