from __future__ import annotations

import pytest
from torch import nn

from study.models.registry import FAMILIES, build_model
from study.models.weights import weights_of


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_the_matrices_and_kernels_only(family: str) -> None:
    model = build_model(
        family, width=8, depth=1, dropout=0, input_shape=(1, 8, 8), n_outputs=10, seed=0
    )
    expected = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }

    assert set(weights_of(model)) == expected


def test_two_dimensional_normalisation_and_embeddings_are_spared() -> None:
    model = nn.ModuleDict(
        {"norm": nn.LayerNorm((3, 4)), "embedding": nn.Embedding(5, 3), "gru": nn.GRU(2, 3)}
    )

    assert set(weights_of(model)) == {"gru.weight_ih_l0", "gru.weight_hh_l0"}


def test_a_shared_weight_counts_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight

    assert list(weights_of(model)) == ["0.weight"]


def test_a_weight_tied_to_an_embedding_is_spared() -> None:
    embedding, head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    head.weight = embedding.weight

    assert weights_of(nn.Sequential(head, embedding)) == {}
