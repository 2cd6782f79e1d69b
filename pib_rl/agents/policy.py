"""The physical policy: normalised observations, units on hardware, readout, action head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import maybe_transpose
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from pib_rl.agents.heads import action_units, make_head
from pib_rl.agents.heads.units import Scaled
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.normaliser import ReturnScale
from pib_rl.agents.network.wafer import check_chip, chip_state
from pib_rl.agents.observation_shapes import is_batch
from pib_rl.agents.observations import (
    ImageLayout,
    check_observation_space,
    flatten,
    image_layout,
    parts_of,
    precision,
)
from pib_rl.agents.patches import IMAGE_PATCHES
from pib_rl.common.finite import Origin, check_finite
from pib_rl.common.streams import LEARNING, Streams
from pib_rl.physical.meter import Meter
from pib_rl.physical.substrate import Read

CALIBRATION_SAMPLES = 256


class PolicyOutputs(NamedTuple):
    """Outputs of a policy's readout.

    Args:
        parameters: Parameters of the distribution of actions, see `Head`, shape (..., head.outputs).
        values: Expected returns, shape (...,), in units of the return scale.
    """

    parameters: Tensor
    values: Tensor


class Prediction(NamedTuple):
    """What a policy predicts for n observations.

    Args:
        actions: As the head gives them, continuous ones clipped to the range of the task's actions.
        parameters: Parameters of their distribution, shape (n, head.outputs).
        values: Expected returns, shape (n,), in units of the return scale.
    """

    actions: Tensor
    parameters: Tensor
    values: Tensor


class PIBPolicy(BasePolicy):
    """A policy on simulated or real hardware, in the shape that Stable-Baselines3 expects.

    A wafer of chips holds a policy on each; observations and actions of all come in one batch, those of the first chip
    first, equally many of each. `of_chip` gives the policy of one chip.

    Everything that the policy needs is in its state dict as float buffers: the fabricated device, weights,
    optimiser state, gain controls, observation and return statistics. It has no torch parameters, for nothing is
    trained by automatic differentiation.

    Args:
        observation_space: Box, Discrete, MultiDiscrete, MultiBinary, or a Dict of these; it is flattened.
        action_space: Discrete, MultiDiscrete, MultiBinary or Box. Of a Box of whole numbers, each number has an output
            per value where it has up to 32; otherwise continuous actions are rounded.
        lr_schedule: Unused; Stable-Baselines3 passes it.
        hw, hw_options, width, units, objective, objective_options, seed, chips: The chip, see `ChipConfig`.
        patches: (channels, size, stride) of each unit that looks at squares of the image, see `ChipConfig`; None for
            those of the class: `PIBPolicy` has none, `CnnPolicy` has `IMAGE_PATCHES`. With patches all pixels share one
            mean and one standard deviation.
        gamma: Discount of the returns whose scale the values are in units of.
        log_std_init: Initial log sigma of continuous actions, in half ranges of the action.
        noise_correlation: Correlation of exploration noise in successive steps of an environment, 0..1, see `Head`.
        action_inputs: Give the network inputs for an action behind those for the observation; they are 0 while acting.

    Raises:
        ValueError: If a name is unknown, a size is not positive, a space is not supported, or patches do not fit.
    """

    default_patches: ClassVar[Sequence[tuple[int, int, int]]] = ()
    _order: Tensor | None

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule | None = None,
        *,
        hw: str = "digital",
        hw_options: dict[str, Any] | None = None,
        width: int = 64,
        units: int = 2,
        patches: Sequence[tuple[int, int, int]] | None = None,
        objective: str = "decoder",
        objective_options: dict[str, float] | None = None,
        gamma: float = 0.99,
        log_std_init: float = -0.5,
        noise_correlation: float = 0.0,
        action_inputs: bool = False,
        seed: int = 0,
        chips: int = 1,
        normalize_images: bool = True,
        use_sde: bool = False,
    ) -> None:
        check_observation_space(observation_space)
        if use_sde:
            raise ValueError("use_sde is not supported: exploration noise does not depend on the state here")
        units_of_actions = action_units(action_space)
        bounded = isinstance(units_of_actions, Scaled)
        super().__init__(observation_space, action_space, squash_output=bounded, normalize_images=normalize_images)
        self.action_units = units_of_actions
        if patches is None:
            patches = self.default_patches
        layout = self._look_at(observation_space, action_inputs) if patches else None
        order = None if layout is None else layout.order(observation_space.shape or ())
        self.register_buffer("_order", None if order is None else torch.from_numpy(order), persistent=False)
        chip = ChipConfig(
            patches=patches,  # type: ignore[arg-type]
            image=None if layout is None else layout.grid,
            hw=hw,
            hw_options=hw_options or {},
            width=width,
            units=units,
            objective=objective,
            objective_options=objective_options or {},
            seed=seed,
            chips=chips,
        )
        self._arguments = {name: value for name, value in vars(chip).items() if name != "image"} | {
            "gamma": gamma,
            "log_std_init": log_std_init,
            "noise_correlation": noise_correlation,
            "action_inputs": action_inputs,
        }
        features = spaces.flatdim(observation_space)
        axes = (chips,) if chips > 1 else ()
        self.head = make_head(action_space, log_std_init, noise_correlation, axes)
        self.returns = ReturnScale(gamma, axes)
        self.model = PhysicalModel(
            chip,
            features,
            self.head.outputs + 1,
            target_features=self.head.score_features + 1,
            target_inputs=self.head.outputs if action_inputs else 0,
            common=layout is not None,
        )
        shape = CALIBRATION_SAMPLES, self.model.network.in_features
        drawn = self.streams.normal(LEARNING, self.streams.zeros(*shape))
        if self.model.network.ready:
            self.model.network.calibrate(drawn)
        self._precision = precision(observation_space)
        self._plain = isinstance(observation_space, spaces.Box) and len(observation_space.shape) == 1

    @staticmethod
    def _look_at(space: spaces.Space[Any], action_inputs: bool) -> ImageLayout:
        """The image that patch units look at; ValueError if there is none."""
        layout = image_layout(space)
        if layout is None:
            raise ValueError(
                f"patches look at squares of images, a Box of 2 to 4 axes, got observations {space}; leave patches out "
                "(MlpPolicy has none)"
            )
        if action_inputs:
            raise ValueError(
                "patches see no inputs but the image, and this learner needs inputs for actions too; leave patches "
                "out, or choose another learner"
            )
        return layout

    @property
    def device(self) -> torch.device:
        """Where the buffers live."""
        return self.model.device

    @property
    def streams(self) -> Streams:
        """The random streams of the chip."""
        return self.model.streams

    @property
    def meter(self) -> Meter:
        """What the chip has cost."""
        return self.model.meter

    @property
    def net_arch(self) -> list[int]:
        """Width of each unit, patch units left out: what Stable-Baselines3 calls layers."""
        return [self.model.chip.width] * self.model.chip.units

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), **self._arguments}

    def flatten(self, obs: PyTorchObs, origin: Origin | None = None) -> Tensor:
        """Observations of n environments as floats, shape (*chips, n / chips, features): one-hot, images 0..1.

        They lie in memory in this order, however they came: the last digits of a product depend on that, and a training
        that goes on from a file gets its first ones in another order than from its environments.

        Raises:
            ValueError: If a number is not finite; the message says where, ``origin`` is whose they are, and when.
        """
        if self._plain and isinstance(obs, Tensor):
            check_finite(obs, origin=origin)
            return self.grouped(obs.to(self._precision).contiguous())
        return self.grouped(self._flat(obs, origin))

    def flatten_one(self, obs: PyTorchObs, origin: Origin | None = None) -> Tensor:
        """One observation, batched, as floats, shape (features,); errors as of `flatten`."""
        return self._flat(obs, origin)[0]

    def _flat(self, obs: PyTorchObs, origin: Origin | None) -> Tensor:
        """Shape (n, features); of an image that patches look at, in the order of `Grid`."""
        flat = flatten(obs, self.observation_space, self.normalize_images, origin)
        return flat if self._order is None else flat.index_select(-1, self._order)

    def grouped(self, values: Tensor) -> Tensor:
        """What belongs to n environments, shape (n, ...), by chip: shape (*chips, n / chips, ...).

        Raises:
            ValueError: If n is no multiple of the number of chips.
        """
        chips = self.streams.chips
        if not chips:
            return values
        if len(values) % chips[0]:
            raise ValueError(
                f"a wafer of {chips[0]} chips needs as many observations for each, got {len(values)} in all"
            )
        return torch.unflatten(values, 0, (chips[0], -1))

    def ungrouped(self, values: Tensor) -> Tensor:
        """The inverse of `grouped`."""
        return values.flatten(0, 1) if self.streams.chips else values

    def of_chip(self, chip: int) -> PIBPolicy:
        """The policy of one chip of a wafer, counted from 0, as it is now; its own seed is that of the chip.

        Raises:
            ValueError: If there is no such chip.
        """
        check_chip(chip, self.model.chip.chips)
        if not self.streams.chips:
            return self
        arguments = self._arguments | {"seed": self.model.chip.seed + chip, "chips": 1}
        single = PIBPolicy(
            self.observation_space, self.action_space, normalize_images=self.normalize_images, **arguments
        )
        single.load_state_dict(chip_state(self.state_dict(), single.state_dict(), chip))
        return single.to(self.device)

    def inputs(self, flat: Tensor, actions: Tensor | None = None) -> Tensor:
        """`PhysicalModel.inputs` of flat observations, shape (*chips, n, d), and actions of the head, or none."""
        return self.model.inputs(flat, None if actions is None else self.head.encode(actions))

    def outputs(self, flat: Tensor, read: Read = Read.NOISY) -> PolicyOutputs:
        """One pass of flat observations, shape (*chips, n, d), through the hardware."""
        return self.split(self.model.outputs(flat, read))

    @staticmethod
    def split(outputs: Tensor) -> PolicyOutputs:
        """The outputs of the readout, shape (..., o), by their meaning."""
        return PolicyOutputs(outputs[..., :-1], outputs[..., -1])

    @torch.inference_mode()
    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> tuple[Tensor, ...]:
        """Actions, values in units of reward, and log-probabilities, as Stable-Baselines3 wants them."""
        parameters, values = self.outputs(self.flatten(obs))
        actions = self.head.mode(parameters) if deterministic else self.head.sample(parameters, self.streams)
        return self._ungrouped(actions, self._worth(values), self.head.log_prob(parameters, actions))

    @torch.inference_mode()
    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Values, shape (n, 1), in units of reward."""
        return self.ungrouped(self._worth(self.outputs(self.flatten(obs)).values))

    @torch.inference_mode()
    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, ...]:
        """Values, shape (n, 1), in units of reward, log-probabilities of ``actions`` and entropies.

        Actions have shape (n, ...), as `forward` gives them.
        """
        parameters, values = self.outputs(self.flatten(obs))
        actions = actions.long() if self.head.whole else actions
        actions = self.grouped(actions.reshape(len(actions), *self.head.shape))
        return self._ungrouped(
            self._worth(values), self.head.log_prob(parameters, actions), self.head.entropy(parameters)
        )

    @torch.inference_mode()
    def prediction(self, obs: PyTorchObs, deterministic: bool, read: Read) -> Prediction:
        """Actions, their distributions and values from one pass of n observations through the hardware, by chip."""
        return self.choose(self.outputs(self.flatten(obs), read), deterministic)

    def _worth(self, values: Tensor) -> Tensor:
        """Values as the readout gives them, shape (*chips, n), in units of reward, shape (*chips, n, 1)."""
        return values.unsqueeze(-1) * self.returns.each

    def _ungrouped(self, *parts: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.ungrouped(part) for part in parts)

    def choose(self, outputs: PolicyOutputs, deterministic: bool) -> Prediction:
        """The most likely actions of these outputs, or drawn ones."""
        parameters, values = outputs
        actions = self.head.mode(parameters) if deterministic else self.head.sample(parameters, self.streams)
        return Prediction(actions.clamp(-1, 1) if self.squash_output else actions, parameters, values)

    def act(self, obs: PyTorchObs, deterministic: bool, read: Read) -> Tensor:
        """Actions of n environments in a given read mode, as `Prediction` has them, shape (n, ...)."""
        return self.ungrouped(self.prediction(obs, deterministic, read).actions)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        return self.act(observation, deterministic, Read.MEAN if deterministic else Read.NOISY)

    def predict(
        self,
        observation: Any,
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Actions for one observation or a batch of them, as the environment takes them, and ``state`` as it came.

        Raises:
            ValueError: If the observation has not the shape of the space.
        """
        self.set_training_mode(False)
        obs, several = self.obs_to_tensor(observation)
        with torch.no_grad():
            actions = self.to_env(self._predict(obs, deterministic).cpu().numpy())
        return actions if several else actions.squeeze(0), state

    def obs_to_tensor(self, observation: Any) -> tuple[PyTorchObs, bool]:
        """Observations of an environment as a batch of tensors, and whether they were one before.

        Raises:
            ValueError: If they have not the shape of the space.
        """
        several = is_batch(observation, self.observation_space)
        parts = {
            name: maybe_transpose(np.array(observation if name is None else observation[name]), part)
            for name, part in parts_of(self.observation_space).items()
        }
        ready = {
            name: torch.as_tensor(part if several else part[None], device=self.device) for name, part in parts.items()
        }
        return ready.get(None, ready), several

    def to_env(self, actions: np.ndarray) -> np.ndarray:
        """Actions of the head, shape (n, ...), as the environment takes them: scaled or counted, inside its space."""
        return self.action_units.to_env(actions)


class CnnPolicy(PIBPolicy):
    """A policy for images: `PIBPolicy` with patch units in front, `IMAGE_PATCHES` unless others are given."""

    default_patches: ClassVar[Sequence[tuple[int, int, int]]] = IMAGE_PATCHES


@dataclass
class Reader:
    """A policy read in one mode, in the shape that `evaluate_policy` of Stable-Baselines3 takes."""

    policy: PIBPolicy
    read: Read

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """Actions for a batch of observations, shape (n, ...)."""
        obs, _ = self.policy.obs_to_tensor(observation)
        return self.policy.to_env(self.policy.act(obs, deterministic, self.read).cpu().numpy()), state
