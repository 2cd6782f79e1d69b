"""Environments in processes of their own that end: an error that says so, and an agent that goes on."""

from __future__ import annotations

from functools import partial

import pytest
from failing_worlds import Failing
from stable_baselines3.common.vec_env import SubprocVecEnv

from pib_rl.agents import PIB
from pib_rl.agents.resuming.failures import environment_failure

SMALL = {"width": 4, "n_steps": 16, "seed": 0, "hw": "memristive"}


def process(fails):
    """One alone: of several that are forked, each holds the pipes of the others, and a lost one is never noticed."""
    return SubprocVecEnv([partial(Failing, fails=fails)], start_method="fork")


@pytest.mark.parametrize(
    ("fails", "when"), [("exit", "after step 6"), ("step", "after step 6"), ("reset", "when it began")]
)
def test_a_lost_process_is_named_and_the_agent_goes_on(fails, when, tmp_path):
    model = PIB("MlpPolicy", process(fails), **SMALL)
    with pytest.raises((EOFError, ConnectionError)) as caught:
        model.learn(64)
    said = environment_failure(caught.value)
    assert said is not None
    assert said.startswith(f"the environment failed {when}, its process ended: ")
    env = model.get_env()
    for one in env.processes:
        one.terminate()
    model.save(tmp_path / "model")
    model.set_env(process(""))
    model.learn(64)
    assert model.num_timesteps == 64
    model.get_env().close()
    PIB.load(tmp_path / "model", process("")).get_env().close()
