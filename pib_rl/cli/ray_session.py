"""A connection to a cluster of Ray, or a small one on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pib_rl.cli.cli import UserError, one_line

LOCAL = "local"  # the address of a cluster that is started here, and ends with the command
ANSWER_S = 5.0  # how long a machine may take to answer, in s
TOKEN = Path(".ray") / "auth_token"  # where Ray keeps its token, from the home folder


@contextlib.contextmanager
def connected(address: str, cpus: int, each: float) -> Iterator[Any]:
    """The module ray, connected as long as the context lasts; a connection that was there before is used, and stays.

    Args:
        address: HOST:PORT of a cluster, "auto" for the one that runs on this machine, or `LOCAL`.
        cpus: Processors that a local cluster may use.
        each: Processors that a task will take: some machine must have so many.

    Raises:
        UserError: If Ray is not installed, the cluster does not answer or refuses, or has no machine of that size.
    """
    ray = _imported()
    mine = not ray.is_initialized()
    if mine:
        _connect(ray, address, cpus)
    try:
        most = max(node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"])
        if each > most:
            raise UserError(f"--ray-cpus must be at most {most:g}, what the largest machine has, got {each:g}")
        yield ray
    finally:
        if mine:
            ray.shutdown()


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report home; it reads that when it is imported
    try:
        import ray
    except ImportError:
        raise UserError("--ray needs ray: pip install 'pib-rl[distributed]'") from None
    return ray


def _connect(ray: Any, address: str, cpus: int) -> None:
    if address not in (LOCAL, "auto"):
        _check_answer(address)
    local = {"num_cpus": cpus, "include_dashboard": False} if address == LOCAL else {}
    ending = signal.getsignal(signal.SIGTERM)
    close_token()
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise UserError(f"--ray {address}: {one_line(str(error))}") from None
    finally:
        signal.signal(signal.SIGTERM, ending)  # Ray puts its own in the place of the command's
        close_token()


def _check_answer(address: str) -> None:
    """Raises UserError unless somebody listens there: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "://" in address:
        raise UserError(f"--ray takes HOST:PORT, auto, or nothing for this machine alone, got {address!r}")
    try:
        socket.create_connection((host, int(port)), ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--ray {address}: nobody answers ({getattr(error, 'strerror', None) or error}); ray status there tells "
            "whether a cluster runs"
        ) from None


def close_token() -> None:
    """Makes Ray's token, with which anybody may run code in the cluster, readable for its owner alone."""
    token = Path.home() / TOKEN
    with contextlib.suppress(OSError):  # of others, or of a file system without permissions
        token.parent.mkdir(mode=0o700, exist_ok=True)
        if token.exists():
            token.chmod(0o600)
