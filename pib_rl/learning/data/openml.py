"""Data of OpenML, by name."""

from __future__ import annotations

import warnings
from http.client import HTTPException

import numpy as np
from sklearn.datasets import fetch_openml

from pib_rl.cli.cli import UserError
from pib_rl.common.options import nearest
from pib_rl.learning.data.columns import classes, numbers, values
from pib_rl.learning.data.samples import Data, split, unlabelled

OPENML = {"mnist": "mnist_784", "fashion-mnist": "Fashion-MNIST"}  # our words: OpenML's
MNIST_TEST = 10_000


def fetch(name: str, real: bool = False) -> Data:
    """Data of OpenML by name, from scikit-learn's cache or from the network.

    Raises:
        UserError: If OpenML does not know it, or can't be reached.
    """
    wanted = OPENML.get(name, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns before it tries again, and raises in the end
            bundle = fetch_openml(wanted, version=1, as_frame=False, parser="liac-arff")
    except (OSError, HTTPException) as error:
        meant = nearest(name, ["digits", *OPENML])
        raise UserError(
            f"there are no data {name!r} here; {meant}{'' if meant.endswith('?') else '.'} Otherwise connect once, for "
            f"OpenML can't be reached ({error}), or give the path of an .npz or .csv file"
        ) from None
    except ValueError as error:
        raise UserError(
            f"OpenML offers no numeric data named {name!r} ({error}); known here without network: digits; "
            "otherwise give the path of an .npz or .csv file"
        ) from None
    x = numbers(np.asarray(bundle.data), f"OpenML's {name!r}")
    if bundle.target is None:
        return unlabelled(x)
    y = (values if real else classes)(np.asarray(bundle.target), f"OpenML's {name!r}")
    if wanted in OPENML.values():
        return Data(x[:-MNIST_TEST], y[:-MNIST_TEST], x[-MNIST_TEST:], y[-MNIST_TEST:], image=(28, 28))
    return split(x, y, real=real)
