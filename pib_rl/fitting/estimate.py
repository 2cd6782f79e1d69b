"""Parameters of a law from tracks: the most probable ones, and how well they are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pib_rl.fitting.filter import predict
from pib_rl.fitting.laws import FIXED, LAWS
from pib_rl.fitting.tracks import Tracks

ROUNDS, LAST_GAIN = 30, 0.02  # most steps of a fit, and the gain below which it ends
NUDGE = 1e-5
LOGS = ("up", "down", "relative", "absolute", "sloped", "read")  # parameters that are fitted as logarithms
NOISES = ("relative", "absolute", "sloped", "read")
LEAST_READ = 1e-4  # weight; a better reading makes no difference
LEAST_SPREAD = 0.25
WIDE = 3.0  # standard deviation of what is taken for possible of a logarithm
ENDS = 0.3  # the same of an end of the range, relative to the range that was seen


@dataclass(frozen=True)
class FittedLaw:
    """A fitted law.

    Attributes:
        law: Its name.
        shared: Names of the parameters that all devices share, in the order of the vector.
        own: Names of those of each device; they follow, device by device.
        vector: Their values; steps and noises as logarithms.
        covariance: Of their errors.
        score: Logarithm of the probability of all readings.
    """

    law: str
    shared: tuple[str, ...]
    own: tuple[str, ...]
    vector: np.ndarray
    covariance: np.ndarray
    score: float


class Problem:
    """The fit of one law to tracks.

    Args:
        name: Name of the law.
        tracks: The readings.
        without: Noises that are taken to be 0.
    """

    def __init__(self, name: str, tracks: Tracks, without: tuple[str, ...] = ()) -> None:
        self.name, self.law, self.tracks = name, LAWS[name], tracks
        one_sided = tracks.one_sided
        own = ["up", "high"] if one_sided else ["up", "down", "low", "high"]
        own += [key for key in self.law.own or {} if not (one_sided and key.endswith("down"))]
        noises = [key for key in NOISES if key not in without and (key != "sloped" or one_sided)]
        shape = [key for key in self.law.starts[0] if key not in FIXED.get(name, ())]
        if one_sided:
            shape = [key for key in shape if not key.startswith("down") and not key.endswith("down")]
        self.shared, self.own = (*noises, *shape), tuple(own)
        self.count = len(tracks.names)
        self.low, self.high = tracks.ends()

    @classmethod
    def of(cls, fit: FittedLaw, tracks: Tracks) -> Problem:
        """The problem that ``fit`` is a solution of, on these tracks."""
        return cls(fit.law, tracks, tuple(name for name in NOISES if name not in fit.shared))

    def starts(self) -> list[np.ndarray]:
        """Vectors to start from."""
        tracks = self.tracks
        up, down, read, noise = rough(tracks)
        common = {"relative": noise, "absolute": noise, "sloped": 1e-3, "read": read}
        own = {"up": up, "down": down, "low": self.low, "high": self.high}
        own |= {key: np.full(self.count, value) for key, value in (self.law.own or {}).items()}
        found = []
        for shape in self.law.starts:
            first = [np.log(common[key]) if key in LOGS else shape[key] for key in self.shared]
            rest = np.array([np.log(own[key]) if key in LOGS else own[key] for key in self.own]).T
            found.append(np.concatenate([first, rest.ravel()]))
        return found

    def spread(self) -> np.ndarray:
        """Standard deviations of what is taken for possible around the start."""
        seen = np.maximum(self.high - self.low, 1e-3)
        first = [WIDE if key in LOGS else self.law.width for key in self.shared]
        rest = [ENDS * seen if key in ("low", "high") else np.full(self.count, WIDE) for key in self.own]
        return np.concatenate([first, np.array(rest).T.ravel()])

    def places(self) -> np.ndarray:
        """Where in the vector the parameters of each sequence are, shape (sequences, parameters)."""
        each = len(self.own)
        shared = np.tile(np.arange(len(self.shared)), (len(self.tracks.device), 1))
        own = len(self.shared) + self.tracks.device[:, None] * each + np.arange(each)
        return np.concatenate([shared, own], 1)

    def values(self, table: np.ndarray) -> dict[str, np.ndarray]:
        """Parameters by name from a table, shape (..., sequences, parameters)."""
        names = (*self.shared, *self.own)
        found = {
            key: np.exp(np.clip(table[..., k], -25, 10)) if key in LOGS else table[..., k]
            for k, key in enumerate(names)
        }
        blank = np.zeros(table.shape[:-1])
        found["read"] = np.hypot(found["read"], LEAST_READ)
        for key in ("down", "low", "relative", "absolute", "sloped"):
            found.setdefault(key, blank)
        for key in (*self.law.starts[0], *(self.law.own or {})):
            if key not in found:
                found[key] = blank
        return found

    def scores(self, vector: np.ndarray, counted: np.ndarray | None = None, worst: float = np.inf) -> np.ndarray:
        """Logarithm of the probability of each sequence's readings, shape (sequences,).

        Args:
            vector: Parameters.
            counted: Which readings count; all that are predicted if None.
            worst: A reading counts as no further off than so many standard deviations; and then none is predicted with
                less than a fraction `LEAST_SPREAD` of the usual variance.
        """
        error, spread = predict(self.law, self.tracks, self.values(vector[self.places()]))
        where = self.seen if counted is None else self.seen & counted
        if np.isfinite(worst) and where.any():
            spread = np.maximum(spread, LEAST_SPREAD * float(np.median(spread[where])))
        distance = np.minimum(error**2 / spread, worst**2)
        return np.asarray(-0.5 * (np.log(2 * np.pi * spread) + distance).sum(-1, where=where))

    @property
    def seen(self) -> np.ndarray:
        """Which readings are predicted: all but the first of each sequence."""
        return np.asarray(self.tracks.there & (np.arange(self.tracks.there.shape[1]) > 0))

    def slopes(self, vector: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Minus the score, its gradient, and the expected matrix of its second derivatives."""
        places = self.places()
        sequences, count = places.shape
        table = np.tile(vector[places], (count + 1, 1, 1))
        table[np.arange(1, count + 1), :, np.arange(count)] += NUDGE
        error, spread = predict(self.law, self.tracks, self.values(table))
        e, s, seen = error[0], spread[0], self.seen
        de, ds = (error[1:] - e) / NUDGE * seen, (spread[1:] - s) / NUDGE * seen
        first = (de * (e / s) + 0.5 * ds / s * (1 - e**2 / s)).sum(-1)
        root = de / np.sqrt(s)
        ratio = ds / s
        gradient, matrix = np.zeros(len(vector)), np.zeros((len(vector), len(vector)))
        for k in range(sequences):
            np.add.at(gradient, places[k], first[:, k])
            own = root[:, k] @ root[:, k].T + 0.5 * ratio[:, k] @ ratio[:, k].T
            matrix[np.ix_(places[k], places[k])] += own
        value = float(0.5 * (np.log(2 * np.pi * s) + e**2 / s).sum(where=seen))
        return value, gradient, matrix

    def fit(self, start: np.ndarray, rounds: int = ROUNDS) -> FittedLaw:
        """The most probable parameters, by steps along the expected second derivatives (Fisher scoring), damped."""
        centre, weight = self.starts()[0], self.spread() ** -2.0
        centre = np.where(np.isin(np.arange(len(centre)), np.arange(len(self.shared))), start, centre)
        vector, damping = start.copy(), 1e-2

        def prior(x: np.ndarray) -> float:
            return float(0.5 * (weight * (x - centre) ** 2).sum())

        value, gradient, matrix = self.slopes(vector)
        value += prior(vector)
        for _ in range(rounds):
            full = matrix + np.diag(weight)
            slope = gradient + weight * (vector - centre)
            step = np.linalg.solve(full + damping * np.diag(np.diag(full)), -slope)
            step *= min(1.0, 1.0 / max(np.abs(step).max(), 1e-12))
            trial = vector + step
            after = -float(self.scores(trial).sum()) + prior(trial)
            if np.isfinite(after) and after < value:
                gain = value - after
                vector, damping = trial, max(damping / 5, 1e-6)
                value, gradient, matrix = self.slopes(vector)
                value += prior(vector)
                if gain < LAST_GAIN:
                    break
            else:
                damping *= 6
                if damping > 1e6:
                    break
        covariance = np.linalg.inv(matrix + np.diag(weight))
        return FittedLaw(self.name, self.shared, self.own, vector, covariance, float(self.scores(vector).sum()))


