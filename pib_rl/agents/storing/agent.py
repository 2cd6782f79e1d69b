"""Algorithms of Stable-Baselines3 that are saved as plain data and tensors, in the place of pickled objects."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from stable_baselines3.common.save_util import recursive_getattr
from stable_baselines3.common.type_aliases import GymEnv
from stable_baselines3.common.utils import get_system_info

from pib_rl.agents.resuming.agent import COUNTERS, EPISODES, SEEN
from pib_rl.agents.resuming.algorithm import MisfitError, ResumableAlgorithm
from pib_rl.agents.saved import first_difference
from pib_rl.agents.storing.archive import PickledError, Target, read_archive, write_archive
from pib_rl.agents.storing.attributes import from_plain, to_plain
from pib_rl.agents.storing.checks import check_attributes
from pib_rl.common.options import nearest, shown
from pib_rl.common.state import check_state
from pib_rl.common.tree import flatten_state, join_state

LONGEST_SPACE = 200  # characters of a space in a message
SelfStored = TypeVar("SelfStored", bound="StoredAlgorithm")
UNFIT = (TypeError, AttributeError, LookupError, AssertionError, ArithmeticError)  # where attributes are none
ELSEWHERE = (  # attributes that are made from others, or part of the training state
    *("lr_schedule", "logger", "iterations", "in_rollout", "_current_progress_remaining"),
    *(*COUNTERS, *SEEN, *EPISODES),
)


class StoredAlgorithm(ResumableAlgorithm):
    """What `save` and `load` of an agent do, with the arguments that they have in Stable-Baselines3.

    A file holds the agent's attributes and its training state, see `training_state`: plain data as JSON, tensors as
    safetensors. Reading it runs no code of the file, and checks it before anything is used.
    """

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
        left_out = {*self._excluded_save_params(), *ELSEWHERE, *(exclude or ())} - wanted
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
            "training": self._training_parts(),
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
        """The agent that `save` wrote.

        `learn` with ``reset_num_timesteps=False`` goes on as the saved agent would have, with draws that are new. With
        ``force_reset=False`` its episodes go on, too: what follows is then the same, bit for bit, where the environment
        can be brought to where it was (docs/commands.md says which can), and the agent was saved between two rollouts.

        Args:
            path: File, with or without .zip, or an open one.
            env: Environment to learn or to be evaluated in; None is enough to predict.
            device: torch device.
            custom_objects: Attributes in the place of saved ones, by name; needed for what `save` left out.
            print_system_info: Print the versions of now and of then.
            force_reset: Begin new episodes in ``env``; otherwise those of the saved agent go on.
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
            env = cls._wrap_env(env, data.get("verbose", 0))
            _check_spaces(data, env)
            data["n_envs"] = env.num_envs
        make: Any = cls
        model: SelfStored = make(policy=data["policy_class"], env=env, device=device, _init_setup_model=False)
        model.__dict__.update(data)
        model._check_learner()
        try:
            model._setup_model()
        except UNFIT as error:
            raise ValueError(
                f"what is saved makes no agent: {type(error).__name__} {first_difference(error)}"
            ) from error
        model._take_over(found["training"], new_episodes=force_reset)
        return model

    def set_parameters(self, load_path_or_dict: Any, exact_match: bool = True, device: Any = "auto") -> None:
        """As in Stable-Baselines3; `MisfitError`, on one line, if the parameters do not fit this agent."""
        given = load_path_or_dict
        parameters = given if isinstance(given, Mapping) else _parameters(_content(given)["training"])
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
        attributes = {name: from_plain(value) for name, value in found["attributes"].items()}
        check_attributes(attributes)
        return {
            "training": dict(found["training"]),
            "attributes": attributes,
            "missing": [str(name) for name in found["missing"]],
            "system": str(found["system"]),
        }
    except PickledError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__} {error}"
        raise ValueError(text if text.startswith(str(source)) else f"{source} is damaged: {text}") from None


def _check_spaces(data: Mapping[str, Any], env: GymEnv) -> None:
    """Raises ValueError, one line, unless an environment has the spaces of a saved agent."""
    for name in ("observation_space", "action_space"):
        ours, theirs = data[name], getattr(env, name)
        if ours != theirs:
            raise ValueError(
                f"the saved agent has the {name} {_short(ours)}, env has {_short(theirs)}; load it with an environment "
                "like the one it was made with"
            )


def _short(space: object) -> str:
    """A space in one line."""
    text = " ".join(str(space).split())
    return text if len(text) <= LONGEST_SPACE else f"{text[:LONGEST_SPACE]}..."


def _parameters(training: dict[str, Any]) -> dict[str, Any]:
    """What `get_parameters` of the agent with this training state gives."""
    memory = training["rule"]["memory"]
    return {"policy": training["policy"]} | ({"rule.learner.memory": memory} if memory else {})


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
