"""What taps say of neighbouring pixels."""

from __future__ import annotations

import re

import pytest
import torch
from script_loader import load_script

side_by_side = load_script("side_by_side")


@pytest.fixture
def images():
    return (torch.rand(400, 5, 6, 2, generator=torch.Generator().manual_seed(0)) < 0.3).float()


def test_questions_are_whether_two_neighbours_are_lit(images):
    wanted = side_by_side.questions(images, 0)
    assert wanted.shape == (400, side_by_side.QUESTIONS)
    assert torch.equal(side_by_side.questions(images, 0), wanted)
    lit = images.flatten(1)
    pairs = (lit[:, :, None] * lit[:, None]).flatten(1)
    for answer in wanted.T:
        assert (pairs == answer[:, None]).all(0).any()
        assert not (lit == answer[:, None]).all(0).any()


def test_explained_is_one_where_features_hold_it_and_none_where_they_are_noise(images):
    wanted = side_by_side.questions(images, 0)
    assert side_by_side.explained(torch.cat([wanted, images.flatten(1)], 1), wanted) > 0.99
    assert side_by_side.explained(torch.randn(400, 20, generator=torch.Generator().manual_seed(1)), wanted) < 0.02


def test_what_shows_no_images_is_told(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["side_by_side.py", "CartPole-v1"])
    with pytest.raises(SystemExit) as stopped:
        side_by_side.main()
    assert stopped.value.code == 2
    found = capsys.readouterr().err
    assert re.search(r"error: expected images and discrete actions, got Box.*of CartPole-v1", found)


@pytest.mark.parametrize("lit", [0.0, 0.4, 1.0])
def test_images_on_which_no_pixel_changes_are_told(lit):
    with pytest.raises(ValueError, match="expected images of pixels that are lit"):
        side_by_side.questions(torch.full((20, 5, 5, 1), lit), 0)
