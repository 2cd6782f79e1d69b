"""The script that times measurements: beside the plain product, and beside the products that they can't do without."""

from __future__ import annotations

import operation_time
import pytest
import substrate_time
import torch


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(substrate_time, "SAMPLES", 5)


def test_matrices_are_those_that_a_measurement_multiplies_with():
    timed = {**substrate_time.memristive(16), **substrate_time.optical(16)}
    assert [len(timed[f"memristive array, {name}"].matrices) for name in ("default", "all on")] == [1, 2]
    assert not timed["memristive medium, all on"].matrices
    (folded,) = timed["optical medium, default"].matrices
    assert folded.shape == (2 * 64 // 4, 2 * 16)  # cosines and sines of 16 phases, real and imaginary parts
    (two,) = timed["optical medium, all on, mirrors, two patterns"].matrices
    assert two.shape[-1] == 2 * 2 * 16
    assert len(substrate_time.optical(128)["optical medium, default"].matrices) == 3


def test_everything_on_is_everything():
    timed = substrate_time.memristive(16)
    array = timed["memristive array, all on"].measure.__self__
    config = array._config
    assert all(getattr(config, name) for name in ("relative_read_noise", "wire_resistance_ohm", "adc_inl", "adc_noise"))
    assert all(getattr(config, name) for name in ("dac_inl", "dac_noise", "read_noise", "medium_noise", "stuck"))


def test_every_row_is_relative_to_the_plain_product(monkeypatch):
    monkeypatch.setattr(substrate_time, "SIZES", (64,))
    report = substrate_time.report(1)
    assert len(report.lines) == 2 + 6 + 4
    assert all("64 x 64" in line for line in report.lines[2:])
    assert [aim.bound for aim in report.aims] == [4, 6, 6]


def test_products_are_made_of_a_batch(monkeypatch):
    shapes = []
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: shapes.append((tuple(a.shape), tuple(b.shape))))
    substrate_time.products([torch.eye(3), torch.eye(4)], torch.Generator().manual_seed(0))()
    assert shapes == [((5, 3), (3, 3)), ((5, 4), (4, 4))]


def test_three_products_are_those_of_a_complex_matrix():
    cosine, sine, real, imaginary = torch.randn(4, 6, 6, generator=torch.Generator().manual_seed(0)).double()
    parts = operation_time.three_products(cosine, sine, real, imaginary - real, real + imaginary)
    whole = torch.complex(cosine, sine) @ torch.complex(real, imaginary)
    torch.testing.assert_close(torch.complex(*parts), whole)


def test_operations_are_relative_to_the_plain_product():
    report = operation_time.report(1)
    assert report.lines[2] == "| plain product | 1.00 |"
    assert len(report.lines) == 2 + len(operation_time.operations())
