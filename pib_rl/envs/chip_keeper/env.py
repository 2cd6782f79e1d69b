"""A chip that drifts and breaks while it serves; the agent keeps it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from pib_rl.agents.network.faults import check
from pib_rl.envs.actions import check_action
from pib_rl.envs.chip_keeper.chip import digits, pick, trained
from pib_rl.envs.chip_keeper.config import ACTIONS, ChipKeeperConfig
from pib_rl.envs.chip_keeper.monitor import LEAST, MOST, Monitor
from pib_rl.envs.chip_keeper.picture import History, draw_episode
from pib_rl.physical.faults import Fault

METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}


class ChipKeeper(gym.Env[np.ndarray, np.int64]):
    """A classifier on hardware serves, drifts and breaks; the agent decides in each period what is done to it.

    The chip has learned handwritten digits (scikit-learn's, 8 x 8 pixels) by PIB, from samples of its maker. It is
    trained once in a process, for each set of arguments that it depends on, and copied at each reset. In each period
    the action is done first; then time passes and faults arrive, at random; then the chip serves.

    ## Action space
    `Discrete(4)`:

    | action | name | what happens | costs |
    |---|---|---|---|
    | 0 | nothing | | |
    | 1 | recalibrate | detectors of media, then gain controls are set again, without labels | downtime, energy |
    | 2 | refit | the readout is re-fit by ridge regression on labelled samples, three times | those, labels, wear |
    | 3 | retrain | recalibration; then units learn by PIB, the readout by its delta rule, one pass | as refit |

    ## Observation space
    `Box(-5, 5, (12 + 2 units,), float32)`: what a keeper can know. It holds no truth about faults, and the labels of
    ``probes`` of the samples served. "Noted" is what the last re-fit or re-training (at first the maker) noted.

    | name | meaning |
    |---|---|
    | probe accuracy | fraction of the labelled samples of this period that were classified right |
    | running accuracy | its mean since the last action, weighted towards the last periods (rate 0.3) |
    | margin | log of the mean difference of the two largest outputs over the one noted |
    | running margin | its mean, as above |
    | spread | log of the standard deviation of the outputs over the one noted |
    | far | log(1 + 100 x fraction of the units' outputs beyond 3 standard deviations of the gain control): clipping |
    | shift 1, 2, ... | per unit, rms change of its outputs' means, in standard deviations of the gain control |
    | gain 1, 2, ... | per unit, log of the standard deviation of its outputs over that of the gain control |
    | since recalibrate, refit, retrain | log(1 + periods since) / log(1 + ``periods``); 1 is never |
    | wear | 10 x pulses that a device received on average / ``endurance`` |
    | care energy | log(1 + energy of all actions / energy of serving so far) |
    | time | fraction of the episode that has passed |

    ## Rewards
    In each period (1 - downtime of the action) x accuracy on the batch served
    - ``label_price`` x labels (probes, and those of the action)
    - ``energy_price`` x energy of the action / energy of serving a batch on the new chip
    - ``chip_price`` x pulses that the action gave a device on average / ``endurance``.

    Energy and pulses are those of the meter. The prices are assumptions, chosen such that neither doing nothing nor any
    one action at every step is best.

    ## Start
    The new chip; its noise and what breaks are drawn from the environment's generator. It has served one batch.

    ## End of an episode
    Truncated after ``periods`` steps. Nothing terminates an episode.

    ## Arguments
    Those of `ChipKeeperConfig` by name, and ``render_mode``: None or "rgb_array", accuracy over time (served and as the
    keeper estimates it; dashed: new), faults as triangles, actions as bars, a row for each.

    ## Info
    ``accuracy`` of the served batch (all labels), ``probe_accuracy``, ``action`` by name, ``faults`` that arrived,
    ``energy_j`` of all, ``care_j`` of the actions, ``writes``, ``pulses_per_device``; after a step also
    ``label_cost``, ``energy_cost``, ``wear_cost``.

    ## Version history
    v0: first version.

    Raises:
        ValueError: If an argument is unknown, has the wrong type, or lies outside its range.
    """

    metadata = METADATA

    def __init__(self, render_mode: str | None = None, **options: Any) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"ChipKeeper render_mode must be None or rgb_array, got {render_mode!r}")
        self.config = ChipKeeperConfig.of(options)
        self.render_mode = render_mode
        self.monitor = Monitor(self.config)
        self.hazards = self.config.hazards()
        self.action_space = spaces.Discrete(len(ACTIONS))
        self.observation_space = spaces.Box(LEAST, MOST, (len(self.monitor.names),), np.float32)
        self.new = trained(self.config)
        for hazard in self.hazards:
            check(self.new.model.model_, hazard.sized(0.5))
        self.chip = self.new
        self.period = self.config.periods
        self.care_j = self.pulses = 0.0
        self.history = History()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.chip = self.new.copy(int(self.np_random.integers(2**32)))
        self.period, self.care_j, self.pulses = 0, 0.0, 0.0
        self.monitor.restart(self.chip.healthy)
        self.history = History(healthy=self.chip.healthy, length=self.config.periods)
        return self._serve(), self._info([], 0)

    def step(self, action: np.int64 | int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        check_action(self.action_space, action, f"in 0..{len(ACTIONS) - 1} ({', '.join(ACTIONS)})")
        if self.period >= self.config.periods:
            raise ValueError("the episode is over: call reset() before the next step")
        action = int(action)
        costs = self._care(action)
        faults = self._pass_time()
        self.period += 1
        self.monitor.act(action)
        obs = self._serve()
        reward = (1 - self.config.downtime(action)) * self.accuracy - sum(costs.values())
        self.history.add(action, self.accuracy, self.monitor.running, faults, reward)
        info = self._info(faults, action) | {f"{name}_cost": cost for name, cost in costs.items()}
        return obs, float(reward), False, self.period >= self.config.periods, info

    def _care(self, action: int) -> dict[str, float]:
        """Does what the action asks; its costs by name."""
        config, chip = self.config, self.chip
        joules, pulses = chip.energy_j, chip.pulses
        if ACTIONS[action] == "recalibrate":
            chip.recalibrate(pick(self.np_random, digits().site, config.recalibration_samples)[0])
        elif ACTIONS[action] == "refit":
            chip.refit(*pick(self.np_random, digits().site, config.refit_labels))
        elif ACTIONS[action] == "retrain":
            chip.retrain(*pick(self.np_random, digits().site, config.retrain_labels))
        joules, pulses = chip.energy_j - joules, chip.pulses - pulses
        self.care_j += joules
        self.pulses += pulses
        return {
            "label": config.label_price * config.labels(action),
            "energy": config.energy_price * joules / chip.period_j if chip.period_j else 0.0,
            "wear": config.chip_price * pulses / config.endurance,
        }

    def _pass_time(self) -> list[Fault]:
        """A period passes; the faults that came with it."""
        self.chip.pass_time(self.config.period_s)
        found = [
            hazard.sized(self.np_random.random())
            for hazard in self.hazards
            for _ in range(self.np_random.poisson(1 / hazard.every))
        ]
        for fault in found:
            self.chip.break_down(fault)
        return found

    def _serve(self) -> np.ndarray:
        """Serves a batch; the observation of it."""
        service = self.chip.serve(*pick(self.np_random, digits().served, self.config.batch))
        self.accuracy = float(service.right.mean())
        return self.monitor.observe(self.chip, service, self.care_j, self.pulses, self.period)

    def _info(self, faults: list[Fault], action: int) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "probe_accuracy": self.monitor.probe,
            "action": ACTIONS[action],
            "faults": [str(fault) for fault in faults],
            "energy_j": self.chip.energy_j,
            "care_j": self.care_j,
            "writes": self.chip.model.model_.meter.totals()["writes"],
            "pulses_per_device": self.pulses,
        }

    def render(self) -> np.ndarray | None:
        """A picture of the episode so far, shape (400, 600, 3), uint8; None without render_mode."""
        return None if self.render_mode is None else draw_episode(self.history)
