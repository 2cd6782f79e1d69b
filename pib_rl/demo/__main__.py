"""What python -m pib_rl.demo runs."""

from pib_rl.cli.cli import run
from pib_rl.demo import NAME, main

if __name__ == "__main__":
    run(NAME, main)
