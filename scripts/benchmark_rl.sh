#!/usr/bin/env bash
# Measures PIB beside frozen units, backpropagation through a digital twin (exact and 20 % off) and software PPO on every
# task: 5 seeds, final policies, 100 fresh episodes. Finished runs are not repeated: stop it and go on at will.
#
#     scripts/benchmark_rl.sh [TASK ...]      all tasks without an argument
#
# Settings were tuned on other seeds, which pib_rl/hyperparams/pib.yml names; on these a task was never run before it was
# measured (docs/lab/README.md tells what earlier settings reached on others). Many hours on two cores: a million steps
# of one chip take 5 (LunarLander) to 20 minutes (MinAtar, optical), a digital twin two to three times as long.
# Environment: OUT (default comparisons), PYTHON (default python3), JOBS (default: one per processor), LEARNERS (may be
# empty) and HW to measure some learners or substrates now and others later: benchmark_table.py keeps what is there.
# WAFERS=--no-wafers gives each seed a run of its own: slower, but then times compare, and a run depends on its seed
# alone.
set -euo pipefail

OUT=${OUT:-comparisons}
PYTHON=${PYTHON:-python3}
LEARNERS=${LEARNERS-frozen backprop backprop-off ppo}
HW=${HW:-memristive optical}
WAFERS=${WAFERS:---wafers}
TASKS=(cartpole cartpole-noise acrobot pendulum mountaincar lander-w64 lander-w256 walker hopper halfcheetah
  breakout-100k breakout asterix freeway)

compare() { # NAME ENV [options]
  local name=$1
  shift
  # shellcheck disable=SC2086 -- a list of names
  "$PYTHON" -m pib_rl.compare "$@" --hw $HW --learner $LEARNERS $WAFERS --out "$OUT/$name" ${JOBS:+--jobs "$JOBS"}
}

measure() {
  case $1 in
    cartpole) compare "$1" CartPole-v1 --first-seed 330 --timesteps 80000 ;;
    cartpole-noise) # its curves are the picture of the README
      compare "$1" CartPole-v1 --first-seed 330 --distractors 32 --width 16 --timesteps 100000 --looks 20 ;;
    acrobot) compare "$1" Acrobot-v1 --first-seed 340 --timesteps 200000 ;;
    pendulum) compare "$1" Pendulum-v1 --first-seed 320 --timesteps 200000 ;;
    mountaincar) compare "$1" MountainCarContinuous-v0 --first-seed 330 --timesteps 100000 ;;
    lander-w64) compare "$1" LunarLander-v3 --first-seed 320 --width 64 --timesteps 1000000 ;;
    lander-w256) compare "$1" LunarLander-v3 --first-seed 320 --width 256 --timesteps 1000000 ;;
    walker) HW=memristive compare "$1" BipedalWalker-v3 --first-seed 320 --seeds 3 --timesteps 3000000 ;;
    hopper) HW=memristive compare "$1" Hopper-v5 --first-seed 320 --seeds 3 --timesteps 1000000 ;;
    halfcheetah) HW=memristive compare "$1" HalfCheetah-v5 --first-seed 320 --seeds 3 --timesteps 1000000 ;;
    breakout-100k) compare "$1" MinAtar/Breakout-v1 --first-seed 300 --width 256 --timesteps 100000 ;;
    breakout) compare "$1" MinAtar/Breakout-v1 --first-seed 320 --width 256 --timesteps 1000000 ;;
    asterix) compare "$1" MinAtar/Asterix-v1 --first-seed 320 --width 256 --timesteps 1000000 ;;
    freeway) compare "$1" MinAtar/Freeway-v1 --first-seed 320 --width 256 --timesteps 1000000 ;;
  esac
}

[ $# -gt 0 ] || set -- "${TASKS[@]}"
for task in "$@"; do
  [[ " ${TASKS[*]} " == *" $task "* ]] || { echo "unknown task $task: choose among ${TASKS[*]}" >&2; exit 2; }
done
failed=0
for task in "$@"; do
  measure "$task" || failed=$? # a failing run is reported; the other tasks go on
done
exit $failed
