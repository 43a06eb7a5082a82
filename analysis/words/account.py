"""What was done to a table, in lines: five before the answer, all of it where it is asked for."""

from __future__ import annotations

from analysis.table.account import Account, LeftOut, TakenFor

_NAMED_FIRST = 3
"""Reasons that the short lines name; ``--explain`` names all."""


def short(account: Account) -> list[str]:
    """Five lines: the file, the rows, the columns, the metric, the runs of one size."""
    return [
        f"read {account.file}: {account.format}" + (", written by payoff" if account.ours else ""),
        _rows(account, _NAMED_FIRST),
        _columns(account),
        _metric(account),
        _curves(account),
    ]


def whole(account: Account) -> list[str]:
    """Everything: a line for each reason and each column, and all notes."""
    first, rows, _, metric, curves = short(account)
    return [
        first,
        rows.partition(";")[0],
        *(f"    left out {_one(out)}" for out in account.left_out),
        "columns:",
        *(f"    {_column(one)}" for one in account.columns),
        metric,
        curves,
        *(f"note: {note}" for note in account.notes),
    ]


def _rows(account: Account, most: int) -> str:
    n_out = sum(one.count for one in account.left_out)
    text = f"rows: {account.rows_used:,} of {account.rows_read:,} used"
    if not n_out:
        return text
    parts = [_one(out) for out in account.left_out[:most]]
    more = len(account.left_out) - most
    if more > 0:
        parts.append(f"{more} more reasons (--explain)")
    return f"{text}; left out {'; '.join(parts)}"


def _one(out: LeftOut) -> str:
    """``3: the run failed (state 'FAILED', row 4, 9, 12)``."""
    shown = [f"{out.column} {out.example!r}"] if out.column and out.example else []
    if out.rows:
        more = ", ..." if out.count > len(out.rows) else ""
        shown.append(f"row {', '.join(map(str, out.rows))}{more}")
    return f"{out.count:,}: {out.reason} ({', '.join(shown)})" if shown else (
        f"{out.count:,}: {out.reason}")  # fmt: skip


def _columns(account: Account) -> str:
    return f"columns: {'; '.join(map(_brief, account.columns)) or 'as payoff names them'}"


def _brief(one: TakenFor) -> str:
    how = f" ({one.read_as})" if one.read_as else ""
    return f"{one.role} = {one.column}{how}"


def _column(one: TakenFor) -> str:
    how = f", written with {one.read_as}" if one.read_as else ""
    return f"{one.column}: {one.role}, by {one.why}{how}"


def _metric(account: Account) -> str:
    error = next((one.column for one in account.columns if one.role == "error"), "the error")
    why = f" ({account.why_better})" if account.why_better else ""
    made = f"; error = {account.transform}" if account.transform else ""
    unit = f"; in {account.unit}" if account.unit else ""
    return f"metric: {account.better} {error} is better{why}{made}{unit}"


def _curves(account: Account) -> str:
    curves = "1 curve" if account.n_curves == 1 else f"{account.n_curves:,} curves"
    return f"runs of one size: {account.replicate or 'replicates'}; {curves}"
