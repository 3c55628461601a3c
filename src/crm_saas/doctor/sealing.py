"""Whether the worker keeps up with sealing the trail (DESIGN 5.3)."""

from collections.abc import Iterator

import psycopg

from crm_saas.audit.chain import BEGINNING, LOOK_BACK
from crm_saas.doctor.checks import Check

BEHIND_MINUTES_MAX = 5
NAMED_MAX = 20

_BEHIND = """
    select t.slug
    from sys_tenants_mst t
    left join org_audit_heads h on h.tenant_org_id = t.id and h.id = t.id
    where exists (
        select
        from org_events e
        where e.tenant_org_id = t.id
            and e.created_at >= least(coalesce(h.sealed_through, %(beginning)s), now())
                - %(look_back)s::interval
            and e.created_at < now() - make_interval(mins => %(behind)s)
            and not exists (
                select from org_audit_seals s where s.tenant_org_id = t.id and s.id = e.id
            )
    )
    order by t.slug
"""


def find_unsealed(connection: psycopg.Connection) -> Iterator[str]:
    found = connection.execute(
        _BEHIND,
        {"beginning": BEGINNING, "look_back": LOOK_BACK, "behind": BEHIND_MINUTES_MAX},
    ).fetchall()
    for (slug,) in found[:NAMED_MAX]:
        yield (
            f"The trail of {slug} has events older than {BEHIND_MINUTES_MAX} minutes without a "
            "seal. See that `crm-saas worker` runs, and run `crm-saas audit verify`: a broken "
            "chain is not sealed any further."
        )
    if len(found) > NAMED_MAX:
        yield f"And of {len(found) - NAMED_MAX} more tenants."


CHECK = Check("sealing", "Every event is sealed within minutes.", find_unsealed)
