"""Views: what they change, what they leave, and that every sample has draws of its own."""

from __future__ import annotations

import pytest
import torch

from pib_rl.agents.estimators.samples.views import make_views
from pib_rl.agents.patches import Grid
from pib_rl.common.streams import Streams

STILL = {"shift": 0.0, "turn": 0.0, "scale": 0.0, "shear": 0.0, "bend": 0.0}
GRID = Grid(12, 16)


def blob(grid: Grid, row: float, column: float, n: int = 400) -> torch.Tensor:
    """n images of one soft dot on dark ground of 7."""
    down, across = torch.arange(grid.height)[:, None] - row, torch.arange(grid.width)[None] - column
    dot = 100 * torch.exp(-(down**2 + across**2) / 4.5)
    return 7 + dot[..., None].expand(-1, -1, grid.channels).reshape(1, -1).repeat(n, 1)


def centres(images: torch.Tensor, grid: Grid) -> tuple[torch.Tensor, torch.Tensor]:
    mass = images.view(len(images), grid.height, grid.width, grid.channels).sum(3)
    mass = mass - mass.amin((1, 2), keepdim=True)
    total = mass.sum((1, 2))
    down, across = mass.sum(2) * torch.arange(grid.height), mass.sum(1) * torch.arange(grid.width)
    return down.sum(1) / total, across.sum(1) / total


