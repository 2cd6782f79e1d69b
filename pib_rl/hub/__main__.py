"""What python -m pib_rl.hub runs."""

from pib_rl.cli.cli import run
from pib_rl.hub import NAME, main

if __name__ == "__main__":
    run(NAME, main)
