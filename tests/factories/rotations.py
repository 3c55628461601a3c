"""Master keys, rings of them, and customers whose phone was proved under one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_saas.kit.settings import Settings
from factories.codes import send_code
from factories.database import as_role, rows
from factories.servers import run_server
from factories.tenants import TestTenant

OLD, NEW, NEWEST = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32


def ring(settings: Settings, *versions: int, current: int | None = None) -> Settings:
    keys = {1: OLD, 2: NEW, 3: NEWEST}
    masters = {version: keys[version] for version in versions}
    return replace(settings, master_keys=masters, master_key_current=current)


@contextmanager
def serving(tenant: TestTenant, settings: Settings) -> Iterator[TestTenant]:
    """The same tenant on a server with another ring."""
    with run_server(settings) as server, ExitStack() as stack:
        yield TestTenant(tenant.id, tenant.slug, server, stack)


def proved(tenant: TestTenant, phone: str) -> UUID:
    """The person behind a customer whose phone was just proved."""
    return proved_customer(tenant, phone)[1]


def proved_customer(tenant: TestTenant, phone: str) -> tuple[Any, UUID]:
    made = tenant.client("owner").post(
        "/customers",
        json={
            "type": "full", "name": "Amal", "phone": phone, "otpCode": send_code(tenant, phone)
        },
    )  # fmt: skip
    assert made.status_code == 201, made.text
    return made.json(), person_of(tenant, made.json())


def person_of(tenant: TestTenant, customer: Any) -> UUID:
    [(person,)] = rows(
        tenant.server.settings,
        "select person_id from org_customers_mst where id = %s",
        customer["id"],
    )
    assert isinstance(person, UUID)
    return person


def age_persons(settings: Settings) -> None:
    with as_role(settings) as platform:
        platform.execute("update sys_customers_mst set created_at = now() - interval '2 hours'")
