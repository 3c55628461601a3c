"""The machine is shown to find what it is there for: faults of isolation, planted on a copy."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from assurance import Reached
from crm_saas.customers import queries
from crm_saas.customers.models import Customer
from crm_saas.kit import idempotency, paging
from crm_saas.kit.db import set_scope
from crm_saas.kit.settings import Settings
from crm_saas.tenancy import middleware
from model.arena import open_arena
from model.lane import Mismatch
from model.test_two_tenants import run_machine
from sizes import sized

STEPS_MAX = 3_000

Plant = Callable[[psycopg.Connection[Any], pytest.MonkeyPatch], None]


def session_setting(owner: psycopg.Connection[Any], _: pytest.MonkeyPatch) -> None:
    _rewrite(owner, "set local app.tenant_org_id", "set app.tenant_org_id")


def scope_not_set(owner: psycopg.Connection[Any], _: pytest.MonkeyPatch) -> None:
    _rewrite(owner, "        staff_scope,\n", "        'all',\n")


def _rewrite(owner: psycopg.Connection[Any], old: str, new: str) -> None:
    (text,) = owner.execute(
        "select pg_get_functiondef('set_request_scope'::regproc)"
    ).fetchone() or ("",)
    assert old in text
    owner.execute(text.replace(old, new).encode())


def cached_principal(_: psycopg.Connection[Any], patch: pytest.MonkeyPatch) -> None:
    resolve, known = middleware.resolve, {}

    async def cached(session: Any, caller: Any, *rest: Any) -> Any:
        key = (caller.token.hash, caller.tenant_slug)
        if key not in known:
            known[key] = await resolve(session, caller, *rest)
        context = replace(known[key], session=session, request_id=caller.request_id)
        await set_scope(session, context.scope)
        return context

    patch.setattr(middleware, "resolve", cached)


def neither_policy_nor_condition(owner: psycopg.Connection[Any], patch: pytest.MonkeyPatch) -> None:
    owner.execute("alter table org_customers_mst disable row level security")

    async def found(context: Any, condition: Any, *, lock: bool = False) -> Any:
        return (await context.session.scalars(select(Customer).where(condition))).one_or_none()

    patch.setattr(queries, "find_customer", found)


def cursor_for_anybody(_: psycopg.Connection[Any], patch: pytest.MonkeyPatch) -> None:
    patch.setattr(paging, "_tag", lambda *_: b"t" * 16)


def keys_of_anybody(_: psycopg.Connection[Any], patch: pytest.MonkeyPatch) -> None:
    patch.setattr(idempotency, "_principal", lambda _: "somebody")


FAULTS: list[Plant] = [
    session_setting, scope_not_set, cached_principal, neither_policy_nor_condition,
    cursor_for_anybody, keys_of_anybody,
]  # fmt: skip
CHOSEN = sized(short=[scope_not_set], long=FAULTS)


@pytest.mark.filterwarnings("ignore:.*AsyncConnection.* was deleted while still open")
@pytest.mark.parametrize("plant", CHOSEN, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(
    plant: Plant,
    settings: Settings,
    owner_connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    reached: Reached,
) -> None:
    with open_arena(settings) as arena:
        plant(owner_connection, monkeypatch)
        with pytest.raises(BaseException) as raised:
            run_machine(arena, steps=STEPS_MAX, chosen_seed=1)
    error = raised.value
    found = error.subgroup(Mismatch) if isinstance(error, BaseExceptionGroup) else error
    assert found is not None
    reached(f"steps until a planted fault was found: {_words(plant)}", arena.failed_after[0])


def _words(plant: Plant) -> str:
    return plant.__name__.replace("_", " ")
