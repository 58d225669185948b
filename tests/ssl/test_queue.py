import torch
from torch.nn import functional

from coldstart.ssl.queue import Queue
from tests.helpers.cases import lightly


def keys(*numbers):
    """Rows that are told apart by their first value."""
    return torch.tensor([[float(number), 0.0] for number in numbers])


def content(queue):
    return queue.keys[:, 0].tolist()


def test_queue_starts_with_unit_vectors_and_is_filled_from_the_front():
    queue = Queue(5, 2)
    torch.testing.assert_close(queue.keys.norm(dim=1), torch.ones(5))
    rest = content(queue)[2:]
    queue.put(keys(1, 2))
    assert content(queue) == [1, 2, *rest]


def test_oldest_keys_are_replaced_first_around_the_end():
    queue = Queue(5, 2)
    queue.put(keys(1, 2, 3))
    queue.put(keys(4, 5, 6))
    assert content(queue) == [6, 2, 3, 4, 5]
    queue.put(keys(7, 8, 9))
    assert content(queue) == [6, 7, 8, 9, 5]
    assert queue.place == 4


def test_more_keys_than_places_equal_adding_them_one_by_one():
    at_once, one_by_one = Queue(5, 2), Queue(5, 2)
    for queue in (at_once, one_by_one):
        queue.put(keys(1, 2))
    at_once.put(keys(*range(10, 23)))
    for number in range(10, 23):
        one_by_one.put(keys(number))
    assert content(at_once) == content(one_by_one)
    assert at_once.place == one_by_one.place == 0
    at_once.put(keys(30))
    assert content(at_once) == [30, 19, 20, 21, 22]


def test_snapshot_is_unchanged_by_later_keys():
    queue = Queue(3, 2)
    before = queue.snapshot()
    kept = before.clone()
    queue.put(keys(1, 2))
    assert torch.equal(before, kept)


def test_keys_keep_no_gradient():
    queue = Queue(3, 2)
    queue.put(keys(1, 2).requires_grad_())
    assert not queue.keys.requires_grad


def test_state_of_the_queue_is_complete():
    queue, other = Queue(4, 2), Queue(4, 2)
    queue.put(keys(1, 2, 3))
    other.load_state_dict(queue.state_dict())
    for one in (queue, other):
        one.put(keys(4, 5))
    assert content(queue) == content(other) == [5, 2, 3, 4]


def test_queue_equals_the_memory_bank_of_lightly():
    modules = lightly("lightly.models.modules")
    bank = modules.memory_bank.MemoryBankModule(size=(12, 3))
    queue = Queue(12, 3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):  # whole batches: Lightly cuts one that reaches over the end
        batch = functional.normalize(torch.randn(4, 3, generator=generator), dim=1)
        bank(batch, update=True)
        queue.put(batch)
    theirs = bank.bank if bank.bank.shape == (12, 3) else bank.bank.T
    torch.testing.assert_close(queue.keys, theirs)
