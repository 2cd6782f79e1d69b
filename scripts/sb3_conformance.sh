#!/usr/bin/env bash
# Runs the tests of the installed release of Stable-Baselines3 with PIB in the place of A2C and PPO, unmodified:
#
#     scripts/sb3_conformance.sh [NAME ...]      such as: scripts/sb3_conformance.sh identity gae
#
# Without names: all 15 files that docs/stable_baselines3.md lists; utils needs ale-py (pip install ale-py). The tests
# come from the source distribution of that release on the package index, or from the folder SB3_SOURCE if that is set.
# PYTHON chooses the interpreter. Each file is tested in a process of its own, so that memory is that of one file. The
# result is compared with sb3_expected_failures.txt; the exit status is 0 if all ended as expected.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python}
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    names=(identity gae save_load predict callbacks spaces dict_env deterministic run monitor logger train_eval_mode cnn
        custom_policy utils)
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "${SB3_SOURCE:-}" ]; then
    version=$("$python" -c 'import stable_baselines3; print(stable_baselines3.__version__)')
    "$python" -m pip download --quiet --no-binary :all: --no-deps --dest "$work" "stable-baselines3==$version"
    tar -xzf "$work"/stable_baselines3-*.tar.gz -C "$work"
    SB3_SOURCE=$(echo "$work"/stable_baselines3-*/)
fi
files=()
for name in "${names[@]}"; do
    file=$SB3_SOURCE/tests/test_$name.py
    [ -f "$file" ] || { echo "sb3_conformance.sh: error: no $file; give names such as identity, gae, run" >&2; exit 2; }
    files+=("tests/test_$name.py")
done

cd "$work"
cp -r "$SB3_SOURCE/tests" tests
export OMP_NUM_THREADS=1 PYTHONPATH="$here:$here/..:${PYTHONPATH:-}" SB3_COUNTS="$work/counts"
status=0
for file in "${files[@]}"; do
    "$python" -m pytest -q --tb=no -p sb3_aliases -p no:cacheprovider -k "not DQN and not SAC and not TD3 and not DDPG" \
        "$file" || status=1
done
"$python" "$here/sb3_aliases.py" "$SB3_COUNTS"
exit "$status"
