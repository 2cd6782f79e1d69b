"""Environments in processes of their own, several in each: for those that take long for a step."""

from __future__ import annotations

import builtins
import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices

from pib_rl.agents.resuming.environments import record_episodes

FAREWELL_S = 10.0  # in which processes may end by themselves


class ProcessVecEnv(VecEnv):
    """Environments that step at the same time, a share of them in each of several processes.

    Not `SubprocVecEnv` of Stable-Baselines3, which starts a process for every environment, shows an error of one as an
    `EOFError` without its message, and can't be saved for a training that goes on exactly.

    They give what they would give one by one in this process. An error of one is raised here, by its message; a process
    that ends shows as `EOFError` or `ConnectionError`. Processes end when this one does, however it ends.

    Processes are spawned: a script that makes one of these begins with ``if __name__ == "__main__":``.

    Args:
        makers: Make the environments of each process, in order; they are pickled.

    Attributes:
        kind: What its state is saved as: a training goes on exactly in another number of processes, or in this one.

    Raises:
        Exception: What a maker raises.
    """

    kind: ClassVar[str] = DummyVecEnv.__name__

    def __init__(self, makers: Sequence[Callable[[], DummyVecEnv]]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection[Any, Any]] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._closed = False
        self._owed = True  # whether answers are under way
        try:
            for make in makers:
                here, there = context.Pipe()
                process = context.Process(target=serve, args=(there, make), daemon=True)
                self._pipes.append(here)
                process.start()
                self._processes.append(process)
                there.close()
            begun = self._answers()
            self._ends = np.cumsum([count for count, *_ in begun]).tolist()
            super().__init__(self._ends[-1], *begun[0][1:])
        except BaseException:
            self.close()
            raise

    def reset(self) -> Any:
        """Resets all environments; seeds and options that were set before count once."""
        found = self._ask("reset", list(zip(self._shares(self._seeds), self._shares(self._options), strict=True)))
        self._reset_seeds()
        self._reset_options()
        return self._observations(found)

    def step_async(self, actions: np.ndarray) -> None:
        self._send("step", [(share,) for share in self._shares(actions)])

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        found = self._answers()
        rewards, dones = (np.concatenate([one[index] for one in found]) for index in (2, 3))
        return self._observations(found), rewards, dones, [info for one in found for info in one[4]]

    def close(self) -> None:
        """Ends all processes; one that is amid a long step is not waited for."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self._owed:
                self._ask("close", [()] * len(self._pipes))
        finally:
            for pipe in self._pipes:
                pipe.close()  # the other end takes that for the end
            until = time.monotonic() + FAREWELL_S
            for process in self._processes:
                process.join(max(0.0, until - time.monotonic()))
                if process.is_alive():
                    process.kill()
                    process.join()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return self._each("get_attr", indices, attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        self._each("set_attr", indices, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        return self._each("env_method", indices, method_name, *method_args, **method_kwargs)

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        return self._each("env_is_wrapped", indices, wrapper_class)

    def get_images(self) -> Sequence[np.ndarray | None]:
        return [image for share in self._ask("get_images", [()] * len(self._pipes)) for image in share]

    def _each(self, method: str, indices: VecEnvIndices, *arguments: Any, **options: Any) -> list[Any]:
        """What a method of `VecEnv` gives for some environments, in their order."""
        wanted = list(self._get_indices(indices))
        spans = [range(start, end) for start, end in zip([0, *self._ends], self._ends, strict=False)]
        shares = [[index for index in wanted if index in span] for span in spans]
        own = [
            (method, [index - span.start for index in share], arguments, options)
            for share, span in zip(shares, spans, strict=True)
        ]
        values: dict[int, Any] = {}
        for share, found in zip(shares, self._ask("each", own), strict=True):
            values |= dict(zip(share, found, strict=True))
        return [values[index] for index in wanted]

    def _shares(self, values: Any) -> list[Any]:
        """What each process gets of one value per environment."""
        return [values[start:end] for start, end in zip([0, *self._ends], self._ends, strict=False)]

    def _observations(self, found: list[Any]) -> Any:
        """All observations, of answers that begin with a share of them and of the infos of resets."""
        self.reset_infos = [info for one in found for info in one[1]]
        return joined([one[0] for one in found])

    def _ask(self, name: str, each: Sequence[tuple[Any, ...]]) -> list[Any]:
        self._send(name, each)
        return self._answers()

    def _send(self, name: str, each: Sequence[tuple[Any, ...]]) -> None:
        self._owed = True
        for pipe, arguments in zip(self._pipes, each, strict=True):
            pipe.send((name, arguments))

    def _answers(self) -> list[Any]:
        """What comes of each process, in order; raises what one raised."""
        answers = [pipe.recv() for pipe in self._pipes]
        self._owed = False
        for error, _ in answers:
            if error is not None:
                raise error
        return [answer for _, answer in answers]


class Share:
    """The environments of one process, and what may be asked of them.

    Args:
        venv: The environments.
    """

    def __init__(self, venv: DummyVecEnv) -> None:
        self._venv = venv
        record_episodes(venv)

    def begin(self) -> tuple[Any, ...]:
        """How many there are, and their spaces."""
        return self._venv.num_envs, self._venv.observation_space, self._venv.action_space

    def reset(self, seeds: list[int | None], options: list[dict[str, Any]]) -> tuple[Any, ...]:
        """Observations and infos after a reset."""
        self._venv._seeds, self._venv._options = seeds, options
        return self._venv.reset(), self._venv.reset_infos

    def step(self, actions: np.ndarray) -> tuple[Any, ...]:
        """Observations, infos of resets, rewards, dones and infos after a step."""
        obs, *others = self._venv.step(actions)
        return obs, self._venv.reset_infos, *others

    def each(self, method: str, indices: list[int], arguments: tuple[Any, ...], options: dict[str, Any]) -> list[Any]:
        """What a method of `VecEnv` gives for some of them."""
        if not indices:
            return []
        found = getattr(self._venv, method)(*arguments, indices=indices, **options)
        return [None] * len(indices) if found is None else list(found)

    def get_images(self) -> list[Any]:
        """A picture of each."""
        return list(self._venv.get_images())

    def close(self) -> None:
        """Closes them."""
        self._venv.close()


def serve(pipe: Connection[Any, Any], make: Callable[[], DummyVecEnv]) -> None:
    """Makes environments and answers until the other end of the pipe is closed; the work of a process.

    Args:
        pipe: Gets an error or None, and an answer or None, for the beginning and for each (method of `Share`,
            arguments) that comes.
        make: Makes the environments.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; one decides
    share: Share | None = None
    name, arguments = "begin", ()
    while True:
        answer: tuple[Exception | None, Any]
        try:
            share = Share(make()) if share is None else share
            answer = None, getattr(share, name)(*arguments)
        except Exception as error:
            answer = sendable(error), None
        try:
            try:
                pipe.send(answer)
            except (TypeError, AttributeError, ValueError) as error:
                pipe.send((sendable(error), None))
            name, arguments = pipe.recv()
        except (EOFError, OSError):
            return


def sendable(error: Exception) -> Exception:
    """An error of the same type and message, or where no other process knows the type, one that names it."""
    kind = getattr(builtins, type(error).__name__, None)
    if kind is type(error) and not isinstance(error, (OSError, UnicodeError)):
        return type(error)(str(error))
    return RuntimeError(f"{type(error).__name__}: {error}")


def joined(parts: list[Any]) -> Any:
    """Observations of several vector environments as those of one."""
    first = parts[0]
    if isinstance(first, dict):
        return {name: np.concatenate([one[name] for one in parts]) for name in first}
    if isinstance(first, tuple):
        return tuple(np.concatenate(one) for one in zip(*parts, strict=True))
    return np.concatenate(parts)
