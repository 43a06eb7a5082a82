"""A Kubernetes Job whose pods are workers of a study, as a manifest to read, edit and apply."""

from __future__ import annotations

import argparse
import base64
import json
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.errors import PayoffError
from study.launch.engines.engine import Engine
from study.spec.study_file import StudySpec
from study.spec.writing import toml_key, toml_value

MOST_BYTES = 1_000_000
"""Of all files together: Kubernetes takes a ConfigMap of at most 1 MiB, everything included."""

TEMPLATE = """\
# {workers} workers of the study {study}. Apply with:
#   kubectl create secret generic {name}-storage \\
#     --from-literal=storage='postgresql://USER:PASSWORD@HOST/DB' \\
#     --from-literal=tracking='http://MLFLOW_HOST:5000'
#   kubectl apply --server-side -f THIS_FILE
# The addresses live in the secret, never here; the study file stands here without them, and
# beside it the files of your own that it names. What your code needs besides (packages, files that
# it opens itself) must be in the image. Queue the trials, watch, and conclude from any
# machine that reaches both stores:
#   PAYOFF_STORAGE=... PAYOFF_TRACKING=... payoff launch {file} --workers 1
# A pod that is evicted is replaced; what it had in hand is queued again by the others.
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}-study
{files}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
  completionMode: Indexed        # one index a worker: each ends once, when no trial is left
  completions: {workers}
  parallelism: {workers}
  backoffLimitPerIndex: 20       # evictions and lost nodes; the study bounds its own retries
  podReplacementPolicy: Failed
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 120   # SIGTERM: finish the trials in hand
      containers:
        - name: worker
          image: {image}         # Python with payoff[postgresql] installed
          command: [payoff, worker, /study/study.toml, --root, /scratch/mlruns]
          env:
            - name: PAYOFF_STORAGE
              valueFrom: {{secretKeyRef: {{name: {name}-storage, key: storage}}}}
            - name: PAYOFF_TRACKING
              valueFrom: {{secretKeyRef: {{name: {name}-storage, key: tracking}}}}
          resources:
            requests: {{{resources}}}
            limits: {{{resources}}}
          volumeMounts:
            - {{name: study, mountPath: /study}}
            - {{name: scratch, mountPath: /scratch}}
      volumes:
        - name: study
          configMap:
            name: {name}-study
            items:
{items}
        - name: scratch           # finished results wait here while a store is away
          emptyDir: {{}}"""


@dataclass(frozen=True, kw_only=True)
class Kubernetes(Engine):
    """An indexed Job; who applies its manifest runs the workers."""

    image: str = "payoff:latest"
    """Container image with payoff and the database's driver."""
    cpus: float = 1.0
    gpus: float = 0.0
    """Of each pod; GPUs are whole."""
    memory_gib: float | None = None

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--image", default=self.image, help="kubernetes: the container image")
        parser.add_argument("--print", action="store_true", help="kubernetes: print the manifest")

    def manifest(self, spec: StudySpec, study_file: str | None) -> str:
        """Return the manifest as YAML text; it holds no address of a storage, and so no password.

        What the study file says, but for its [storage] and its comments, goes into a ConfigMap, and
        so do the files of the user's own that it names.
        """
        from study.launch.own_files import own_files

        slug = re.sub(r"[^a-z0-9]+", "-", spec.name.lower()).strip("-")[:40]
        raw: dict[str, Any] = {"study": {"name": spec.name}}
        if study_file:
            raw = tomllib.loads(Path(study_file).expanduser().read_text(encoding="utf-8"))
        contents = {STUDY_FILE: _without_storage(raw).encode()}
        contents |= {path: file.read_bytes() for path, file in own_files(spec).items()}
        _check_size(contents)
        keys = {path: _key(place, path) for place, path in enumerate(contents)}
        resources = [f"cpu: {self.cpus:g}"]
        if self.memory_gib:
            resources.append(f"memory: {self.memory_gib:g}Gi")
        if self.gpus:
            resources.append(f"nvidia.com/gpu: {max(1, round(self.gpus))}")
        return TEMPLATE.format(
            workers=spec.run.workers,
            study=spec.name,
            name=f"payoff-{slug or 'study'}",
            file=study_file or "",
            image=self.image,
            files="\n".join(_files({keys[path]: content for path, content in contents.items()})),
            items="\n".join(
                f"              - {{key: {json.dumps(key)}, path: {json.dumps(path)}}}"
                for path, key in keys.items()
            ),
            resources=", ".join(resources),
        )


ENGINE = Kubernetes()

STUDY_FILE = "study.toml"
"""What the study file is called in the pods."""


def _without_storage(raw: Mapping[str, Any]) -> str:
    """Write a parsed study file again, without [storage], whichever way that was written."""
    sections = []
    for name, section in raw.items():
        if name != "storage":
            lines = (f"{toml_key(key)} = {toml_value(value)}\n" for key, value in section.items())
            sections.append(f"[{toml_key(name)}]\n{''.join(lines)}")
    return "".join(sections)


def _check_size(contents: Mapping[str, bytes]) -> None:
    total = sum(map(len, contents.values()))
    if total > MOST_BYTES:
        largest = max(contents, key=lambda path: len(contents[path]))
        raise PayoffError(
            f"--on kubernetes: the study's files together must be at most {MOST_BYTES:,} bytes, "
            f"got {total:,}, of them {len(contents[largest]):,} in {largest}; put that on a volume "
            "or into the image, and name it by an absolute path at which every worker finds it"
        )


def _key(place: int, path: str) -> str:
    """Return a key that a ConfigMap may have, unique by the file's place."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", path)[-200:]
    return path if path == STUDY_FILE else f"{place}-{name}"


def _files(contents: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the entries of the ConfigMap: text to be read where that is exact, else base64."""
    texts = {key: text for key, content in contents.items() if (text := _plain(content))}
    if texts:
        yield "data:"
    for key, text in texts.items():
        # The indentation is said: the text's first line may begin with spaces of its own.
        lines = textwrap.indent(text.removesuffix("\n"), "    ", lambda line: line != "\n")
        yield f"  {json.dumps(key)}: |2\n{lines}"
    if len(texts) < len(contents):
        yield "binaryData:"
    for key, content in contents.items():
        if key not in texts:
            yield f"  {json.dumps(key)}: {json.dumps(base64.b64encode(content).decode())}"


def _plain(content: bytes) -> str:
    """Return the text of a file that YAML gives back as it is; empty for others."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ""
    ends_well = text.endswith("\n") and not text.endswith("\n\n") and text.strip()
    return text if ends_well and all(c.isprintable() or c in "\n\t" for c in text) else ""
