"""Action heads: distributions against torch's, gradients against automatic differentiation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.distributions import Bernoulli, Categorical, Normal

from pib_rl.agents.heads import BernoulliHead, DiscreteHead, GaussianHead, ProductHead, make_head
from pib_rl.agents.network.optimisers import Adam
from pib_rl.common.streams import Streams

N = 12


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def discrete():
    logits, actions = normal(N, 4), torch.arange(N) % 4
    return DiscreteHead(4), logits, actions, lambda p: Categorical(logits=p)


@pytest.fixture
def continuous():
    head = GaussianHead(3).double()
    head.log_std.copy_(torch.tensor([-0.5, 0.2, -1.0]))
    return head, normal(N, 3), normal(N, 3, seed=1), lambda p: Normal(p, head.log_std.exp())


class Categoricals:
    """Independent choices among 2, 4 and 3."""

    def __init__(self, logits):
        self.parts = [Categorical(logits=part) for part in logits.split([2, 4, 3], 1)]

    def log_prob(self, actions):
        return torch.stack([part.log_prob(own) for part, own in zip(self.parts, actions.T, strict=True)], 1)

    def entropy(self):
        return torch.stack([part.entropy() for part in self.parts], 1)


@pytest.fixture
def product():
    actions = torch.stack([torch.arange(N) % size for size in (2, 4, 3)], 1)
    return ProductHead([2, 4, 3]).double(), normal(N, 9), actions, Categoricals


class Bernoullis(Bernoulli):
    """Bits with these logits."""

    def __init__(self, logits):
        super().__init__(logits=logits)

    def log_prob(self, actions):
        return super().log_prob(actions.double())


@pytest.fixture
def bernoulli():
    return BernoulliHead(3).double(), normal(N, 3), (normal(N, 3, seed=1) > 0).long(), Bernoullis


@pytest.fixture(params=["discrete", "continuous", "product", "bernoulli"])
def case(request):
    return request.getfixturevalue(request.param)


def total(values: torch.Tensor) -> torch.Tensor:
    return values if values.ndim == 1 else values.sum(1)


def test_log_probability_and_entropy_are_torchs(case):
    head, parameters, actions, reference = case
    torch.testing.assert_close(head.log_prob(parameters, actions), total(reference(parameters).log_prob(actions)))
    torch.testing.assert_close(head.entropy(parameters), total(reference(parameters).entropy()))


@pytest.mark.parametrize("bonus", [0.0, 0.3])
def test_gradient_of_the_weighted_log_probability_and_the_entropy_bonus(case, bonus):
    head, parameters, actions, reference = case
    push, leaf = normal(N, seed=2), parameters.clone().requires_grad_()
    there = reference(leaf)
    (-(push * total(there.log_prob(actions))).mean() - bonus * total(there.entropy()).mean()).backward()
    before, score = (parameters.clone(), push.clone()), head.score(parameters, actions)
    torch.testing.assert_close(head.gradient(parameters, score, push, bonus), leaf.grad, rtol=1e-8, atol=1e-10)
    assert torch.equal(parameters, before[0])
    assert torch.equal(push, before[1])


def test_score_is_the_standardised_direction(case):
    head, parameters, actions, reference = case
    leaf = parameters.clone().requires_grad_()
    total(reference(leaf).log_prob(actions)).sum().backward()
    scale = head.log_std.exp() if isinstance(head, GaussianHead) else 1.0
    torch.testing.assert_close(head.score(parameters, actions), leaf.grad * scale)
    assert head.score(parameters, actions).shape == (N, head.score_features)


def test_the_preference_is_what_the_parameters_say_in_units_of_the_score(case):
    head, parameters, actions, _ = case
    found = head.preference(parameters)
    if isinstance(head, BernoulliHead):
        assert torch.equal(found, parameters)
    elif isinstance(head, ProductHead):  # of each choice: logits that sum to 0, of the same distribution
        for part, own in zip(found.split([2, 4, 3], 1), parameters.split([2, 4, 3], 1), strict=True):
            torch.testing.assert_close(part.sum(1), torch.zeros(N).double(), rtol=0, atol=1e-9)
            torch.testing.assert_close(part.softmax(1), own.softmax(1))
    elif isinstance(head, DiscreteHead):  # logits that sum to 0, of the same distribution
        torch.testing.assert_close(found.sum(1), torch.zeros(N).double(), rtol=0, atol=1e-9)
        torch.testing.assert_close(found.softmax(1), parameters.softmax(1))
    else:  # an action is as many of them away as its score says
        torch.testing.assert_close(actions / head.log_std.exp() - found, head.score(parameters, actions))
    assert found.shape == head.score(parameters, actions).shape
    assert torch.equal(found[:5], head.preference(parameters[:5]))


def test_mode_is_the_most_likely_action(case):
    head, parameters, actions, _ = case
    best = head.mode(parameters)
    assert (head.log_prob(parameters, best) >= head.log_prob(parameters, actions)).all()
    assert best.shape == actions.shape
    if isinstance(head, GaussianHead):
        assert torch.equal(best, parameters)


def test_draws_of_a_discrete_head_follow_its_softmax():
    logits = torch.tensor([[0.0, 1.0, -2.0]]).repeat(20000, 1)
    share = torch.bincount(DiscreteHead(3).sample(logits, Streams(0)), minlength=3) / 20000
    torch.testing.assert_close(share, logits[0].softmax(0), rtol=0, atol=0.015)


def test_draws_of_a_gaussian_head_have_its_mean_and_spread():
    head = GaussianHead(2, log_std=-0.7)
    draws = head.sample(torch.tensor([[0.5, -3.0]]).repeat(20000, 1), Streams(0))
    torch.testing.assert_close(draws.mean(0), torch.tensor([0.5, -3.0]), rtol=0, atol=0.015)
    torch.testing.assert_close(draws.std(0), torch.full((2,), math.exp(-0.7)), rtol=0.03, atol=0)


@pytest.mark.parametrize("head", [DiscreteHead(3), GaussianHead(3)])
def test_draws_repeat_with_the_seed_and_have_the_shape_and_type_of_actions(head):
    parameters = normal(50, 3).float()
    one, same, other = (head.sample(parameters, Streams(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    discrete = isinstance(head, DiscreteHead)
    assert one.shape == ((50,) if discrete else (50, 3))
    assert one.dtype == (torch.long if discrete else torch.float)


def test_draws_of_several_numbers_follow_each_ones_law_and_are_independent():
    logits = torch.tensor([[0.0, 1.0, 0.5, -1.0, 0.0, 2.0]]).repeat(40000, 1)
    drawn = ProductHead([2, 4]).sample(logits, Streams(0))
    joint = torch.bincount(drawn[:, 0] * 4 + drawn[:, 1], minlength=8).view(2, 4) / 40000
    expected = logits[0, :2].softmax(0)[:, None] * logits[0, 2:].softmax(0)
    torch.testing.assert_close(joint, expected, rtol=0, atol=0.015)
    bits = BernoulliHead(2).sample(logits[:, 1:3], Streams(0))
    joint = torch.bincount(bits[:, 0] * 2 + bits[:, 1], minlength=4).view(2, 2) / 40000
    one, two = logits[0, 1:3].sigmoid().tolist()
    expected = torch.tensor([[(1 - one) * (1 - two), (1 - one) * two], [one * (1 - two), one * two]])
    torch.testing.assert_close(joint, expected, rtol=0, atol=0.015)


@pytest.mark.parametrize("head", [ProductHead([1, 3, 2]), BernoulliHead(6)])
def test_other_actions_are_never_those_that_were_taken_and_always_possible(head):
    parameters = 9 * normal(2000, 6).float()  # certain: a draw repeats what was taken
    taken = head.mode(parameters)
    other = head.other(parameters, taken, Streams(0))
    assert (other != taken).any(1).all()
    sizes = [len(part[0]) for part in head.probabilities(parameters)]
    assert sizes == head.sizes.tolist()
    assert (other < torch.tensor(sizes)).all()
    assert (other >= 0).all()


def test_codes_of_several_numbers_stand_side_by_side():
    codes = ProductHead([2, 3]).encode(torch.tensor([[1, 0], [0, 2]]))
    assert codes.tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]]
    assert BernoulliHead(3).encode(torch.tensor([[1, 0, 1]])).tolist() == [[1, 0, 1]]


@pytest.mark.parametrize("bonus", [0.0, 3.0])
def test_log_std_steps_down_its_gradient(bonus):
    head, adam = GaussianHead(3).double(), Adam((1, 3)).double()
    expected = head.log_std.clone()
    for step in range(5):
        parameters, actions, push = normal(N, 3, seed=step), normal(N, 3, seed=step + 9), normal(N, seed=step + 99)
        leaf = expected.clone().requires_grad_()
        there = Normal(parameters, leaf.exp())
        (-(push * there.log_prob(actions).sum(1)).mean() - bonus * there.entropy().sum(1).mean()).backward()
        expected = expected + adam.step(leaf.grad, 1e-2)
        head.update_std(parameters, actions, push, bonus, 1e-2)
    torch.testing.assert_close(head.log_std, expected, rtol=1e-9, atol=1e-12)
    if bonus:
        assert (head.log_std > -0.5).all()  # a large bonus widens the spread


@pytest.mark.parametrize(("sign", "bound"), [(1.0, 1.0), (-1.0, -5.0)])
def test_log_std_stays_in_its_range(sign, bound):
    head = GaussianHead(1)
    far = torch.full((4, 1), 1e3)
    for _ in range(200):
        head.update_std(torch.zeros(4, 1), far, torch.full((4,), sign), 0.0, 0.1)
    assert head.log_std.item() == bound


def test_heads_by_space():
    assert make_head(spaces.Discrete(5)).outputs == 5
    head = make_head(spaces.Box(-1, 1, (2, 3), dtype=np.float32))
    assert isinstance(head, GaussianHead)
    assert head.outputs == 6
    head = make_head(spaces.MultiDiscrete([[2, 3], [4, 5]]))
    assert isinstance(head, ProductHead)
    assert (head.outputs, head.shape) == (14, (4,))
    head = make_head(spaces.MultiBinary([2, 3]))
    assert isinstance(head, BernoulliHead)
    assert head.outputs == 6


def draws(correlation: float, steps: int = 4000) -> torch.Tensor:
    head, streams = GaussianHead(2, 0.7, correlation), Streams(3)
    mean = torch.tensor([[1.0, -2.0]] * 3)
    return torch.stack([head.explore(mean, streams) for _ in range(steps)])


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_exploration_is_correlated_in_time_and_distributed_as_before(correlation):
    noise = (draws(correlation) - torch.tensor([1.0, -2.0])) / math.exp(0.7)
    few = 3 / (1 - correlation) ** 0.5
    assert noise.mean((0, 1)).abs().max() < 0.02 * few
    assert (noise.std((0, 1)) - 1).abs().max() < 0.02 * few
    for lag in (1, 3):
        found = (noise[lag:] * noise[:-lag]).mean((0, 1))
        assert (found - correlation**lag).abs().max() < 0.02 * few
    flat = noise.reshape(len(noise), -1)
    across = torch.corrcoef(flat.T) - torch.eye(6)
    assert across.abs().max() < 0.03 * few  # environments and dimensions stay independent


def test_white_exploration_is_sampling_bit_for_bit():
    head, streams, others = GaussianHead(2), Streams(3), Streams(3)
    mean = torch.zeros(5, 2)
    for _ in range(3):
        assert torch.equal(head.explore(mean, streams), head.sample(mean, others))


SPACES = {
    "discrete": spaces.Discrete(4),
    "continuous": spaces.Box(-1, 1, (4,)),
    "product": spaces.MultiDiscrete([1, 3]),
    "bernoulli": spaces.MultiBinary(4),
}


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("correlation", [-0.1, 1.0, float("nan")])
def test_a_correlation_out_of_range_is_refused(kind, correlation):
    with pytest.raises(ValueError, match=r"noise_correlation must be .*in 0\.\.1"):
        make_head(SPACES[kind], noise_correlation=correlation)


@pytest.mark.parametrize("value", ["0.5", None, [0.5], np.array([0.5, 0.6]), torch.tensor([0.5, 0.6])])
def test_what_is_no_number_is_refused_by_name(value):
    for name in ("noise_correlation", "log_std_init"):
        with pytest.raises(ValueError, match=f"{name} must be a number"):
            make_head(SPACES["continuous"], **{name: value})


@pytest.mark.parametrize("kind", ["discrete", "product", "bernoulli"])
def test_correlated_actions_last_and_are_distributed_as_before(kind):
    parameters = torch.tensor([0.5, -0.3, 0.0, -1.0]).expand(400, 4)
    drawn = {}
    for correlation in (0.0, 0.9):
        head, streams = make_head(SPACES[kind], noise_correlation=correlation), Streams(5)
        drawn[correlation] = torch.stack([head.explore(parameters, streams) for _ in range(200)])
    steady, white = (head.encode(drawn[correlation]).mean((0, 1)) for correlation in (0.9, 0.0))
    assert (steady - white).abs().max() < 0.03
    repeats = {correlation: (a[1:] == a[:-1]).double().mean() for correlation, a in drawn.items()}
    assert repeats[0.9] > repeats[0.0] + 0.2
    apart = drawn[0.9].flatten(2) if drawn[0.9].ndim > 2 else drawn[0.9].unsqueeze(-1)
    across = torch.corrcoef(apart[:, :20, -1].double().T) - torch.eye(20, dtype=torch.float64)
    assert across.abs().mean() < 0.2  # environments stay independent


@pytest.mark.parametrize("kind", SPACES)
def test_correlated_exploration_goes_on_from_its_state(kind):
    parameters, heads = normal(N, 4).float(), [make_head(SPACES[kind], noise_correlation=0.9) for _ in range(2)]
    for _ in range(3):
        heads[0].explore(parameters, Streams(1))
    heads[1].load_exploration_state(heads[0].exploration_state())
    ours, theirs = (head.explore(parameters, Streams(2)) for head in heads)
    assert torch.equal(ours, theirs)
    with pytest.raises(ValueError, match="must have 4 numbers in its last axis"):
        heads[1].load_exploration_state(torch.zeros(N, 3))


@pytest.mark.parametrize("kind", SPACES)
def test_heads_of_a_wafer_are_those_of_each_chip(kind):
    chips, space = 3, SPACES[kind]
    wafer, single = make_head(space, chips=(chips,)).double(), [make_head(space).double() for _ in range(chips)]
    parameters, push = normal(chips, N, 4), normal(chips, N, seed=2)
    if kind == "discrete":
        actions = torch.arange(chips * N).view(chips, N) % 4
    elif kind == "product":
        actions = torch.stack([torch.zeros(chips, N), torch.arange(chips * N).view(chips, N) % 3], -1).long()
    elif kind == "bernoulli":
        actions = (normal(chips, N, 4, seed=1) > 0).long()
    else:
        actions = normal(chips, N, 4, seed=1)
        wafer.log_std.copy_(normal(chips, 1, 4, seed=3) / 2)
        for number, head in enumerate(single):
            head.log_std.copy_(wafer.log_std[number])
    gradient = wafer.gradient(parameters, wafer.score(parameters, actions), push, 0.3)
    for number, head in enumerate(single):
        own, taken = parameters[number], actions[number]
        for name in ("log_prob", "score"):
            torch.testing.assert_close(
                getattr(wafer, name)(parameters, actions)[number], getattr(head, name)(own, taken)
            )
        for name in ("entropy", "mode"):
            torch.testing.assert_close(getattr(wafer, name)(parameters)[number], getattr(head, name)(own))
        torch.testing.assert_close(wafer.encode(actions)[number], head.encode(taken))
        torch.testing.assert_close(gradient[number], head.gradient(own, head.score(own, taken), push[number], 0.3))
    for _ in range(3):
        wafer.update_std(parameters, actions, push, 0.3, 1e-2)
        for number, head in enumerate(single):
            head.update_std(parameters[number], actions[number], push[number], 0.3, 1e-2)
    for number, head in enumerate(single):
        if kind == "continuous":
            torch.testing.assert_close(wafer.log_std[number], head.log_std)


def test_actions_of_a_wafer_are_drawn_for_each_chip_by_its_own_law():
    logits = torch.tensor([[0.0, 1.0, -2.0], [3.0, 0.0, 0.0]])
    drawn = DiscreteHead(3).sample(logits[:, None].expand(2, 20000, 3), Streams(0, 2))
    assert drawn.shape == (2, 20000)
    for chip in range(2):
        fraction = torch.bincount(drawn[chip], minlength=3) / 20000
        torch.testing.assert_close(fraction, logits[chip].softmax(0), rtol=0, atol=0.015)
    head = GaussianHead(1, chips=(2,))
    head.log_std.copy_(torch.tensor([-1.0, 0.5])[:, None, None])
    for draw in (head.sample, head.explore):
        spread = draw(torch.zeros(2, 20000, 1), Streams(0, 2)).std(1).flatten()
        torch.testing.assert_close(spread, torch.tensor([-1.0, 0.5]).exp(), rtol=0.03, atol=0)
    other = DiscreteHead(3).other(torch.zeros(2, 500, 3), torch.ones(2, 500, dtype=torch.long), Streams(0, 2))
    assert other.shape == (2, 500)
    assert (other != 1).all()
