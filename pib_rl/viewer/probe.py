"""Collects what a panel shows from a policy while it acts. Parts of the hardware are asked through their interface."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from pib_rl.agents.heads import GaussianHead, Numbered
from pib_rl.agents.images import PatchGrid
from pib_rl.agents.network.costs import costs
from pib_rl.agents.network.information import Information, information_plane
from pib_rl.agents.network.network import Activations
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.policy import PIBPolicy, PolicyOutputs, Prediction
from pib_rl.common.units import si
from pib_rl.physical.substrate import Array, Medium, Read
from pib_rl.viewer.heatmaps import show_drive, show_medium
from pib_rl.viewer.scene import Decision, Heatmap, Scene, Status, UnitView

WINDOW, EVERY = 128, 32  # samples that information is estimated on, and steps from one estimate to the next


class Probe:
    """Lets a policy act and remembers what was measured meanwhile. It measures nothing on its own.

    Args:
        policy: The policy.
        read: Read mode; may be changed at any time.

    Attributes:
        measured: Inputs of the network, shape (n, in), what was measured for them, and the readout's outputs.
        actions: What the policy does then, shape (n, ...), as the head gives actions.
    """

    def __init__(self, policy: PIBPolicy, read: Read = Read.NOISY) -> None:
        self.policy = policy
        self.read = read
        self.measured: tuple[Tensor, Activations, PolicyOutputs] | None = None
        self.actions: Tensor | None = None
        self._pairs: deque[tuple[Tensor, list[Tensor], Tensor]] = deque(maxlen=WINDOW)
        self._fresh = 0
        self._information: list[Information] = []
        self._limits: dict[str, float] = {}
        self._arrays: dict[str, Heatmap] = {}

    def begin(self) -> None:
        """An episode begins: what is seen next does not follow from what was seen last."""
        self.measured = None

    @torch.inference_mode()
    def decide(self, obs: PyTorchObs, deterministic: bool) -> Prediction:
        """What `PIBPolicy.prediction` gives for n observations in the read mode, with the same draws."""
        policy, model, read = self.policy, self.policy.model, self.read
        x = model.inputs(policy.flatten(obs))
        activations = model.network.measure(x, read)
        outputs = policy.split(model.readout.measure(activations.taps, read))
        if self.measured is not None and self.measured[0].shape == x.shape:
            self._pairs.append((self.measured[0], self.measured[1].z, x))
            self._fresh += 1
        self.measured = x, activations, outputs
        prediction = policy.choose(outputs, deterministic)
        self.actions = prediction.actions
        return prediction

    def act(self, obs: Any) -> np.ndarray:
        """Greedy actions for a batch of observations, shape (n, ...), as `pib_rl.agents.policy.Reader` gives them."""
        actions = self.decide(self.policy.obs_to_tensor(obs)[0], True).actions
        return self.policy.to_env(actions.cpu().numpy())

    @torch.inference_mode()
    def scene(self, status: Status | None = None, action: Any = None) -> Scene:
        """What there is to be seen now, of the first sample of the latest batch.

        ``action`` is what the hardware does next, as the task takes it; None is its latest answer.
        """
        cost = costs(self.policy.model)
        return Scene(
            self._units(), self._decision(action), cost["energy_parts_j"], format_costs(cost), status or Status()
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

    def _units(self) -> tuple[UnitView, ...]:
        network, readout = self.policy.model.network, self.policy.model.readout
        x, activations, _ = self.measured or (None, None, None)
        known = {index: (point.on_input, point.on_target) for index, point in enumerate(self.information())}
        units, drive, h = [], None if x is None else x[:1] * network.input_gain, None
        for index, unit in enumerate(network.chain):
            if activations is not None:
                h = activations.h[index][: unit.positions]
            points = zip(("input", "next input"), known.get(index, ()), strict=False)
            notes = tuple(f"I({name}) {value:.2f} nat" for name, value in points)
            alive, squares = bool(unit.alive), unit.patch_grid
            units.append(self._unit(f"unit {index + 1}", drive, unit.medium, h, unit.array, notes, alive, squares))
            if activations is not None:
                drive = unit.control.drive(activations.z[index][:1])
        if activations is not None:
            h = activations.taps[:1, -network.last.out_features :]
        return (*units, self._unit("readout", drive, network.last, h, readout.array))

    def _unit(
        self,
        name: str,
        drive: Tensor | None,
        medium: Medium,
        h: Tensor | None,
        array: Array,
        notes: tuple[str, ...] = (),
        alive: bool = True,
        squares: PatchGrid | None = None,
    ) -> UnitView:
        """``h`` is what the medium showed for one sample: a row, or with ``squares`` a row for each of them."""
        places, inputs = (1, medium.in_features) if squares is None else (squares.positions, squares.grid.features)
        drive = torch.zeros(1, inputs, dtype=torch.float32) if drive is None else drive
        h = torch.zeros(places, medium.out_features, dtype=torch.float32) if h is None else medium.shown(h)
        light = h.float().cpu().numpy()
        limit = self._limit(f"{name} medium", float(np.abs(light).max()))
        self._limit(f"{name} depth", -float(light.min()))  # a dark camera shows a little of its noise below 0
        signed = self._limits[f"{name} depth"] > 0.2 * self._limits[f"{name} medium"]
        return UnitView(
            name,
            show_drive(drive.float().cpu().numpy(), squares),
            show_medium(light, squares, medium, limit, signed),
            self._weights(name, array),
            (*notes, f"pulses, at most {float(array.wear.max()):,.0f}"),
            alive,
        )

    def _weights(self, name: str, array: Array) -> Heatmap:
        """The weights; the same picture as before if they are the same."""
        values = array.weights().detach().float().cpu().numpy()
        known = self._arrays.get(name)
        if known is None or not np.array_equal(known.values, values):
            limit = self._limit(f"{name} array", float(np.quantile(np.abs(values), 0.99)))
            title = f"weights: {array.out_features} x {array.in_features}"
            known = self._arrays[name] = Heatmap(title, values.copy(), limit, True, "")
        return known

    def _limit(self, name: str, size: float) -> float:
        """The largest size so far, so that colours keep their meaning from frame to frame."""
        self._limits[name] = max(self._limits.get(name, 0.0), size if np.isfinite(size) else 0.0)
        return self._limits[name] or 1.0

    def _decision(self, action: Any) -> Decision | None:
        if self.measured is None or self.actions is None:
            return None
        policy = self.policy
        parameters, values = self.measured[2]
        value = float(values[0]) * policy.returns.value
        taken = self._taken_action(action)
        if isinstance(policy.head, GaussianHead):
            stds = tuple(policy.head.log_std.exp().flatten().tolist())
            return Decision(value, means=tuple(parameters[0].tolist()), stds=stds, action=taken)
        units = policy.action_units
        first = tuple(units.first.tolist()) if isinstance(units, Numbered) else ()
        choices = tuple(tuple(part[0].tolist()) for part in policy.head.probabilities(parameters[:1]))
        if policy.head.shape:
            return Decision(value, choices=choices, action=taken, first=first)
        return Decision(value, probabilities=choices[0], action=taken, first=first)

    def _taken_action(self, action: Any) -> tuple[float, ...]:
        """See `Decision.action`."""
        if action is None:
            assert self.actions is not None
            return tuple(self.actions[:1].flatten().tolist())
        return tuple(self.policy.action_units.from_env(action).tolist())


def format_costs(cost: dict[str, Any]) -> tuple[str, ...]:
    """What `pib_rl.agents.network.costs` counted, in lines for a panel."""
    lines = [f"{cost['measurements']:,} measurements"]
    if cost.get("digital_weights") == cost["devices"]:
        lines.append(f"{cost['devices']:,} digital weights")
    else:
        lines.append(f"{cost['writes']:,} writes to {cost['devices']:,} devices")
        lines.append(f"most written device: {cost['writes_max_per_device']:,.0f}")
    if cost["latency_s"]:
        lines.append(f"latency {si(cost['latency_s'], 's')} a decision")
    return tuple(lines)
