"""Losses of unit vectors: against the papers' sums written out, and against Lightly's."""

import math

import pytest
import torch
from torch.nn import functional

from coldstart.ssl.contrast import against_bank, info_nce, nt_xent, unit
from coldstart.ssl.method import Bank
from tests.helpers.cases import lightly


def vectors(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def contrast(query, key, negatives, temperature):
    """-log(exp(q k / t) / (exp(q k / t) + sum_n exp(q n / t))), one number at a time."""
    like = math.exp(float(query @ key) / temperature)
    unlike = sum(math.exp(float(query @ negative) / temperature) for negative in negatives)
    return -math.log(like / (like + unlike))


def test_nt_xent_equals_the_sum_of_the_paper():
    first, second = unit(vectors(5, 4)), unit(vectors(5, 4, seed=1))
    found = nt_xent(first, second, 0.3)
    views = torch.cat([first, second])
    for image in range(5):
        both = []
        for view, other in ((image, image + 5), (image + 5, image)):
            negatives = [views[k] for k in range(10) if k not in (view, other)]
            both.append(contrast(views[view], views[other], negatives, 0.3))
        assert found[image].item() == pytest.approx(sum(both) / 2, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_equals_lightly(temperature):
    losses = lightly()
    criterion = losses.NTXentLoss(temperature=temperature)
    raw = vectors(2, 7, 6).float().requires_grad_()
    ours = nt_xent(*unit(raw.flatten(0, 1)).chunk(2), temperature).mean()
    theirs = criterion(*raw)
    torch.testing.assert_close(ours, theirs)
    mine, other = (torch.autograd.grad(loss, raw)[0] for loss in (ours, theirs))
    torch.testing.assert_close(mine, other)
    assert mine.abs().max() > 1e-3


def test_a_batch_of_one_image_has_nothing_to_contrast():
    """A mistake of a published score: without negatives the loss of every image is zero."""
    for seed in range(4):
        first, second = unit(vectors(2, 1, 8, seed=seed).flatten(0, 1)).chunk(2)
        assert nt_xent(first, second, 0.5).item() == 0


def test_info_nce_equals_the_sum_of_the_paper():
    queries, keys = unit(vectors(4, 3)), unit(vectors(4, 3, seed=1))
    negatives = unit(vectors(9, 3, seed=2))
    found = info_nce(queries, keys, negatives, 0.2)
    expected = [contrast(q, k, negatives, 0.2) for q, k in zip(queries, keys, strict=True)]
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


def test_info_nce_equals_lightly_with_a_memory_bank():
    losses = lightly()
    criterion = losses.NTXentLoss(temperature=0.2, memory_bank_size=(16, 6))
    raw, keys = vectors(5, 6).float().requires_grad_(), vectors(5, 6, seed=1).float()
    criterion(raw.detach(), keys)  # makes the bank
    bank = criterion.memory_bank.bank.clone()
    negatives = bank if bank.shape == (16, 6) else bank.T
    ours = info_nce(unit(raw), unit(keys), negatives, 0.2).mean()
    theirs = criterion(raw, keys)
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(
        torch.autograd.grad(ours, raw), torch.autograd.grad(theirs, raw), strict=True
    ):
        torch.testing.assert_close(mine, other)
        assert mine.abs().max() > 1e-3


def test_small_losses_are_precise():
    queries = unit(vectors(1, 3)).float()
    far = -queries
    loss = info_nce(queries, queries, far, 0.1).item()
    assert loss == pytest.approx(math.exp(-20), rel=1e-4)


def test_bank_loss_is_the_mean_of_both_directions_without_the_image_itself():
    queries, keys = unit(vectors(6, 4)), unit(vectors(6, 4, seed=1))
    bank = Bank(unit(vectors(8, 4, seed=2)), torch.tensor([7, 20, 21, 5, 22, 23, 24, 7]))
    ids = torch.tensor([5, 6, 7])
    found = against_bank(queries, keys, bank, ids, 0.4)
    for image, name in enumerate(ids.tolist()):
        negatives = [k for k, of in zip(bank.keys, bank.ids.tolist(), strict=True) if of != name]
        assert len(negatives) == {5: 7, 6: 8, 7: 6}[name]
        both = [contrast(queries[row], keys[row], negatives, 0.4) for row in (image, image + 3)]
        assert found[image].item() == pytest.approx(sum(both) / 2, rel=1e-9)


@pytest.mark.parametrize("missing", ["bank", "ids"])
def test_missing_bank_is_an_error(missing):
    rows = unit(vectors(2, 4))
    bank = None if missing == "bank" else Bank(rows, torch.tensor([1, 2]))
    ids = None if missing == "ids" else torch.tensor([1])
    with pytest.raises(ValueError, match="set `bank` and pass the ids"):
        against_bank(rows, rows, bank, ids, 0.5)


def test_similarities_are_float32_under_autocast():
    first, second = (unit(vectors(6, 16, seed=seed).float()) for seed in (0, 1))
    with torch.autocast("cpu", torch.bfloat16):
        low = nt_xent(first, second, 0.1), info_nce(first, second, second, 0.1)
    full = nt_xent(first, second, 0.1), info_nce(first, second, second, 0.1)
    for one, other in zip(low, full, strict=True):
        assert torch.equal(one, other)


def test_unit_vectors_are_float32_at_least():
    half = vectors(3, 5).bfloat16()
    assert unit(half).dtype == torch.float32
    torch.testing.assert_close(unit(half).norm(dim=1), torch.ones(3))
    assert unit(vectors(3, 5)).dtype == torch.float64
    torch.testing.assert_close(unit(vectors(3, 5)), functional.normalize(vectors(3, 5), dim=1))
