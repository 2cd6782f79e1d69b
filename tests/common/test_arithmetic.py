import pytest
import torch

from pib_rl.common.arithmetic import STRIP, gram, symmetric_inverse


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("features", [1, STRIP, STRIP + 1, 2 * STRIP + 3])
@pytest.mark.parametrize("chips", [(), (2,)])
def test_half_the_products_make_the_whole_gram_matrix(features, chips):
    x = drawn(*chips, 7, features)
    torch.testing.assert_close(gram(x), x.mT @ x)


@pytest.mark.parametrize("chips", [(), (3,)])
def test_inverse_of_positive_definite_matrices(chips):
    square = gram(drawn(*chips, 40, 30))
    torch.testing.assert_close(symmetric_inverse(square) @ square, torch.eye(30, dtype=torch.float64).expand_as(square))


def test_what_is_not_positive_definite_is_inverted_too():
    square = torch.stack([torch.eye(2), torch.tensor([[0.0, 1.0], [1.0, 0.0]])])
    assert torch.equal(symmetric_inverse(square), square)
