"""Advantages by hand: what an end of either kind cuts, and where the value of the last state counts."""

from __future__ import annotations

import pytest
import torch

from pib_rl.agents.rule.rollout import advantages

GAMMA, LAM = 0.5, 0.8


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None]


def estimate(terminated: float, truncated: float) -> list[float]:
    """Three steps; the middle one ends as given. Its own next state is worth 10, the next episode's first 3."""
    return (
        advantages(
            column(1.0, 2.0, 4.0),
            column(0.5, 1.0, 3.0),
            column(1.0, 10.0, 6.0),
            column(0.0, terminated, 0.0),
            column(0.0, truncated, 0.0),
            GAMMA,
            LAM,
        )
        .squeeze(1)
        .tolist()
    )


# delta_0 = 1 + .5 * 1 - .5 = 1, delta_2 = 4 + .5 * 6 - 3 = 4 always; gamma lam = 0.4
@pytest.mark.parametrize(
    ("terminated", "truncated", "expected"),
    [
        (0.0, 0.0, [1 + 0.4 * (6 + 0.4 * 4), 6 + 0.4 * 4, 4]),  # delta_1 = 2 + .5 * 10 - 1 = 6
        (1.0, 0.0, [1 + 0.4 * 1, 1, 4]),  # delta_1 = 2 - 1: the task is over, nothing follows
        (0.0, 1.0, [1 + 0.4 * 6, 6, 4]),  # delta_1 = 6: the value of the cut-off state counts, the sum is cut
        (1.0, 1.0, [1 + 0.4 * 1, 1, 4]),  # the task ended it: the clock does not matter
    ],
    ids=["neither", "terminated", "truncated", "both"],
)
def test_ends_by_hand(terminated, truncated, expected):
    assert estimate(terminated, truncated) == pytest.approx(expected)


def test_lambda_zero_is_the_one_step_error_and_lambda_one_the_return():
    rewards, values, none = column(1.0, 2.0, 3.0), column(4.0, 5.0, 6.0), torch.zeros(3, 1)
    following = column(5.0, 6.0, 7.0)
    short = advantages(rewards, values, following, none, none, 0.5, 0.0).squeeze(1)
    assert short.tolist() == pytest.approx([1 + 2.5 - 4, 2 + 3 - 5, 3 + 3.5 - 6])
    full = (advantages(rewards, values, following, none, none, 0.5, 1.0) + values).squeeze(1)
    assert full.tolist() == pytest.approx([1 + 1 + 0.75 + 7 / 8, 2 + 1.5 + 7 / 4, 3 + 3.5])


def test_environments_do_not_mix():
    generator = torch.Generator().manual_seed(0)
    arguments = [torch.rand(6, 3, generator=generator) for _ in range(3)]
    arguments += [(torch.rand(6, 3, generator=generator) < 0.3).float() for _ in range(2)]
    together = advantages(*arguments, 0.9, 0.95)
    for env in range(3):
        alone = advantages(*(value[:, env : env + 1] for value in arguments), 0.9, 0.95)
        assert torch.equal(together[:, env : env + 1], alone)


def test_inputs_are_left_alone():
    arguments = [torch.ones(4, 2) for _ in range(5)]
    advantages(*arguments, 0.9, 0.95)
    assert all(torch.equal(value, torch.ones(4, 2)) for value in arguments)
