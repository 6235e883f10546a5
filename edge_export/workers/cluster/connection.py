"""Connect to a Dask scheduler and check that its workers can run our tasks, before anything is written."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any

from edge_export.cache.keys import installed
from edge_export.errors import RequestError, one_line
from edge_export.workers.cluster.worker import differences, keep

if TYPE_CHECKING:
    from distributed import Client

TIMEOUT_S = 10.0
_ADDRESS = re.compile(r"((tcp|tls)://)?([\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")


def connect(address: str) -> Client:
    """Returns a client of the scheduler at `address`, such as "tcp://10.0.0.5:8786". The caller closes it.

    Raises:
        RequestError: The package `distributed` is not installed here, no scheduler answers at `address`, it has no
            workers, or one of them does not have the same packages as this machine.
    """
    if not _ADDRESS.fullmatch(address):
        raise RequestError(f"--cluster {one_line(address, 60)}: give a scheduler as host:port or tls://host:port")
    try:
        from distributed import Client
    except ImportError as error:
        raise RequestError("--cluster needs the package distributed: pip install edge_export[cluster]") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # our errors say the same in one line
    try:
        # Checked before a client is made: a client would wait forever for a server of another kind.
        asyncio.run(asyncio.wait_for(_require_scheduler(address), TIMEOUT_S))
        client = Client(address, timeout=TIMEOUT_S, set_as_default=False, name="edge_export")
    except Exception as error:  # parsing the reply of another kind of server may raise anything
        raise RequestError(
            f"--cluster {address}: no Dask scheduler answered within {TIMEOUT_S:g} s "
            f"({type(error).__name__}: {one_line(error, 100)}): "
            "start one with `dask scheduler`, or correct the address"
        ) from error
    try:
        _require_workers(client, address)
    except BaseException:
        client.close()
        raise
    return client


async def _require_scheduler(address: str) -> None:
    from distributed.core import rpc
    from distributed.security import Security

    async with rpc(address, connection_args=Security().get_connection_args("client")) as server:
        kind = (await server.identity())["type"]
    if kind != "Scheduler":
        raise ValueError(f"it is a {kind}")


def _require_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=TIMEOUT_S)
    except TimeoutError as error:
        start = f"start some with `dask worker {address}`"
        raise RequestError(f"--cluster {address}: the scheduler has no workers: {start}") from error
    answers: dict[str, Any] = client.run(differences, installed(), on_error="return")
    try:
        client.run_on_scheduler(keep, {})  # the scheduler runs no task, but it parses the name of a task's function
    except Exception as error:
        answers["scheduler"] = error
    for where, answer in answers.items():
        if isinstance(answer, Exception):
            answer = f"no edge_export ({one_line(answer, 200)})"
        if answer:
            same = "install there what is installed here, and restart it"
            raise RequestError(f"--cluster {address}: {where} has {answer}: {same}")
