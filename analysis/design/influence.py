r"""A whole batch at once: as many runs of each cell as its influence on the answer is worth.

Near what is known, the answer is T = t + w' y in what the cells show, and m_c runs of each leave

    Var = sum_c w_c^2 v_c / m_c,    least for   m_c ~ |w_c| sqrt(v_c / cost_c)

at a given cost (Neyman's allocation). The weights w are those of the best linear predictor of the
answer, over the drawn curves, from the runs themselves, so that they change with the runs; two or
three rounds of both settle it. Where little is known this sees further than adding run by run: what
only several cells tell together, none of them tells alone.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
C        cells                                                         scalar
S        covariance of the drawn curves at the cells                   (C, C)
b        covariance of the answer with them                            (C,)
v, cost  variance and cost of one packet of runs                       (C,)
======== ============================================================= ===========
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.design.answers import Answers
from analysis.design.candidates import Candidate
from analysis.table.trials import FloatArray

ROUNDS = 4


def allocated(
    answers: Answers, candidates: Sequence[Candidate], budget: float
) -> list[tuple[Candidate, int]]:
    """Candidates of one curve, and how many packets of each, for at most ``budget``."""
    if not candidates:
        return []
    variance, cost = answers.variance(candidates), np.array([one.cost for one in candidates])
    setup = np.array([one.setup for one in candidates])
    most = np.array([float(one.most) for one in candidates])
    between, with_answer = answers.moments(candidates)
    packets = np.minimum(budget / (len(candidates) * cost), most)
    for _ in range(ROUNDS):
        noise = np.diag(variance / np.maximum(packets, 1e-6))
        weight = np.linalg.solve(between + noise, with_answer)
        packets = _scaled(np.abs(weight) * np.sqrt(variance / cost), cost, most, budget)
    whole = np.floor(packets + 0.5)
    whole[(setup > 0.0) & (whole < 1.0)] = 0.0
    # What is dear is paid for first where its influence is large for its cost.
    order = np.argsort(-packets * cost, kind="stable")
    found, spent = [], 0.0
    for k in order:
        extra = float(setup[k])
        affordable = int((budget * (1 + 1e-9) - spent - extra) // cost[k])
        n = min(int(whole[k]), affordable)
        if n > 0:
            found.append((candidates[k], n))
            spent += n * float(cost[k]) + extra
    return found


def _scaled(wish: FloatArray, cost: FloatArray, most: FloatArray, budget: float) -> FloatArray:
    """(C,) wishes in proportion, at most ``most`` of each, that cost the budget."""
    packets = np.zeros_like(wish)
    free = wish > 0.0
    left = budget
    for _ in range(len(wish)):
        if not free.any():
            break
        packets[free] = wish[free] * (left / float((wish * cost)[free].sum()))
        over = free & (packets > most)
        if not over.any():
            break
        packets[over] = most[over]
        left -= float((packets * cost)[over].sum())
        free &= ~over
        if left <= 0.0:
            packets[free] = 0.0
            break
    return packets
