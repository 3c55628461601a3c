"""Jobs: work that a verb leaves for later, kept by Procrastinate in the same PostgreSQL.

A job commits and rolls back with the data of the transaction that enqueued it. It runs at least
once: a worker that dies in the middle leaves it to another, so a job must bear to run twice.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.telemetry import tracing

_ENQUEUE = text(
    "select enqueue_job("
    ":tenant, :name, cast(:arguments as jsonb), :delay_seconds, :priority, cast(:lock as text))"
)
_ENQUEUE_FOR_TENANTS = text(
    "select enqueue_job_for_tenants("
    "cast(:tenants as uuid[]), :name, cast(:arguments as jsonb), :priority)"
)
_TENANTS_AT_ONCE = 1000


class JobRefused(Exception):
    """Raised by a job that no retry can help; it is parked at once."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of one tenant, named `slice.verb`; `function` takes a Context and its arguments.

    The arguments arrive as the types that the function declares. A failure is tried again after
    5, 15, 45 … seconds and at most an hour; after `retries` of them the job is parked: it stays
    in the queue as failed, and holds up nothing.

    `own_transactions`: the work is longer than a transaction may be. The context's is over when the
    function begins; it opens others on the context's database, as often as it likes.
    """

    name: str
    function: Callable[..., Awaitable[None]]
    retries: int = 6
    timeout_seconds: float = 60
    own_transactions: bool = False

    def arguments(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Raises JobRefused for what the function does not take."""
        try:
            decoded = msgspec.convert(stored, _arguments_of(self.function), strict=False)
        except msgspec.ValidationError as error:
            raise JobRefused(f"{self.name} does not take these arguments: {error}") from error
        return {
            name: value
            for name in decoded.__struct_fields__
            if (value := getattr(decoded, name)) is not msgspec.UNSET
        }


@dataclass(frozen=True, kw_only=True)
class PeriodicJob:
    """Work across tenants on a schedule (UTC); `function` takes the operator's Database.

    No retries: the next tick is one. A tick is left out while another waits in the queue.
    """

    name: str
    cron: str
    function: Callable[[Database], Awaitable[None]]
    timeout_seconds: float = 600


async def enqueue(
    context: Context,
    name: str,
    arguments: Mapping[str, Any],
    *,
    delay_seconds: int = 0,
    priority: int = 0,
    lock: str | None = None,
) -> int:
    """Enqueues a job of the context's tenant in the context's transaction; returns its number.

    Arguments are ids, never personal data: the queue holds those of every tenant, and its log
    shows them. Jobs of one `lock` run one at a time in the order in which they came, so that one
    which waits for its retry holds up the others. A higher `priority` runs first.
    """
    job_id = await context.session.scalar(
        _ENQUEUE,
        {
            "tenant": context.tenant.id,
            "name": name,
            "arguments": _encode(arguments),
            "delay_seconds": delay_seconds,
            "priority": priority,
            "lock": lock,
        },
    )
    return int(job_id or 0)


async def enqueue_for_tenants(
    session: AsyncSession,
    tenant_ids: Sequence[UUID],
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    priority: int = -10,
) -> int:
    """Enqueues a job for each tenant in a transaction of crm_platform; returns how many.

    A tenant whose last such job has not ended yet is left out. Behind the jobs of requests,
    unless the priority says otherwise.
    """
    enqueued = 0
    for start in range(0, len(tenant_ids), _TENANTS_AT_ONCE):
        enqueued += await session.scalar(
            _ENQUEUE_FOR_TENANTS,
            {
                "tenants": list(tenant_ids[start : start + _TENANTS_AT_ONCE]),
                "name": name,
                "arguments": _encode(arguments or {}),
                "priority": priority,
            },
        )
    return enqueued


def _encode(arguments: Mapping[str, Any]) -> str:
    """With the trace of whoever enqueues; the worker takes it out again."""
    return msgspec.json.encode({**arguments, **tracing.carried()}).decode()


def _arguments_of(function: Callable[..., Awaitable[None]]) -> type[msgspec.Struct]:
    """The function's parameters after the first, as a struct that refuses all others."""
    hints = get_type_hints(function)
    _, *parameters = inspect.signature(function).parameters.values()
    fields: list[Any] = [
        (parameter.name, hints[parameter.name])
        if parameter.default is parameter.empty
        else (parameter.name, hints[parameter.name] | msgspec.UnsetType, msgspec.UNSET)
        for parameter in parameters
    ]
    return msgspec.defstruct("Arguments", fields, forbid_unknown_fields=True)
