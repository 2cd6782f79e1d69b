"""Collects what a panel shows from a policy while it acts. Parts of the hardware are asked through their interface."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from pib_rl.agents.heads import GaussianHead
from pib_rl.agents.network.costs import costs, in_unit
from pib_rl.agents.network.information import Information, information_plane
from pib_rl.agents.network.network import Activations
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.policy import PIBPolicy, PolicyOutputs, Prediction
from pib_rl.common.grid import square
from pib_rl.physical.substrate import Array, Medium, Read
from pib_rl.viewer.scene import Decision, Picture, Scene, Stage, Status

WINDOW, EVERY = 128, 32  # samples that information is estimated on, and steps from one estimate to the next
DRIVES = 3.0  # drive standard deviations that end the colours of drives


class Probe:
    """Lets a policy act and remembers what was measured meanwhile. It measures nothing on its own.

    Args:
        policy: The policy.
        read: Read mode; may be changed at any time.

    Attributes:
        seen: Inputs of the network, shape (n, in), what was measured for them, and the readout's outputs.
        actions: What the policy does then, shape (n, ...), as the head gives actions.
    """

    def __init__(self, policy: PIBPolicy, read: Read = Read.NOISY) -> None:
        self.policy = policy
        self.read = read
        self.seen: tuple[Tensor, Activations, PolicyOutputs] | None = None
        self.actions: Tensor | None = None
        self._pairs: deque[tuple[Tensor, list[Tensor], Tensor]] = deque(maxlen=WINDOW)
        self._fresh = 0
        self._information: list[Information] = []
        self._limits: dict[str, float] = {}
        self._arrays: dict[str, Picture] = {}

    def begin(self) -> None:
        """An episode begins: what is seen next does not follow from what was seen last."""
        self.seen = None

    @torch.inference_mode()
    def predict(self, obs: PyTorchObs, deterministic: bool) -> Prediction:
        """What `PIBPolicy.prediction` gives for n observations in the read mode, with the same draws."""
        policy, model, read = self.policy, self.policy.model, self.read
        x = model.inputs(policy.flatten(obs))
        measured = model.network.measure(x, read)
        outputs = policy.split(model.readout.measure(measured.taps, read))
        if self.seen is not None and self.seen[0].shape == x.shape:
            self._pairs.append((self.seen[0], self.seen[1].z, x))
            self._fresh += 1
        self.seen = x, measured, outputs
        prediction = policy.choose(outputs, deterministic)
        self.actions = prediction.actions
        return prediction

    def act(self, obs: Any) -> np.ndarray:
        """Greedy actions for a batch of observations, shape (n, ...), as `pib_rl.agents.policy.Reader` gives them."""
        actions = self.predict(self.policy.obs_to_tensor(obs)[0], True).actions
        return self.policy.to_env(actions.cpu().numpy())

    @torch.inference_mode()
    def scene(self, status: Status | None = None, action: Any = None) -> Scene:
        """What there is to be seen now, of the first sample of the latest batch.

        Args:
            status: Where the play is.
            action: What the hardware does next, as the task takes it; None is its latest answer.
        """
        cost = costs(self.policy.model)
        return Scene(
            self._stages(), self._decision(action), cost["energy_parts_j"], format_costs(cost), status or Status()
        )

    def information(self) -> list[Information]:
        """Information of each unit on the input and on the input of the next step, in nats, over the latest steps.

        Empty before there are enough of them. The next input is a part of the target that units learn from.
        """
        if self._fresh >= EVERY:
            self._fresh = 0
            x = torch.cat([x for x, _, _ in self._pairs])
            z = [torch.cat(parts) for parts in zip(*(z for _, z, _ in self._pairs), strict=True)]
            following = torch.cat([after for _, _, after in self._pairs])
            self._information = information_plane(x, Activations([], z, x[:, :0]), Target(following))
        return self._information

    def _stages(self) -> tuple[Stage, ...]:
        network, readout = self.policy.model.network, self.policy.model.readout
        known = dict(enumerate(self.information()))
        stages = []
        drive = None if self.seen is None else self.seen[0][:1] * network.input_gain
        for index, unit in enumerate(network.chain):
            h = None if self.seen is None else self.seen[1].h[index][:1]
            notes = (
                ()
                if index not in known
                else (f"I(input) {known[index].on_input:.2f} nat", f"I(next input) {known[index].on_target:.2f} nat")
            )
            stages.append(self._stage(f"unit {index + 1}", drive, unit.medium, h, unit.array, notes, bool(unit.alive)))
            drive = None if self.seen is None else unit.control.drive(self.seen[1].z[index][:1])
        h = None if self.seen is None else self.seen[1].taps[:1, -network.last.out_features :]
        stages.append(self._stage("readout", drive, network.last, h, readout.array, (), True))
        return tuple(stages)

    def _stage(
        self,
        name: str,
        drive: Tensor | None,
        medium: Medium,
        h: Tensor | None,
        array: Array,
        notes: tuple[str, ...],
        alive: bool,
    ) -> Stage:
        drive = torch.zeros(1, medium.in_features) if drive is None else drive
        shown = torch.zeros(medium.out_features) if h is None else medium.shown(h)[0]
        light = shown.float().cpu().numpy()
        return Stage(
            name,
            Picture("drive", drive.float().cpu().numpy(), DRIVES, True, "sigma"),
            Picture(
                f"{medium.shows}: {medium.out_features}",
                square(light),
                self._limit(f"{name} medium", float(np.abs(light).max())),
                self._negative(name, float(light.min())),
                medium.shown_unit,
            ),
            self._weights(name, array),
            (*notes, f"pulses, at most {float(array.wear.max()):,.0f}"),
            alive,
        )

    def _weights(self, name: str, array: Array) -> Picture:
        """The weights; the same picture as before if they are the same."""
        values = array.weights().detach().float().cpu().numpy()
        known = self._arrays.get(name)
        if known is None or not np.array_equal(known.values, values):
            limit = self._limit(f"{name} array", float(np.quantile(np.abs(values), 0.99)))
            title = f"weights: {array.out_features} x {array.in_features}"
            known = self._arrays[name] = Picture(title, values.copy(), limit, True, "")
        return known

    def _limit(self, name: str, size: float) -> float:
        """The largest size so far, so that colours keep their meaning from frame to frame."""
        self._limits[name] = max(self._limits.get(name, 0.0), size if np.isfinite(size) else 0.0)
        return self._limits[name] or 1.0

    def _negative(self, name: str, low: float) -> bool:
        """Whether a medium has shown clearly negative numbers; a dark camera shows a little of its noise."""
        depth = self._limit(f"{name} depth", -min(low, 0.0)) if low < 0 else self._limits.get(f"{name} depth", 0.0)
        return depth > 0.2 * self._limits[f"{name} medium"]

    def _decision(self, action: Any) -> Decision | None:
        if self.seen is None or self.actions is None:
            return None
        policy = self.policy
        parameters, values = self.seen[2]
        value = float(values[0]) * policy.returns.value
        if isinstance(policy.head, GaussianHead):
            return Decision(
                value,
                means=tuple(parameters[0].tolist()),
                deviations=tuple(policy.head.log_std.exp().tolist()),
                action=self._taken(action),
            )
        return Decision(value, probabilities=tuple(parameters[:1].softmax(1)[0].tolist()), action=self._taken(action))

    def _taken(self, action: Any) -> tuple[float, ...]:
        """See `Decision.action`."""
        if action is None:
            assert self.actions is not None
            return tuple(self.actions[:1].flatten().tolist())
        if self.policy.squash_output:
            action = self.policy.scale_action(np.asarray(action))
        return tuple(np.ravel(action).tolist())


def format_costs(cost: dict[str, Any]) -> tuple[str, ...]:
    """What a bill of `pib_rl.agents.network.costs` says, in lines for a panel."""
    lines = [
        f"{cost['measurements']:,} measurements",
        f"{cost['writes']:,} writes to {cost['devices']:,} devices",
        f"most written device: {cost['writes_max_per_device']:,.0f}",
    ]
    if cost["latency_s"]:
        lines.append(f"latency {in_unit(cost['latency_s'], 's')} a decision")
    return tuple(lines)
