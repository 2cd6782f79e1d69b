#!/usr/bin/env bash
# Makes the film of the README, of a chip that balances a pole, breaks and recovers in place, and its information plane.
#
#     scripts/recovery_film.sh
#
# Trains an optical policy for 20,480 steps (seed 0), then plays it: after 100 steps 30 % of the camera pixels of all
# media go dark, from step 150 on the chip learns on beside the play. A finished training is not repeated. A minute or
# two.
# Environment: RUN (default runs/film), OUT (default docs/pictures), PYTHON (default python3).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

RUN=${RUN:-runs/film}
OUT=${OUT:-docs/pictures}
PYTHON=${PYTHON:-python3}

"$PYTHON" -m pib_rl.train CartPole-v1 --hw optical --timesteps 20480 --seed 0 --out "$RUN" --no-progress
"$PYTHON" -m pib_rl.play "$RUN" --render gif --size 800x450 --steps 600 --fault dead-pixels:0.3@100 \
    --learn-from 150 --learn-every 20 --learn-steps 16384 --no-progress
cp "$RUN/play.gif" "$OUT/recovery.gif"
cp "$RUN/information_plane.png" "$OUT/information_plane.png"
