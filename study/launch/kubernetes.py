"""A Kubernetes Job whose pods are workers of a study, as a manifest to read, edit and apply."""

from __future__ import annotations

import re
from pathlib import Path

from study.spec import StudySpec

TEMPLATE = """\
# {workers} workers of the study {study}. Apply with:
#   kubectl create secret generic {name}-storage \\
#     --from-literal=storage='postgresql://USER:PASSWORD@HOST/DB' \\
#     --from-literal=tracking='http://MLFLOW_HOST:5000'
#   kubectl apply -f THIS_FILE
# The addresses live in the secret, never here. Queue the trials, watch, and conclude from any
# machine that reaches both stores:
#   PAYOFF_STORAGE=... PAYOFF_TRACKING=... payoff launch {file} --workers 1
# A pod that is evicted is replaced; what it had in hand is queued again by the others.
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}-study
data:
  study.toml: |
{text}
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
          configMap: {{name: {name}-study}}
        - name: scratch           # finished results wait here while a store is away
          emptyDir: {{}}"""


def manifest(
    spec: StudySpec,
    study_file: str | None,
    *,
    workers: int,
    image: str,
    cpus: float = 1.0,
    gpus: float = 0.0,
    memory_gib: float | None = None,
) -> str:
    """Return the manifest as YAML text; it holds no address and no password.

    Parameters
    ----------
    spec, study_file
        The study, and its file, whose text goes into a ConfigMap.
    workers
        Pods of the indexed Job.
    image
        Container image with payoff and the database's driver.
    cpus, gpus, memory_gib
        What each pod asks for; GPUs are whole.
    """
    name = "payoff-" + (re.sub(r"[^a-z0-9]+", "-", spec.name.lower()).strip("-")[:40] or "study")
    text = Path(study_file).expanduser().read_text(encoding="utf-8") if study_file else (
        f'[study]\nname = "{spec.name}"\n'
    )  # fmt: skip
    lines = [line for line in text.splitlines() if not re.match(r"\s*(optuna|mlflow)\s*=", line)]
    resources = [f"cpu: {cpus:g}"]
    if memory_gib:
        resources.append(f"memory: {memory_gib:g}Gi")
    if gpus:
        resources.append(f"nvidia.com/gpu: {max(1, round(gpus))}")
    return TEMPLATE.format(
        workers=workers,
        study=spec.name,
        name=name,
        file=study_file or "",
        image=image,
        text="\n".join(f"    {line}" for line in lines),
        resources=", ".join(resources),
    )
