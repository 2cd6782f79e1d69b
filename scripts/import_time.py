"""What `import pib_rl` and help cost: CPU seconds beside those of an empty program, median of interleaved runs.

.venv/bin/python scripts/import_time.py
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

PROGRAMS = {
    "nothing": "pass",
    "import pib_rl": "import pib_rl",
    "import pib_rl; pib_rl.PIB": "import pib_rl; pib_rl.PIB",
    "pib-rl train --help": "import sys; sys.argv[1:] = ['train', '--help']; import pib_rl.__main__ as one; one.main()",
}
RUNS = 7


def cpu_seconds(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    runs = [{name: cpu_seconds(program) for name, program in PROGRAMS.items()} for _ in range(RUNS)]
    medians = {name: statistics.median(run[name] for run in runs) for name in PROGRAMS}
    for name, seconds in medians.items():
        more, times = seconds - medians["nothing"], seconds / medians["nothing"]
        print(f"{name:<28}{seconds:.3f} s, {more:.3f} s more than nothing, {times:.1f} times")


if __name__ == "__main__":
    main()