def rough(tracks: Tracks) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Steps up and down of each device, read noise and relative pulse noise: good enough to start from."""
    low, high = tracks.ends()
    steps, scatter, products = np.zeros((2, len(tracks.names))), [], []
    for d in tracks:
        mine = tracks.device == d
        y, n, up = tracks.weight[mine], tracks.pulses[mine][:, 1:], tracks.up[mine][:, 1:]
        change, seen = np.diff(y, axis=1), tracks.there[mine][:, 1:]
        place = (y[:, :-1] - low[d]) / max(high[d] - low[d], 1e-6)
        for k, way in enumerate((up, ~up)):
            middle = seen & way & (place > 0.25) & (place < 0.75)
            chosen = middle if middle.sum() >= 4 else seen & way
            total = (change * (1 if k == 0 else -1))[chosen].sum() / max(n[chosen].sum(), 1)
            steps[k, d] = max(total, 0.1 * (high[d] - low[d]) / max(n[seen].sum(), 1), 1e-7)
        scatter.append((change - np.where(up, steps[0, d], -steps[1, d]) * n)[seen].var())
        both = seen[:, 1:] & seen[:, :-1]
        products.append((change[:, 1:] * change[:, :-1])[both].mean() - change[seen].mean() ** 2)
    read = float(np.sqrt(np.clip(-np.mean(products), 1e-6, None)))
    per_pulse = max(float(np.mean(scatter)) - 2 * read**2, 1e-8) / float(tracks.pulses.mean())
    noise = float(np.clip(np.sqrt(per_pulse) / steps.max(0).mean(), 0.05, 20))
    return steps[0], steps[1], max(read, 1e-3), noise / 2
