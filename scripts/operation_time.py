"""CPU time of the operations that a simulated measurement is made of, and of others that do the same.

    python scripts/operation_time.py [--rounds N]

On 256 x 512 numbers, beside the plain product of 256 x 512 and 512 x 512. All take turns in one process, one torch
thread; figures are medians.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from substrate_time import PRODUCT, SAMPLES, repeated
from timing import Report, ratio, run_alone, table, take_turns
from torch import Tensor

from pib_rl.common.arithmetic import tanh_
from pib_rl.common.noise import TableNormal
from pib_rl.physical.converters import Converter

SIZE = 512


def operations() -> dict[str, Callable[[], object]]:
    """What is timed, by name, the plain product first."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, SIZE, generator=generator)
    real, imaginary = torch.randn(2, SIZE, SIZE, generator=generator)
    blocks = torch.cat([torch.cat([real, imaginary], -1), torch.cat([-imaginary, real], -1)], -2)
    waves, field = torch.cat([x, x], -1), torch.complex(x, x)
    matrix = torch.complex(real, imaginary)
    return {
        PRODUCT: lambda: x @ real,
        "three real products for a complex one": partial(
            three_products, x, x, real, imaginary - real, real + imaginary
        ),
        "one product of four blocks for it": lambda: waves @ blocks,
        "a product of complex numbers": lambda: field @ matrix,
        "a product in bfloat16": partial(torch.matmul, x.bfloat16(), real.bfloat16()),
        "normal noise from a table": partial(TableNormal(0).draw, x.shape),
        "normal noise by torch.randn": lambda: torch.randn(x.shape, generator=generator),
        "tanh by the logistic function": lambda: tanh_(x.clone()),
        "torch.tanh": lambda: torch.tanh(x),
        "cosine and sine": lambda: (x.cos(), x.sin()),
        "cosine and sine by torch.polar": lambda: torch.polar(torch.ones_like(x), x),
        "a converter of 8 bits": partial(Converter(8, -4.0, 4.0), x),
    }


def three_products(
    cosine: Tensor, sine: Tensor, real: Tensor, difference: Tensor, total: Tensor
) -> tuple[Tensor, Tensor]:
    """Parts of (C + iS)(R + iI), from R, I - R and R + I: as `pib_rl.physical.optical.slm` does for many phases."""
    both = (cosine + sine) @ real
    return both - sine @ total, both + cosine @ difference


def report(rounds: int = 40) -> Report:
    """All operations."""
    calls = {name: repeated(call) for name, call in operations().items()}
    seconds = take_turns(calls, range(rounds), first=3)
    return Report(
        table(("operation", f"of a {PRODUCT}"), [(name, f"{ratio(seconds, name, PRODUCT):.2f}") for name in calls]), []
    )


if __name__ == "__main__":
    run_alone("operation_time", __doc__, report, rounds=40)
