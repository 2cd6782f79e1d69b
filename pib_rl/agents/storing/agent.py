"""Algorithms of Stable-Baselines3 that are saved as plain data and tensors, in the place of pickled objects."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.save_util import recursive_getattr
from stable_baselines3.common.type_aliases import GymEnv
from stable_baselines3.common.utils import check_for_correct_spaces, get_system_info

from pib_rl.agents.saved import first_difference
from pib_rl.agents.storing.archive import PickledError, Target, read_archive, write_archive
from pib_rl.agents.storing.attributes import from_plain, to_plain
from pib_rl.common.options import nearest, shown
from pib_rl.common.state import check_state
from pib_rl.common.streams import ENVIRONMENT
from pib_rl.common.tree import flatten_state, join_state

SelfStored = TypeVar("SelfStored", bound="StoredAlgorithm")
MADE_AGAIN = ("lr_schedule", "logger")  # from other attributes


class MisfitError(RuntimeError, ValueError):
    """Parameters that do not fit an agent.

    Stable-Baselines3 has a ValueError for names of parts, and a RuntimeError for what is in them. Its `load` takes a
    ValueError that is no RuntimeError for one of its own old files.
    """


class StoredAlgorithm(OnPolicyAlgorithm):
    """What `save` and `load` of an agent do, with the arguments that they have in Stable-Baselines3.

    A file holds the agent's attributes as JSON, and policy, learner and random streams as safetensors; reading it runs
    no code of the file, and checks it before anything is used.
    """

    policy: Any

    @abstractmethod
    def _check_learner(self) -> None:
        """Raises ValueError unless the learner is one of this class."""

    def save(self, path: Target, exclude: Iterable[str] | None = None, include: Iterable[str] | None = None) -> None:
        """Saves the agent; the old file, where there is one, or the new one is there at any moment.

        Functions and classes of your own (a schedule, a policy class) are not saved: `load` says which ones it needs
        again.

        Args:
            path: File, to which .zip is added where it has no ending, or an open binary file.
            exclude: Attributes to leave out.
            include: Attributes to save that usually are left out.

        Raises:
            ValueError: If something in ``include`` can't be saved.
            OSError: If the file can't be written.
        """
        wanted = set(include or ())
        left_out = {*self._excluded_save_params(), *MADE_AGAIN, *(exclude or ())} - wanted
        attributes: dict[str, Any] = {}
        missing: list[str] = []
        for name, value in vars(self).items():
            if name in left_out:
                continue
            try:
                attributes[name] = to_plain(value)
            except TypeError as error:
                if name in wanted:
                    raise ValueError(f"{name} can't be saved: {error}") from None
                missing.append(name)
        content = {
            "attributes": attributes,
            "missing": missing,
            "parameters": self.get_parameters(),
            "streams": self.policy.streams.state(),
            "system": get_system_info(print_info=False)[1],
        }
        write_archive(path, flatten_state(content))

    @classmethod
    def load(
        cls: type[SelfStored],
        path: Target,
        env: GymEnv | None = None,
        device: torch.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        *,
        trust: bool = False,
        **kwargs: Any,
    ) -> SelfStored:
        """The agent that `save` wrote; learning goes on with draws that are new.

        Args:
            path: File, with or without .zip, or an open one.
            env: Environment to learn or to be evaluated in; None is enough to predict.
            device: torch device.
            custom_objects: Attributes in the place of saved ones, by name; needed for what `save` left out.
            print_system_info: Print the versions of now and of then.
            force_reset: Reset ``env`` before learning.
            trust: Read a file of Stable-Baselines3, too. It may run any code: only with files of people you trust.
            kwargs: Attributes that get another value, such as ``tensorboard_log``.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is damaged, of Stable-Baselines3, of other spaces than ``env``, or lacks something.
            MisfitError: If its tensors do not fit.
        """
        try:
            found = _content(path)
        except PickledError:
            if not trust:
                raise
            return super().load(path, env, device, custom_objects, print_system_info, force_reset, **kwargs)
        if print_system_info:
            print("== CURRENT SYSTEM INFO ==")
            get_system_info()
            print(f"== SAVED MODEL SYSTEM INFO ==\n{found['system']}")
        data = _replaced(found["attributes"], found["missing"], custom_objects or {}, kwargs)
        if env is not None:
            env = cls._wrap_env(env, data["verbose"])
            check_for_correct_spaces(env, data["observation_space"], data["action_space"])
            data["n_envs"] = env.num_envs
            if force_reset:
                data["_last_obs"] = None
        make: Any = cls
        model: SelfStored = make(policy=data["policy_class"], env=env, device=device, _init_setup_model=False)
        model.__dict__.update(data)
        model._check_learner()
        model._setup_model()
        model.set_parameters(found["parameters"], exact_match=True, device=device)
        model._go_on(found["streams"])
        return model

    def _go_on(self, streams: dict[str, Any]) -> None:
        """Random streams go on where they were, and environments begin episodes that were not there before."""
        kinds = ("cpu", self.device.type)
        states = [state for state in streams["states"] if str(state[1]).startswith(kinds)]
        self.policy.streams.load_state({**streams, "states": states})
        if self.env is not None and self.num_timesteps:
            self.env.seed(self.policy.streams.integer(f"{ENVIRONMENT} from step {self.num_timesteps}"))

    def set_parameters(self, load_path_or_dict: Any, exact_match: bool = True, device: Any = "auto") -> None:
        """As in Stable-Baselines3; `MisfitError`, on one line, if the parameters do not fit this agent."""
        given = load_path_or_dict
        parameters = given if isinstance(given, Mapping) else _content(given)["parameters"]
        try:
            for name, state in parameters.items():
                check_state(recursive_getattr(self, name), state)
            super().set_parameters(dict(parameters), exact_match, device)
        except (RuntimeError, ValueError, AttributeError) as error:
            raise MisfitError(
                "the saved parameters do not fit this agent (another width, number of units, environment, hw or "
                f"version of pib_rl made them): {first_difference(error)}; make it as the saved one was, or train again"
            ) from None


def _content(path: Target) -> dict[str, Any]:
    """What a file of an agent holds, its attributes as they were."""
    source = path if isinstance(path, str) or hasattr(path, "parts") else "the file"
    try:
        found = join_state(read_archive(path))
        parts = {name: dict(found[name]) for name in ("parameters", "streams")}
        return parts | {
            "attributes": {name: from_plain(value) for name, value in found["attributes"].items()},
            "missing": [str(name) for name in found["missing"]],
            "system": str(found["system"]),
        }
    except PickledError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = str(error)
        raise ValueError(text if text.startswith(str(source)) else f"{source} is damaged: {text}") from None


def _replaced(
    data: dict[str, Any], missing: list[str], custom: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Saved attributes with others in their place; ValueError if one that is needed is missing, or can't change."""
    known = [*data, *missing]
    for name in given:
        if name not in known:
            raise ValueError(f"load has no argument {name!r}, nor has a saved agent it; {nearest(name, sorted(known))}")
    kwargs = given.get("policy_kwargs")
    if "policy_kwargs" in given and "policy_kwargs" in data and not _same(kwargs or {}, data["policy_kwargs"]):
        raise ValueError(
            f"policy_kwargs must be those of the saved agent, {shown(data['policy_kwargs'])}, or left out, got "
            f"{shown(kwargs)}"
        )
    found = data | {name: value for name, value in {**custom, **given}.items() if name in known}
    if lacking := [name for name in missing if name not in found]:
        raise ValueError(
            f"{', '.join(lacking)}: functions and classes of your own are not in the file; give them to load again: "
            f"custom_objects={{{', '.join(f'{name!r}: ...' for name in lacking)}}}"
        )
    return found


def _same(one: Any, other: Any) -> bool:
    """Equality of settings, in which lists and tuples are the same."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(np.all(one == other))
