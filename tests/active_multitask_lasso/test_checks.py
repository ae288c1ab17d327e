import numpy as np
import pytest

from sims.active_multitask_lasso import random_instance
from sims.active_multitask_lasso.checks import checked_counts, checked_heads, rank_of


@pytest.mark.parametrize(("gap", "rank"), [(1.0, 2), (1e-3, 2), (1e-7, 2), (1e-12, 2), (1e-17, 1)])
def test_rank_of_nearly_parallel_tasks(gap, rank):
    assert rank_of(np.array([[1.0, 1.0, 0.5], [1.0, 1.0 + gap, 0.5]])) == rank


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_lengths_of_columns_do_not_decide_the_rank(scale):
    heads = random_instance(12, 4, 0).heads
    heads[:, 4:] *= scale
    assert rank_of(heads) == 4
    heads[3] = heads[0] + heads[1]
    assert rank_of(heads) == 3


def test_inputs_are_neither_changed_nor_shared():
    heads = [[1, 2], [3, 4]]
    assert checked_heads(heads).dtype == np.float64
    counts = np.array([1.0, 2.0])
    checked_counts(counts, 2)[0] = 7
    assert counts[0] == 1
    assert checked_counts(3, 2).tolist() == [3.0, 3.0]
