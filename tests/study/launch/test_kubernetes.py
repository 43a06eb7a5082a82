"""The manifest: an indexed job that holds the study and its files, and no address of a storage."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from search_spaces.errors import PayoffError
from study.cli import main
from study.launch.engines.kubernetes import MOST_BYTES, Kubernetes
from study.spec.study_file import load_spec
from tests.support.studies import start, store_of, write_study
from tests.support.waiting import end_of

yaml = pytest.importorskip("yaml")

ADDRESS = "postgresql://me:sesame@db/payoff"


def written(folder: Path, text: str, **files: str | bytes) -> Path:
    """Write a study file, and files beside it by their relative paths."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    file = folder / "study.toml"
    file.write_text(text)
    return file


def manifest_of(file: Path) -> tuple[str, Any, Any]:
    spec = load_spec(file)
    spec = dataclasses.replace(spec, run=dataclasses.replace(spec.run, workers=7))
    engine = Kubernetes(image="registry/payoff:1", gpus=1, memory_gib=4)
    text = engine.manifest(spec, str(file))
    config, job = yaml.safe_load_all(text)
    return text, config, job


def unpack(config: Any, job: Any, folder: Path) -> Path:
    """Lay the files out as a pod sees them; return the study file."""
    volume = job["spec"]["template"]["spec"]["volumes"][0]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    contents = {key: text.encode() for key, text in config.get("data", {}).items()}
    contents |= {k: base64.b64decode(v) for k, v in config.get("binaryData", {}).items()}
    items = {item["path"]: item["key"] for item in volume["configMap"]["items"]}
    assert sorted(items.values()) == sorted(contents)
    for path, key in items.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(contents[key])
    return folder / "study.toml"


def test_it_is_an_indexed_job_of_the_same_study(tmp_path: Path) -> None:
    write_study(tmp_path, seconds=1, widths=2, draws=2, optuna=ADDRESS)
    file = tmp_path / "study.toml"
    _, config, job = manifest_of(file)
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 7
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": 1, "memory": "4Gi", "nvidia.com/gpu": 1}
    there = load_spec(unpack(config, job, tmp_path / "pod"))
    assert there.digest() == load_spec(file).digest()
    assert (there.storage.optuna, there.storage.mlflow) == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        f'[storage]\noptuna = "{ADDRESS}"\n',
        f'storage.optuna = "{ADDRESS}"\n',
        f'storage = {{ mlflow = "", optuna = "{ADDRESS}" }}\n',
        f'[storage]\n"optuna" = "{ADDRESS}"\n',
        f"[storage]\n'optuna'='{ADDRESS}'\n",
        f'["storage"]\noptuna = """\\\n  {ADDRESS}"""\n',
        f'# optuna was {ADDRESS}\n[study]\nname = "x" # {ADDRESS}\n',
    ],
)
def test_no_way_of_writing_an_address_brings_it_into_the_manifest(
    text: str, tmp_path: Path
) -> None:
    shown, config, job = manifest_of(written(tmp_path, text))
    assert "sesame" not in shown
    there = unpack(config, job, tmp_path / "pod")
    assert load_spec(there).digest() == load_spec(tmp_path / "study.toml").digest()


CODE = """\
import helping.parts

#   odd: lines of spaces, tabs\t, 'quotes', "quotes" and {braces}
   \n\n
def train(config, n_examples, seed):
    return helping.parts.RESULT
"""


def test_code_of_ones_own_goes_along_with_what_it_imports(tmp_path: Path) -> None:
    file = written(
        tmp_path / "here",
        '[training]\nfunction = "code/mine.py:train"\n[space]\nwidth = [2]\n"my axis" = [1, 2]\n',
        **{  # type: ignore[arg-type]
            "code/mine.py": CODE,
            "code/helping/__init__.py": "",
            "code/helping/parts.py": "# -*- coding: latin-1 -*-\nRESULT = '\u00e9'\n".encode(
                "latin-1"
            ),
            "code/unused.py": "",
        },
    )
    _, config, job = manifest_of(file)
    there = unpack(config, job, tmp_path / "pod")
    assert load_spec(there).digest() == load_spec(file).digest()
    names = ("code/mine.py", "code/helping/__init__.py", "code/helping/parts.py")
    for name in names:
        assert (there.parent / name).read_bytes() == (file.parent / name).read_bytes()
    assert not (there.parent / "code/unused.py").exists()


def test_a_table_and_a_module_go_along(tmp_path: Path) -> None:
    rows = "a,b,y\n" + "".join(f"{k},{k % 7},{'pq'[k % 2]}\n" for k in range(400))
    file = written(
        tmp_path / "here",
        '[data]\nname = "table"\nfile = "tables/x.csv"\ntarget = "y"\ntask = "classification"\n'
        'sizes = [40]\n[model]\nfamily = "custom"\nfunction = "nets.small:build"\n',
        **{
            "tables/x.csv": rows.replace("\n", "\r\n"),
            "nets/__init__.py": "\n",
            "nets/small.py": "  # begins with spaces\ndef build(): ...\n",
        },
    )
    _, config, job = manifest_of(file)
    there = unpack(config, job, tmp_path / "pod")
    for name in ("tables/x.csv", "nets/__init__.py", "nets/small.py"):
        assert (there.parent / name).read_bytes() == (file.parent / name).read_bytes()


def test_what_cannot_go_along_is_refused_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outside.py").write_text("def train(config, n_examples, seed): ...\n")
    file = written(
        tmp_path / "a", '[training]\nfunction = "../outside.py:train"\n[space]\nwidth = [2]\n'
    )
    with pytest.raises(PayoffError, match=r"training\.function: must lie below .*absolute path"):
        manifest_of(file)
    (tmp_path / "b" / "images").mkdir(parents=True)
    file = written(tmp_path / "b", '[data]\nname = "MNIST"\nroot = "images"\n')
    with pytest.raises(PayoffError, match=r"data\.root: a folder cannot be handed on"):
        manifest_of(file)
    table = '[data]\nname = "table"\nfile = "x.csv"\ntarget = "y"\ntask = "regression"\n'
    file = written(tmp_path / "c", table, **{"x.csv": b"y" * (MOST_BYTES + 1)})
    assert main(["launch", str(file), "--workers", "2", "--on", "kubernetes"]) == 2
    said = capsys.readouterr()
    assert "got 1,000" in said.err
    assert "in x.csv; put that on a volume" in said.err
    assert said.out == ""


@pytest.mark.slow
@pytest.mark.engine
def test_a_pod_with_nothing_but_the_manifest_works_on_the_study(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/optuna.db"
    write_study(tmp_path, seconds=0, widths=2, draws=1, optuna=database)
    _, config, job = manifest_of(tmp_path / "study.toml")
    pod = unpack(config, job, tmp_path / "pod").parent
    there = {"PAYOFF_STORAGE": database, "PAYOFF_TRACKING": f"sqlite:///{tmp_path}/mlflow.db"}
    early = start(pod, "worker", root="scratch", **there)
    launcher = start(tmp_path, "launch", "--workers", "1", **there)
    for process in (launcher, early):
        end_of(process)
    counts = store_of(tmp_path, database).counts()
    assert counts.finished == counts.total > 0
