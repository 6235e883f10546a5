"""Connect to a Dask scheduler, and check that its workers can do our tasks, before anything is written."""

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
    """A client of the scheduler at `address`, such as "tcp://10.0.0.5:8786"; the caller closes it.

    Raises:
        RequestError: There is no package `distributed` here, no scheduler there, none of its workers is there, or one
            of them has not what is installed here.
    """
    if not _ADDRESS.fullmatch(address):
        raise RequestError(f"--cluster {one_line(address, 60)}: give a scheduler as host:port or tls://host:port")
    try:
        from distributed import Client
    except ImportError as error:
        raise RequestError("--cluster needs a package more: pip install edge_export[cluster]") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it would print, our errors say in one line
    try:
        # First by itself: a client would wait forever for the answer of another kind of server.
        asyncio.run(asyncio.wait_for(_require_scheduler(address), TIMEOUT_S))
        client = Client(address, timeout=TIMEOUT_S, set_as_default=False, name="edge_export")
    except Exception as error:  # what such a server says may be misread in any way
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
        client.run_on_scheduler(keep, {})  # it never runs a task, but takes the name of its function apart
    except Exception as error:
        answers["scheduler"] = error
    for where, answer in answers.items():
        if isinstance(answer, Exception):
            answer = f"no edge_export ({one_line(answer, 200)})"
        if answer:
            same = "install there what is installed here, and restart it"
            raise RequestError(f"--cluster {address}: {where} has {answer}: {same}")
