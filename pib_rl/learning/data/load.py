"""Data by name or path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sklearn.datasets import load_digits

from pib_rl.cli.cli import UserError
from pib_rl.learning.data.arrays import KEYS, read_npz
from pib_rl.learning.data.columns import classes, values
from pib_rl.learning.data.openml import fetch
from pib_rl.learning.data.samples import Data, split, unlabelled
from pib_rl.learning.data.table import AUTO, read_csv
from pib_rl.runs.minari_names import data_name, names_data
from pib_rl.runs.minari_sets import read_pairs


def load(name: str, real: bool = False, header: str = AUTO) -> Data:
    """Data by name or path.

    Args:
        name: "digits" (bundled with scikit-learn), "mnist", "fashion-mnist" or another name of OpenML, or the
            path of an .npz or .csv file; "minari:NAME" is a local data set of Minari, without labels.
        real: What is known of samples are real values, not classes.
        header: Whether the first line of a .csv file holds names: "auto", "yes" or "no", see `read_csv`.

    Raises:
        UserError: If there is no such thing, or it does not hold samples.
    """
    if name == "digits":
        bundle = load_digits()
        return split(bundle.data, (values if real else classes)(bundle.target, name), (8, 8), real=real)
    if names_data(name):
        now, later = read_pairs(data_name(name))
        image = now.shape[1:] if now.ndim > 2 else None
        return unlabelled(now.reshape(len(now), -1), x_next=later.reshape(len(later), -1), image=image)
    path = Path(os.path.expanduser(name))
    kind = path.suffix.lower()
    try:
        is_file, exists = path.is_file(), path.exists()
    except OSError as error:
        raise UserError(f"cannot read {name}: {error.strerror or error}") from None
    if kind in (".npz", ".csv"):
        if not is_file:
            raise UserError(f"there is no file {path}")
        return read_npz(path, real) if kind == ".npz" else read_csv(path, real, header)
    if exists:
        raise UserError(f"{path} is neither .npz nor .csv; save arrays {', '.join(KEYS)} with numpy.savez")
    if not re.fullmatch(r"[\w.()+-]+", name):
        raise UserError(
            f"{name!r} is neither a file nor a name of OpenML; give the path of an .npz or .csv file, or digits"
        )
    return fetch(name, real)
