"""Data, labelled or not: bundled digits, OpenML by name, .npz and .csv files."""

from pib_rl.learning.data.load import load
from pib_rl.learning.data.samples import Data

__all__ = ["Data", "load"]
