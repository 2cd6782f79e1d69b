"""What python -m pib_rl.certify runs."""

from pib_rl.certify import NAME, main
from pib_rl.cli.cli import run

if __name__ == "__main__":
    run(NAME, main)
