"""The file's rows into `org_import_rows`, checked: what everything after this works from."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from crm_saas.imports.checking import Checked
from crm_saas.imports.models import ImportRow
from crm_saas.imports.plans import KeptPlan
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.kit.recordsets import record_columns

_COLUMNS = (
    "id", "row_number", "outcome", "key", "phone", "email_key", "external_id",
    "columns", "composed", "address", "problems",
)  # fmt: skip
_NAMES = ", ".join(_COLUMNS)
_INSERT = text(f"""
    insert into org_import_rows (tenant_org_id, import_id, {_NAMES})
    select :tenant, :import, {_NAMES}
    from json_to_recordset(cast(:rows as json)) as v({record_columns(ImportRow, _COLUMNS)})
    returning row_number
""")  # noqa: S608 - names of columns
_FORGET = text("""
    delete from org_import_rows r
    where r.tenant_org_id = :tenant
        and r.id = any(array(
            select o.id
            from org_import_rows o
            where o.tenant_org_id = :tenant and o.import_id = :import
            limit :most
        ))
    returning r.id
""")
_FORGET_AT_ONCE = 5_000
_TWINS = """
    update org_import_rows r
    set outcome = 'refused',
        problems = twin.problems
    from (
        select
            numbered.id,
            jsonb_build_array(jsonb_build_object(
                'code', 'duplicate',
                'message', format(
                    'row %s has the same {what}; the first row counts', numbered.first_row
                )
            )) as problems
        from (
            select
                o.id,
                o.row_number,
                min(o.row_number) over (partition by o.{column}) as first_row
            from org_import_rows o
            where o.tenant_org_id = :tenant
                and o.import_id = :import
                and o.outcome <> 'refused'
                and o.{column} is not null
        ) numbered
        where numbered.row_number > numbered.first_row
    ) twin
    where r.tenant_org_id = :tenant and r.id = twin.id
    returning r.row_number
"""
_CLAIMED = {
    "phone": "phone", "email_key": "e-mail", "external_id": "external id"
}  # fmt: skip
SLOW_SECONDS = 300


def encode_rows(rows: Iterable[Checked]) -> str:
    """As the statement takes them; done beside the event loop, since it is work."""
    return msgspec.json.encode([_staged(row) for row in rows], enc_hook=str).decode()


def _staged(row: Checked) -> dict[str, Any]:
    claims = {name: row.columns.get(name) for name in _CLAIMED}
    return claims | {
        "id": new_id(),
        "row_number": row.number,
        "outcome": "refused" if row.problems else "waiting",
        "key": row.key,
        "columns": row.columns,
        "composed": row.composed,
        "address": row.address,
        "problems": row.problems or None,
    }


async def insert_rows(context: Context, import_id: UUID, encoded: str) -> None:
    await context.session.execute(
        _INSERT, {"tenant": context.tenant.id, "import": import_id, "rows": encoded}
    )


async def forget_rows(context: Context, import_id: UUID) -> bool:
    """Some of them; false when there were none left."""
    gone = await context.session.execute(
        _FORGET,
        {"tenant": context.tenant.id, "import": import_id, "most": _FORGET_AT_ONCE},
    )
    return bool(gone.all())


async def refuse_twins(context: Context, import_id: UUID, plan: KeptPlan) -> int:
    """Of rows that name the same phone, e-mail, id or number, the first counts."""
    await context.session.execute(text(f"set local statement_timeout = '{SLOW_SECONDS}s'"))
    refused = 0
    columns = _CLAIMED | ({"key": "number"} if plan.upsert_by == "customerNumber" else {})
    for column, what in columns.items():
        twins = await context.session.execute(
            text(_TWINS.format(column=column, what=what)),
            {"tenant": context.tenant.id, "import": import_id},
        )
        refused += len(twins.all())
    return refused