@pytest.mark.parametrize("grid", [GRID, Grid(12, 16, 3)])
def test_nothing_to_change_leaves_the_image(grid):
    x = torch.rand(5, grid.features, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(make_views(grid, STILL)(x, Streams(0)), x, atol=1e-5, rtol=0)


def test_shifts_are_shares_of_the_sides_and_differ_from_image_to_image():
    rows, columns = centres(make_views(GRID, STILL | {"shift": 0.125})(blob(GRID, 5.5, 7.5), Streams(0)), GRID)
    for places, middle, most in ((rows, 5.5, 1.5), (columns, 7.5, 2.0)):
        assert (places - middle).abs().max() < most + 0.1
        assert places.std() == pytest.approx(most / 3**0.5, rel=0.15)  # uniform within the bounds
    assert torch.corrcoef(torch.stack([rows, columns]))[0, 1].abs() < 0.2


@pytest.mark.parametrize(("change", "moved"), [({"turn": 20.0}, 0.5), ({"scale": 0.3}, 0.5), ({"shear": 0.4}, 0.5)])
def test_the_middle_stays_where_it_is_and_the_rim_moves(change, moved):
    square = Grid(16, 16)
    views = make_views(square, STILL | change)
    for place in centres(views(blob(square, 7.5, 7.5), Streams(0)), square):
        assert (place - 7.5).abs().max() < 0.1
    rim = centres(views(blob(square, 2.5, 7.5), Streams(0)), square)
    assert max((place - middle).abs().max() for place, middle in zip(rim, (2.5, 7.5), strict=True)) > moved


def test_turns_are_angles_whatever_the_shape_of_the_image():
    wide = Grid(16, 64)
    views = make_views(wide, STILL | {"turn": 20.0})
    down, right = (
        torch.stack(centres(views(blob(wide, *place), Streams(0)), wide)) for place in ((3.5, 31.5), (7.5, 43.5))
    )
    for moved, radius in ((down, 4.0), (right, 12.0)):
        gap = (moved - torch.tensor([[7.5], [31.5]])).norm(dim=0)
        assert (gap - radius).abs().max() < 0.2  # nothing but turned
    assert (down[1] - 31.5).abs().max() == pytest.approx(4 * 0.342, abs=0.15)  # sin 20 degrees
    assert (right[0] - 7.5).abs().max() == pytest.approx(12 * 0.342, abs=0.3)


def test_a_bend_moves_places_by_its_deviation_each_in_its_own_direction():
    square = Grid(28, 28)
    views = make_views(square, STILL | {"bend": 0.05})
    ends = [centres(views(blob(square, row, 13.5), Streams(0)), square)[0] - row for row in (4.5, 22.5)]
    for moved in ends:
        assert 0.4 < moved.std() < 1.6  # 0.05 sides of 28 pixels are 1.4, less what a dot of this size averages
    assert torch.corrcoef(torch.stack(ends))[0, 1].abs() < 0.2


def test_what_comes_in_has_the_smallest_value_of_the_image_and_so_have_dropped_pixels():
    view = make_views(GRID, STILL | {"shift": 1.0, "drop": 0.5})(blob(GRID, 5.5, 7.5), Streams(0))
    assert view.min() == pytest.approx(7, abs=1e-3)
    plain = make_views(GRID, STILL | {"drop": 0.25})(blob(GRID, 5.5, 7.5), Streams(0))
    bright = blob(GRID, 5.5, 7.5) > 8
    assert (plain[bright] < 7.01).float().mean() == pytest.approx(0.25, abs=0.02)


def test_noise_is_relative_to_the_pixels_and_features():
    x = 5 * torch.randn(4000, GRID.features, generator=torch.Generator().manual_seed(1))
    extra = make_views(GRID, STILL | {"noise": 0.2})(x, Streams(0)) - x
    assert extra.std() == pytest.approx(1.0, rel=0.02)
    x = torch.randn(4000, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([1.0, 10.0, 0.0])
    spread = (make_views(None, {"swap": 0.0, "noise": 0.5})(x, Streams(0)) - x).std(0)
    torch.testing.assert_close(spread, torch.tensor([0.5, 5.0, 0.0]), rtol=0.05, atol=1e-6)


def test_swapped_features_come_from_other_samples_of_the_same_feature():
    x = torch.arange(3000.0)[:, None] + torch.tensor([0.0, 1e4])
    view = make_views(None, {"swap": 0.3, "noise": 0.0})(x, Streams(0))
    swapped = view != x
    assert swapped.float().mean(0).tolist() == pytest.approx([0.3, 0.3], abs=0.03)
    assert ((view >= x[0]) & (view <= x[-1])).all()
    assert not torch.equal(swapped[:, 0], swapped[:, 1])
    assert len(view[swapped[:, 0], 0].unique()) > 600  # each from a sample of its own


def test_views_are_repeatable_and_differ_from_call_to_call():
    x, views = blob(GRID, 5.5, 7.5, 3), make_views(GRID, {})
    streams, same = Streams(4), Streams(4)
    first = views(x, streams)
    assert torch.equal(first, views(x, same))
    assert not torch.allclose(first, views(x, streams))


def test_strength_multiplies_every_change():
    x = torch.rand(6, GRID.features, generator=torch.Generator().manual_seed(0))
    sizes = {"shift": 0.1, "turn": 20.0, "scale": 0.2, "shear": 0.3, "bend": 0.05, "drop": 0.4, "noise": 0.6}
    half = make_views(GRID, sizes | {"strength": 0.5})(x, Streams(0))
    assert torch.equal(half, make_views(GRID, {name: size / 2 for name, size in sizes.items()})(x, Streams(0)))
    torch.testing.assert_close(make_views(GRID, {"strength": 0.0})(x, Streams(0)), x, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (GRID, {"swap": 0.1}, "a view of images has no option 'swap'"),
        (None, {"bend": 0.1}, "a view of vectors has no option 'bend'"),
        (GRID, {"bend": -0.1}, "bend must be 0 or more"),
        (GRID, {"drop": 1.1}, "drop must be in 0..1"),
        (GRID, {"scale": 1.0}, r"scale must be in 0..1 \(1 excluded\)"),
        (GRID, {"strength": -1.0}, "strength must be 0 or more"),
        (GRID, {"strength": 30.0}, "strength times scale must be in 0..1, got 30"),
        (GRID, {"strength": 3.0, "drop": 0.5}, r"strength times drop must be in 0..1, got 3\.0 times 0\.5"),
        (None, {"swap": float("nan")}, "swap must be a finite number"),
    ],
)
def test_settings_out_of_range_are_named(image, options, words):
    with pytest.raises(ValueError, match=words):
        make_views(image, options)
