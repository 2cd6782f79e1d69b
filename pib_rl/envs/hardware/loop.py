"""A physical policy in control, and an agent that may override it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from torch import Tensor

from pib_rl.agents.heads import GaussianHead
from pib_rl.agents.network.faults import check, inject
from pib_rl.agents.observations import as_learned
from pib_rl.agents.policy import PIBPolicy, Prediction
from pib_rl.agents.saved import load_policy
from pib_rl.agents.saved_settings import BEST, LAST
from pib_rl.common.limits import within_memory
from pib_rl.common.options import admit, shown
from pib_rl.common.pictures import as_frame
from pib_rl.envs.actions import check_action
from pib_rl.envs.hardware.chips import LARGE, FreshChip, Source, check_single, reseed, run_folder
from pib_rl.envs.hardware.delay import Delay, late_steps
from pib_rl.envs.hardware.override import make_override
from pib_rl.envs.make import control_period
from pib_rl.physical.faults import Fault, FaultPlan, parse_all
from pib_rl.physical.substrate import Read
from pib_rl.viewer import Episodes, Probe, Scene, Status

if TYPE_CHECKING:
    from pib_rl.viewer import Painter

VIEWS = ("both", "task")
SETTINGS: dict[str, Any] = {"best": bool, "greedy": bool, "latency_s": float | None}


class HardwareLoop(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Lets a physical policy drive a task; the agent outside lets it act or overrides it.

    Observation, reward, start and end of an episode: those of the task.

    Action: 0 lets the hardware act. Where the task has n actions, `Discrete` (n + 1), k + 1 is action k in its place.
    Where actions are continuous, `Box` of the same shape, added to the hardware's action; the sum is clipped to the
    task's bounds, and reaches all of them.

    Info: ``hw_action``, what the hardware does in the next step unless overridden; ``hw_answer``, its action for the
    observation that comes with this info (another one only where answers come late); ``hw_value``, the return it
    expects, in units of reward; ``hw_probabilities``, shape (n,), or ``hw_mean`` and ``hw_sigma``, of the task's shape
    and in its units; ``energy_j``, joules spent on this answer, and ``latency_s``, seconds it takes, 0 where that is
    not modelled; ``faults``, how many have happened. After a step ``applied_action``, what the task was given.

    Latency: answers that take longer than the control period serve later steps, see `late_steps`; until the first
    does, the hardware gives ``first_action``. Overrides are not late.

    Chip: `reset` does not repair it: faults happen once in the life of the environment, counted in steps over all
    episodes, and stay. ``reset(options={"chip": "new"})`` puts in the chip as it was delivered and starts its
    life again. What it draws starts again at each `reset`, from a seed that the task's generator spawns: it follows
    from the seed that `reset` is given and takes nothing from the task's own draws.

    Args:
        env: The task, with Discrete or Box actions.
        policy: Run folder of ``train``; a `FreshChip`; or a policy, which is used as it is, not copied.
        best: Take the best checkpoint of the run, not the last policy.
        chip: Of a run of several chips (a wafer), the number of the one that acts, from 0; None for the first one.
        greedy: The most likely action; else one drawn from the policy.
        read: Read mode of the hardware, "noisy", "mean" or "ideal".
        latency_s: Seconds from an observation to the answer, in the place of those of the hardware.
        first_action: What the hardware does until its first answer comes; by default action 0, or zeros within bounds.
        view: What `render` shows: "both", task and hardware side by side; or "task", the task's frame.
        faults: What breaks, as "KIND:SIZE@STEP", such as "stuck:0.5@300": before the answer to the observation after
            so many steps. See `pib_rl.physical.faults.KINDS`. Nothing by default, or with None.

    Raises:
        ValueError: If the policy can't be had or is of other spaces, or an argument does not fit.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        policy: Source | FreshChip | PIBPolicy,
        *,
        best: bool = False,
        chip: int | None = None,
        greedy: bool = True,
        read: str = "noisy",
        latency_s: float | None = None,
        first_action: Any = None,
        view: str = "both",
        faults: Sequence[str] | None = (),
    ) -> None:
        settings = admit(SETTINGS, {"best": best, "greedy": greedy, "latency_s": latency_s}, "HardwareLoop")
        if isinstance(faults, (str, bytes, Mapping)) or not isinstance(faults, (Iterable, type(None))):
            raise ValueError(f"faults must be a list of KIND:SIZE@STEP, got {shown(faults)}")
        breaks = () if faults is None else tuple(faults)
        RecordConstructorArgs.__init__(
            self,
            _disable_deepcopy=True,
            policy=policy,
            **settings,
            chip=chip,
            read=read,
            first_action=first_action,
            view=view,
            faults=breaks,
        )
        gym.Wrapper.__init__(self, env)
        spec = env.unwrapped.spec  # `gymnasium.make` writes the id of the whole into it later
        self._task = spec.id if spec is not None else type(env.unwrapped).__name__
        self.override = make_override(env.action_space)
        self.action_space = self.override.space
        self.policy = fitting(policy, env, BEST if settings["best"] else LAST, chip)
        if view not in VIEWS:
            raise ValueError(f"view must be {' or '.join(VIEWS)}, got {view!r}")
        self.greedy, self.view = settings["greedy"], view
        self._painter: Painter | None = None
        self.probe = Probe(self.policy, Read(read))
        self.latency_s = self.policy.model.latency if settings["latency_s"] is None else settings["latency_s"]
        self.delay = Delay(self._late(settings["latency_s"] is not None), self.override.checked(first_action))
        self.faults = parse_all(breaks)
        for fault in self.faults:
            check(self.policy.model, fault)
        self._delivered = {name: value.clone() for name, value in self.policy.state_dict().items()}
        self._begin()

    def _begin(self) -> None:
        self.plan, self.played = FaultPlan(self.faults, self._break), Episodes()
        self._next: Any = self.delay.first

    def _break(self, fault: Fault) -> None:
        inject(self.policy.model, fault)
        self.played.mark()

    def _late(self, asked: bool) -> int:
        """Steps by which answers come late."""
        period = control_period(self.env)
        if period is None and asked:
            raise ValueError(
                "latency_s can't be turned into steps: the environment has no tau, dt or render_fps; leave it out"
            )
        return 0 if period is None else late_steps(self.latency_s, period)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets the task and what the chip draws; the option "chip": "new" puts in the chip as it was delivered."""
        others = dict(options or {})
        chip = others.pop("chip", None)
        if chip not in (None, "new"):
            raise ValueError(f'the option chip must be "new", or left out, got {chip!r}')
        obs, info = self.env.reset(seed=seed, options=None if options is None else others)
        if chip == "new":
            self.policy.load_state_dict(self._delivered)
            self._begin()
        reseed(self.policy.streams, self.np_random)
        self.delay.clear()
        self.probe.begin()
        self.played.start()
        return obs, info | self._decide(obs, info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One step of the task; ValueError if the action is none of ``action_space``, bounds of a Box left aside."""
        check_action(self.action_space, action)
        applied = self.override(action, self._next)
        obs, reward, terminated, truncated, info = self.env.step(applied)
        self.played.count(reward, terminated or truncated)
        return obs, reward, terminated, truncated, info | self._decide(obs, info) | {"applied_action": applied}

    def _decide(self, obs: Any, info: dict[str, Any]) -> dict[str, Any]:
        """Asks the hardware about an observation; what an info says of that."""
        self.plan.reach(self.played.steps)
        with self.policy.meter.lap() as joules:
            prediction = self.probe.decide(self.policy.obs_to_tensor(obs)[0], self.greedy)
            spent = joules()
        action = self._in_task(prediction.actions)
        self._next = self.delay(action)
        return {
            "hw_action": np.copy(self._next)[()],
            "hw_answer": action,
            "hw_value": float(prediction.values[0]) * self.policy.returns.value,
            **self._law(prediction),
            "energy_j": info.get("energy_j", 0.0) + spent,
            "latency_s": info.get("latency_s", 0.0) + self.latency_s,
            "faults": len(self.plan.happened),
        }

    def _in_task(self, actions: Tensor) -> Any:
        """An action as the task takes it, of actions of the head, shape (1, ...)."""
        return self.policy.to_env(actions.cpu().numpy())[0]

    def _law(self, prediction: Prediction) -> dict[str, np.ndarray]:
        """The distribution that actions are drawn from."""
        parameters, head, space = prediction.parameters[0].cpu(), self.policy.head, self.env.action_space
        if not isinstance(head, GaussianHead):
            return {"hw_probabilities": parameters.softmax(0).numpy()}
        assert isinstance(space, spaces.Box)
        mean, sigma = (part.cpu().numpy().reshape(space.shape) for part in (parameters, head.log_std.exp()))
        if self.policy.squash_output:
            half = (space.high - space.low) / 2
            mean, sigma = space.low + half * (mean + 1), sigma * half
        return {"hw_mean": mean, "hw_sigma": sigma}

    def render(self) -> Any:
        """Task and hardware side by side, shape (720, 1280, 3), uint8; or what the task's own ``render`` gives.

        Raises:
            DependencyNotInstalled: If pygame is missing or doubled.
        """
        drawn = self.env.render()
        frame = None if self.view == "task" else as_frame(drawn)
        if frame is None:
            return drawn
        if self._painter is None:
            from pib_rl.viewer import Painter

            self._painter = Painter()
        self._painter.paint(self.scene(), frame)
        return self._painter.array()

    def scene(self) -> Scene:
        """What there is to be seen of the hardware."""
        title, tags = f"{self._task} on {self.policy.model.chip.hw}", (f"{self.probe.read.value} read",)
        return self.probe.scene(Status(title, **self.played.place(), tags=tags, faults=self.plan.labels), self._next)


def fitting(
    policy: Source | FreshChip | PIBPolicy, env: gym.Env[Any, Any], name: str, chip: int | None = None
) -> PIBPolicy:
    """The policy that is meant, as for `HardwareLoop`; ``name`` is that of its file in a run folder.

    Raises:
        ValueError: If it can't be had or is of other spaces.
    """
    if chip is not None and isinstance(policy, FreshChip | PIBPolicy):
        raise ValueError(
            f"chip chooses one of a run folder, got a {type(policy).__name__} and chip {chip}; leave it out"
        )
    if isinstance(policy, FreshChip):
        return policy.policy(env.observation_space, env.action_space)
    if not isinstance(policy, PIBPolicy):
        folder = run_folder(policy, "policy", ", a FreshChip or a PIBPolicy")
        with within_memory(*LARGE):
            return load_policy(folder, env.observation_space, env.action_space, name, chip)
    check_single(policy.model, "policy")
    for what, own, there in (
        ("observations", policy.observation_space, as_learned(env.observation_space)),
        ("actions", policy.action_space, env.action_space),
    ):
        if own != there:
            raise ValueError(f"the policy was made for {what} {own}, but the environment has {there}")
    return policy
