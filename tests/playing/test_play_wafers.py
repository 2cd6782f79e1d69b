"""python -m pib_rl.play RUN --chip K: the chips of a wafer, one at a time."""

from __future__ import annotations

import pytest
import torch

from pib_rl import play, train
from pib_rl.cli.cli import UserError
from pib_rl.training.load import load

pytestmark = pytest.mark.usefixtures("few_steps")

TINY = ["CartPole-v1", "--hw", "memristive", "--width", "4", "--n-envs", "4", "--n-steps", "32", "--timesteps", "256"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "wafer"
    train.main([*TINY, "--chips", "3", "--seed", "5", "--eval-episodes", "2", "--no-progress", "--out", str(path)])
    return path


@pytest.fixture
def played(monkeypatch):
    """Policies that were played."""
    seen = []

    def watched(folder, name, chip):
        model, task = load(folder, name, chip)
        seen.append(model.policy)
        return model, task

    monkeypatch.setattr("pib_rl.training.load.load", watched)
    return seen


def test_every_chip_plays_by_itself_and_the_first_one_by_default(folder, played, capsys):
    for arguments in ([], ["--chip", "0"], ["--chip", "2"], ["--chip", "2", "--best"]):
        play.main([str(folder), "--steps", "30", "--no-progress", *arguments])
        assert "returns: " in capsys.readouterr().out
    assert [policy.model.chip.seed for policy in played] == [5, 5, 7, 7]
    assert [policy.model.chip.chips for policy in played] == [1, 1, 1, 1]
    first, same, other, _ = (policy.model.network.chain[0].array.weights() for policy in played)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_picture_of_a_chip_and_a_chip_that_breaks(folder):
    play.main(
        [str(folder), "--chip", "1", "--steps", "5", "--fault", "stuck:0.3@2", "--render", "png", "--no-progress"]
    )
    assert (folder / "play.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("chip", ["3", "-1"])
def test_a_chip_that_is_not_there_is_one_line(folder, chip):
    with pytest.raises(UserError, match=rf"--chip must be in 0\.\.2, the chips of .*, got {chip}$"):
        play.main([str(folder), "--chip", chip, "--no-progress"])
