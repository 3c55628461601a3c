"""All tenants' chains, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg

from crm_saas.audit.verifying import Anchor, Fault, Report, Verifier
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.errors import InvalidInput, NotFound
from crm_saas.kit.settings import Settings

_TENANTS = "select id, slug from sys_tenants_mst order by slug"
# A tenant whose own row was removed is found by the head that it left behind.
_ORPHANS = """
    select h.tenant_org_id
    from org_audit_heads h
    where not exists (select from sys_tenants_mst t where t.id = h.tenant_org_id)
"""
_HEADS = """
    select t.id, t.slug, h.position, encode(h.digest, 'hex')
    from org_audit_heads h
    join sys_tenants_mst t on t.id = h.tenant_org_id
    where h.id = h.tenant_org_id
    order by t.slug
"""


def read_heads(settings: Settings) -> list[Anchor]:
    with _connection(settings) as connection:
        return [Anchor(*row) for row in connection.execute(_HEADS).fetchall()]


def read_anchors(file: Path) -> list[Anchor]:
    """What `crm-saas audit heads` printed, on one day or on several. Raises InvalidInput."""
    anchors: list[Anchor] = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            if line.strip():
                anchors.append(msgspec.json.decode(line, type=Anchor))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidInput.of(
                "heads",
                f"line {number} of {file} is not one that `crm-saas audit heads` printed: {error}",
            ) from error
    return anchors


def verify_trails(
    settings: Settings,
    *,
    slug: str | None = None,
    anchors: Sequence[Anchor] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Report]:
    """A report a tenant, as it is done. Raises NotFound for an unknown slug."""
    by_tenant: dict[UUID, list[Anchor]] = {}
    for anchor in anchors:
        by_tenant.setdefault(anchor.tenant, []).append(anchor)
    with _connection(settings) as connection:
        tenants = [(i, s) for i, s in connection.execute(_TENANTS).fetchall() if slug in {None, s}]
        if slug is not None and not tenants:
            raise NotFound(f"There is no tenant `{slug}`. `crm-saas tenants list` names them.")
        verifier = Verifier(connection, KeyRing.from_settings(settings), progress)
        for tenant_id, name in tenants:
            yield verifier.verify(tenant_id, name, by_tenant.pop(tenant_id, []))
        if slug is None:
            orphans = {i: "" for (i,) in connection.execute(_ORPHANS).fetchall()}
            lost = orphans | {i: found[0].slug for i, found in by_tenant.items()}
            for tenant_id, name in lost.items():
                yield _lost(tenant_id, name)


def _lost(tenant_id: UUID, slug: str) -> Report:
    fault = Fault("its trail was sealed once, and the tenant is gone", f"tenant {tenant_id}")
    return Report(tenant_id, slug, 0, 0, 0, 0, 1, [fault])


def _connection(settings: Settings) -> psycopg.Connection:
    connection = psycopg.connect(settings.url("crm_dump"), autocommit=True, connect_timeout=10)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection
