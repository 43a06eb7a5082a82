"""Your own data: a function that returns arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from study.data.arrays import as_column, as_inputs, as_targets
from study.data.dataset import Examples, Loader
from study.data.labels import encode_labels
from study.errors import DataError
from study.user_code import check_reference, describe_failure, load_function

if TYPE_CHECKING:
    from study.data.source import DataSource

KEY = "data.function"


def load(source: DataSource, base: Path, cache: Path | None) -> Examples:
    """Call the function; it must return the same arrays each time, in each process."""
    function = load_function(source.function, KEY, base)
    try:
        found = function()
    except Exception as error:
        raise DataError(describe_failure(KEY, source.function, error)) from error
    if not isinstance(found, tuple | list) or len(found) not in (2, 4):
        given = f"{len(found)} values" if isinstance(found, tuple | list) else type(found).__name__
        raise DataError(
            f"{KEY}: must return x, y or x, y, x_test, y_test, got {given}; change what "
            f"{source.function} returns"
        )
    return from_arrays(source, KEY, *(_plain(part) for part in found))


def from_arrays(
    source: DataSource, key: str, x: Any, y: Any, x_test: Any = None, y_test: Any = None
) -> Examples:
    """Check arrays made by a program; labels that are numbers must run from 0."""
    inputs = as_inputs(x, f"{key} (x)")
    tests = None if x_test is None else as_inputs(x_test, f"{key} (x_test)")
    if tests is not None and tests.shape[1:] != inputs.shape[1:]:
        raise DataError(
            f"{key} (x_test): examples must have the shape of x, {inputs.shape[1:]}, got "
            f"{tests.shape[1:]}; reshape it"
        )
    return examples_of(
        source.task, inputs, y, tests, y_test, (f"{key} (y)", f"{key} (y_test)"), in_range=True
    )


def examples_of(
    task: str,
    x: npt.NDArray[np.float32],
    y: Any,
    x_test: npt.NDArray[np.float32] | None,
    y_test: Any,
    keys: tuple[str, str],
    *,
    in_range: bool,
) -> Examples:
    """Check targets, or number labels; ``keys`` are what messages call those of each part."""
    if task == "regression":
        return Examples(
            x=x,
            y=as_targets(y, len(x), keys[0]),
            x_test=x_test,
            y_test=None if x_test is None else as_targets(y_test, len(x_test), keys[1]),
            task="regression",
        )
    labels, test_labels, classes = encode_labels(
        as_column(y, len(x), keys[0]),
        None if x_test is None else as_column(y_test, len(x_test), keys[1]),
        keys[0],
        in_range=in_range,
    )
    return Examples(
        x=x, y=labels, x_test=x_test, y_test=test_labels, task="classification", classes=classes
    )


def _plain(part: Any) -> Any:
    """Take a tensor off its graph and device; leave anything else."""
    return part.detach().cpu().numpy() if hasattr(part, "detach") else part


LOADER = Loader(
    load=load,
    uses=frozenset({"function", "task"}),
    requires=frozenset({"function", "task"}),
    check=lambda source, base: (
        check_reference(source.function, KEY, base) if source.function else []
    ),
    words="your own",
    phrase=lambda source: source.function,
)
