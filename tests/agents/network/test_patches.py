"""Squares of images: what lies where, and the adjoint."""

from __future__ import annotations

import pytest
import torch
from agent_toys import SUBSTRATES, make_network

from pib_rl.agents.images import PatchGrid, Pool
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.patches import Grid, Patch

SIZES = [((7, 5, 2), (3, 3, 1)), ((8, 8, 1), (4, 5, 2)), ((6, 9, 3), (2, 4, 3)), ((4, 4, 1), (1, 1, 1))]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("grid", "patch"), SIZES)
def test_a_shared_array_on_squares_is_a_convolution(grid, patch):
    grid, patch = Grid(*grid), Patch(*patch)
    layout, images = PatchGrid(grid, patch), normal(3, grid.features)
    weights = normal(patch.channels, layout.fan_in, seed=1)
    z = (layout.cut(images) @ weights.T).view(3, *layout.after)
    pad = (patch.size - 1) // 2
    right = [(length - 1) // patch.stride * patch.stride - pad + patch.size - length for length in grid[:2]]
    padded = torch.nn.functional.pad(
        images.view(3, *grid).permute(0, 3, 1, 2), (pad, max(0, right[1]), pad, max(0, right[0]))
    )
    kernel = weights.view(patch.channels, patch.size, patch.size, grid.channels).permute(0, 3, 1, 2)
    expected = torch.nn.functional.conv2d(padded, kernel, stride=patch.stride).permute(0, 2, 3, 1)
    torch.testing.assert_close(z, expected[:, : layout.after.height, : layout.after.width])


@pytest.mark.parametrize(("grid", "patch"), SIZES)
def test_join_is_the_adjoint_of_cut(grid, patch):
    layout = PatchGrid(Grid(*grid), Patch(*patch))
    images, squares = normal(4, layout.grid.features), normal(4 * layout.positions, layout.fan_in, seed=2)
    torch.testing.assert_close((layout.cut(images) * squares).sum(), (images * layout.join(squares)).sum())


@pytest.mark.parametrize(
    ("grid", "size"), [((4, 6, 2), 2), ((7, 5, 3), 2), ((3, 8, 1), 3), ((4, 4, 2), 1), ((2, 3, 2), 9)]
)
def test_a_pool_holds_the_means_of_tiles_and_sends_them_back(grid, size):
    grid = Grid(*grid)
    pool, images = Pool(grid, size), normal(3, grid.features)
    expected = torch.nn.functional.avg_pool2d(images.view(3, *grid).permute(0, 3, 1, 2), size, ceil_mode=True)
    cells = pool.down(images)
    torch.testing.assert_close(cells, expected.permute(0, 2, 3, 1).reshape(3, -1))
    back = normal(3, cells.shape[1], seed=3)
    torch.testing.assert_close((cells * back).sum(), (images * pool.up(back)).sum())


def test_squares_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="size of a patch must be 1 or more, got 0"):
        PatchGrid(Grid(4, 4), Patch(2, 0, 1))
    with pytest.raises(ValueError, match="a patch of 5 pixels does not fit an image of 4 x 9"):
        PatchGrid(Grid(4, 9), Patch(2, 5, 1))
    with pytest.raises(ValueError, match="pool must be a whole number, 1 or more, got 0"):
        Pool(Grid(4, 4), 0)
    with pytest.raises(ValueError, match="patches need an image of 16 features, got None"):
        make_network("digital", 16, 4, 1, patches=[Patch(2, 3, 1)])


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_every_square_is_a_measurement_and_the_array_is_written_once(hw):
    network = make_network(
        hw, 36, 5, 1, objective="ridge", target_features=3, patches=[Patch(4, 3, 2), Patch(6, 3, 1)], image=Grid(6, 6)
    )
    x = normal(10, 36).float()
    start = network.meter.totals()["measurements"]
    seen = network.measure(x)
    assert network.meter.totals()["measurements"] - start == 10 * (9 + 9 + 1)
    assert [tuple(z.shape) for z in seen.z] == [(10, 36), (10, 54), (10, 5)]
    assert seen.taps.shape == (10, network.tap_features)
    media = [*(unit.medium for unit in network.chain[1:]), network.last]
    assert network.tap_features == sum(medium.out_features for medium in media)
    target = Target(torch.nn.functional.one_hot(torch.arange(10) % 3, 3).float(), classes=True)
    before = [unit.array.weights().clone() for unit in network.chain]
    network.update_units(seen, target, 1e-2, 0.1)
    assert network.meter.totals()["writes"] == sum(unit.array.devices for unit in network.chain)
    assert all((was != unit.array.weights()).any() for was, unit in zip(before, network.chain, strict=True))


def test_objectives_of_patch_units_know_their_image_and_others_have_none():
    network = make_network(
        "digital",
        36,
        5,
        2,
        objective="ridge",
        target_features=3,
        image=Grid(6, 6),
        patches=[Patch(4, 3, 2), Patch(6, 3, 1)],
    )
    pools = [unit.objective.saturation.pool for unit in network.chain]
    assert [(pool.grid, pool.size) for pool in pools[:2]] == [(Grid(3, 3, 4), 2), (Grid(3, 3, 6), 2)]
    assert pools[2:] == [None, None]
    network = make_network(
        "digital", 36, 5, 1, objective="ridge", image=Grid(6, 6), patches=[Patch(4, 3, 2)], options={"pool": 1}
    )
    assert network.chain[0].objective.saturation.pool is None


def test_the_gradient_by_a_shared_array_is_that_of_the_whole_unit():
    network = make_network(
        "digital", 36, 5, 1, objective="ridge", target_features=3, patches=[Patch(4, 3, 2)], image=Grid(6, 6)
    ).double()
    unit, x = network.chain[0], normal(12, 36)
    target = Target(torch.nn.functional.one_hot(torch.arange(12) % 3, 3).double(), classes=True)
    h = unit.medium.measure(unit.inputs(x))
    found = unit.outer(unit.objective(unit.measure(h), target).gradient, h)
    for row, column in ((0, 0), (3, 8), (1, 4)):
        losses = []
        for step in (1e-6, -2e-6):
            unit.array.weight[row, column] += step
            losses.append(unit.objective(unit.measure(h), target).loss)
        unit.array.weight[row, column] += 1e-6
        torch.testing.assert_close(found[row, column], (losses[0] - losses[1]) / 2e-6, rtol=1e-4, atol=1e-8)


def test_channels_share_their_statistics_over_all_positions():
    model = PhysicalModel(ChipConfig(width=4, units=1, patches=[Patch(2, 3, 2)], image=Grid(6, 6)), 36, 3)
    model.fit_statistics(normal(400, 36).float() + 1)
    unit = model.network.chain[0]
    assert unit.control.mean.shape == (1, 2)
    z = model.network.measure(model.inputs(normal(400, 36).float() + 1)).z[0]
    torch.testing.assert_close(unit.control.mean[0], z.view(-1, 2).mean(0), rtol=0.05, atol=0.05)
    torch.testing.assert_close(
        unit.control.drive(z), unit.control.gain * (unit.control.standard(z) + unit.control.shift.repeat(1, 9))
    )
