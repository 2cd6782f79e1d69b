"""Units that would lose what they know stay as they are; units that gain are left alone."""

from __future__ import annotations

import pytest
import torch

from pib_rl.agents.learners.safeguard import RIDGE, Safeguard, left_out
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.objectives.target import Target

N, D = 512, 12


def make(chips: int = 1, hw: str = "digital") -> tuple[PhysicalModel, Safeguard, torch.Tensor, Target]:
    """A model with a safeguard, and samples whose target its units know well."""
    chip = ChipConfig(hw=hw, width=32, units=1, seed=3, chips=chips)
    model = PhysicalModel(chip, D, 3, target_features=2)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(N, D, generator=generator)
    y = torch.stack([x[:, :3].sum(1), x[:, 3] - x[:, 4]], 1)
    model.fit_statistics(x if chips == 1 else x.expand(chips, N, D))
    return model, Safeguard(model.network.chain, 2), model.inputs(x), Target(y, (1, 1))


def spoil(model: PhysicalModel, size: float, chip: int | None = None) -> None:
    """One step that takes from every unit a part of its weights, and so of what it knows."""
    for unit in model.network.chain:
        unit.begin()
        change = -size * unit.array.weights()
        change[..., ::2, :] = 0  # all outputs alike smaller would lose nothing
        if chip is not None:
            change = change * (torch.arange(len(change)) == chip)[:, None, None]
        change = change * unit.freedom
        unit.array.program(change)
        unit._asked = change


def knows(guard: Safeguard, model: PhysicalModel, inputs: torch.Tensor, target: Target) -> torch.Tensor:
    """Unexplained variance of both targets, per unit."""
    return torch.stack([one.sum(0).mean(-1) for one in guard.losses(model.network.measure(inputs), target)])


def rounds(count: int, guarded: bool, size: float = 0.5, hw: str = "digital") -> tuple[float, float, PhysicalModel]:
    model, guard, inputs, target = make(hw=hw)
    first = knows(guard, model, inputs, target)
    for _ in range(count):
        before = guard.losses(model.network.measure(inputs), target)
        spoil(model, size)
        if guarded:
            guard.judge(before, guard.losses(model.network.measure(inputs), target))
    return float(first.mean()), float(knows(guard, model, inputs, target).mean()), model


@pytest.mark.parametrize(("hw", "bound"), [("digital", 0.5), ("memristive", 0.5), ("optical", 0.7)])
def test_units_that_can_only_lose_come_to_rest_near_where_they_were(hw, bound):
    first, spoilt, _ = rounds(20, guarded=False, hw=hw)
    again, kept, model = rounds(20, guarded=True, hw=hw)
    assert again == pytest.approx(first, rel=0.05)
    assert spoilt > first + 0.15
    assert kept < first + bound * (spoilt - first)
    assert all(unit.freedom.item() < 0.3 for unit in model.network.chain)


def test_a_loss_too_small_to_be_seen_at_once_is_seen_after_some_rollouts():
    model, guard, *_ = make()
    noise = torch.Generator().manual_seed(5)
    base = [torch.rand(2, N, generator=noise) for _ in model.network.chain]
    alarms = []
    for _ in range(100):
        after = [one + 0.003 + 0.05 * torch.randn(2, N, generator=noise) for one in base]
        alarms.append(guard.judge(base, after).any().item())
    assert not any(alarms[:3])
    assert any(alarms)


def test_units_that_gain_or_stand_still_keep_their_freedom():
    model, guard, *_ = make()
    noise = torch.Generator().manual_seed(6)
    alarms = 0
    for _ in range(100):
        base = [torch.rand(2, N, generator=noise) for _ in model.network.chain]
        after = [one - 0.002 + 0.05 * torch.randn(2, N, generator=noise) for one in base]
        alarms += int(guard.judge(base, after).sum())
    assert alarms <= 6
    assert all(unit.freedom.item() > 0.5 for unit in model.network.chain)


def test_freedom_comes_back_once_nothing_is_lost():
    model, guard, *_ = make()
    for unit in model.network.chain:
        unit.freedom.fill_(0.5)
    still = [torch.rand(2, N, generator=torch.Generator().manual_seed(7)) for _ in model.network.chain]
    for _ in range(80):
        guard.judge(still, [one - 1e-3 for one in still])
    assert all(unit.freedom.item() == 1 for unit in model.network.chain)


def test_only_the_chip_that_lost_is_taken_back():
    model, guard, inputs, target = make(chips=3)
    weights = [unit.array.weights().clone() for unit in model.network.chain]
    before = guard.losses(model.network.measure(inputs), target)
    spoil(model, 0.9, chip=1)
    alarm = guard.judge(before, guard.losses(model.network.measure(inputs), target))
    assert alarm[0, 1]
    assert not alarm[:, [0, 2]].any()
    first = model.network.chain[0]
    torch.testing.assert_close(first.array.weights(), weights[0], rtol=1e-5, atol=1e-6)
    assert first.freedom.flatten().tolist() == [1.0, 0.5, 1.0]


def test_left_out_residuals_are_those_of_fits_without_each_sample():
    generator = torch.Generator().manual_seed(2)
    code, y = (torch.randn(12, size, generator=generator, dtype=torch.float64) for size in (4, 2))
    penalty = RIDGE * len(code) * code.square().mean()
    for index, found in enumerate(left_out(code, y)):
        rest = torch.arange(12) != index
        square = code[rest].T @ code[rest] + penalty * torch.eye(4, dtype=torch.float64)
        wanted = y[index] - code[index] @ torch.linalg.solve(square, code[rest].T @ y[rest])
        torch.testing.assert_close(found.abs(), wanted.abs())
