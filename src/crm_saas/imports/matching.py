"""Which rows make customers, which change them, and which can do neither.

The dry run asks without locks and the run with them: they differ only in what happened between.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, select, text

from crm_saas.addresses.importing import NewAddress, missing_addresses
from crm_saas.customers.editing import check_edit
from crm_saas.customers.fields import renamed
from crm_saas.customers.identifiers import (
    CLAIM_COLUMNS,
    Claim,
    claims_of,
    find_holders,
    lock_claims,
)
from crm_saas.customers.models import Customer
from crm_saas.customers.queries import MERGE_CHAIN_MAX
from crm_saas.imports.checking import Problem, written_columns
from crm_saas.imports.models import ImportRow
from crm_saas.imports.origins import DIFFERS, is_another
from crm_saas.imports.plans import KeptPlan
from crm_saas.kit.context import Context
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.events import changed, plain

# What a chunk locks at the most: a phone, an e-mail and an external id a row. PostgreSQL has room
# for 64 locks a connection, over all of them.
CHUNK_ROWS = 500
_NAMES = {"phone": "phone", "email": "e-mail", "external": "external id"}
_KINDS = {"phone": "phone", "email": "email", "externalId": "external"}
_ALWAYS = (
    "id", "customer_number", "profile_status", "status", "version", "name", "name2", "first_name",
    "last_name", "company_name", "display_name", "phone", "email_key", "external_id", "created_at",
)  # fmt: skip
_WAITING = text("""
    select r.id, r.row_number, r.key, r.phone, r.email_key, r.external_id,
        r.composed -> 'refused' as refused,
        r.composed -> 'custom_fields' as custom_fields,
        r.address is not null as has_address
    from org_import_rows r
    where r.tenant_org_id = :tenant
        and r.import_id = :import
        and r.row_number > :after
        and r.outcome in ('waiting', 'create', 'update', 'unchanged')
    order by r.row_number
    limit :most
""")


@dataclass
class Decision:
    """What a row does. `before` and `after` are the columns that it changes of `customer`."""

    row: Row[Any]
    outcome: str
    customer: SimpleNamespace | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    address: dict[str, Any] | None = None
    new_address: NewAddress | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def customer_id(self) -> UUID:
        """A new customer has the id of its row."""
        return self.customer.id if self.customer else self.row.id  # type: ignore[no-any-return]

    @property
    def given_up(self) -> list[Claim]:
        return claims_of(self.before)

    @property
    def wanted(self) -> list[Claim]:
        return claims_of(self.after)


async def next_rows(context: Context, import_id: UUID, after: int) -> Sequence[Row[Any]]:
    rows = await context.session.execute(
        _WAITING,
        {"tenant": context.tenant.id, "import": import_id, "after": after, "most": CHUNK_ROWS},
    )
    return rows.all()


async def decide(
    context: Context, plan: KeptPlan, rows: Sequence[Row[Any]], *, lock: bool
) -> list[Decision]:
    """One decision a row. `lock`: claims first (sorted), then the customers (by their ids)."""
    claims = {claim for row in rows for claim in _claims(row)}
    found = (
        await lock_claims(context, claims)
        if lock
        else await find_holders(context, sorted(claims))
        if claims
        else []
    )
    holders = {holder.claim: holder.customer_id for holder in found}
    numbered = await _numbered(context, plan, rows)
    targets = {row.id: _target(plan, row, holders, numbered) for row in rows}
    wanted = {target for target in targets.values() if target is not None}
    customers = await _customers(context, plan, wanted, lock=lock)
    sent = await _sent(context, [row.id for row in rows if targets[row.id] in customers])
    deciding = _Deciding(plan, holders, customers)
    await deciding.name_holders(context)
    decisions = [deciding.decide(row, targets[row.id], sent.get(row.id)) for row in rows]
    await _find_new_addresses(context, decisions)
    return decisions


async def _find_new_addresses(context: Context, decisions: Sequence[Decision]) -> None:
    """An address that a customer does not have yet is a change too."""
    there = {d.customer_id: d for d in decisions if d.customer and d.address}
    wanted = {customer_id: d.address for customer_id, d in there.items() if d.address}
    for new in await missing_addresses(context, wanted):
        decision = there[new.customer_id]
        decision.outcome, decision.new_address = "update", new


def _claims(row: Row[Any]) -> list[Claim]:
    return claims_of({column: getattr(row, column) for column in CLAIM_COLUMNS.values()})


def _target(
    plan: KeptPlan, row: Row[Any], holders: Mapping[Claim, UUID], numbered: Mapping[str, UUID]
) -> UUID | None:
    if row.key is None:
        return None
    if plan.upsert_by == "customerNumber":
        return numbered.get(row.key)
    return holders.get(Claim(_KINDS[plan.upsert_by], row.key))


async def _numbered(context: Context, plan: KeptPlan, rows: Sequence[Row[Any]]) -> dict[str, UUID]:
    """Customers by number; that of a merged one means the survivor."""
    if plan.upsert_by != "customerNumber":
        return {}
    keys = [row.key for row in rows if row.key is not None]
    columns = (Customer.number_norm, Customer.id, Customer.merged_into)
    ours = Customer.tenant_org_id == context.tenant.id
    found = await context.session.execute(
        select(*columns).where(ours, Customer.number_norm.in_(keys))
    )
    survivors = {row.number_norm: row.merged_into or row.id for row in found}
    merged = set(survivors.values())
    for _ in range(MERGE_CHAIN_MAX):
        steps = await context.session.execute(
            select(Customer.id, Customer.merged_into).where(
                ours, Customer.id.in_(merged), Customer.merged_into.is_not(None)
            )
        )
        further = {row.id: row.merged_into for row in steps}
        if not further:
            break
        survivors = {key: further.get(target, target) for key, target in survivors.items()}
        merged = set(further.values())
    return survivors


async def _customers(
    context: Context, plan: KeptPlan, ids: Iterable[UUID], *, lock: bool
) -> dict[UUID, SimpleNamespace]:
    """As far as the starter sees them."""
    columns = sorted({*_ALWAYS, *written_columns(plan)})
    query = (
        select(*(getattr(Customer, name) for name in columns))
        .where(Customer.tenant_org_id == context.tenant.id, Customer.id.in_(list(ids)))
        .order_by(Customer.id)
    )
    found = await context.session.execute(query.with_for_update() if lock else query)
    return {row["id"]: SimpleNamespace(**row) for row in found.mappings()}


async def _sent(context: Context, row_ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    if not row_ids:
        return {}
    rows = await context.session.execute(
        select(ImportRow.id, ImportRow.columns, ImportRow.address).where(
            ImportRow.tenant_org_id == context.tenant.id, ImportRow.id.in_(row_ids)
        )
    )
    return {row.id: row for row in rows}


class _Deciding:
    def __init__(
        self,
        plan: KeptPlan,
        holders: Mapping[Claim, UUID],
        customers: Mapping[UUID, SimpleNamespace],
    ) -> None:
        self._plan, self._holders, self._customers = plan, holders, customers
        self._numbers = {c.id: c.customer_number for c in customers.values()}
        self._taken: dict[UUID, int] = {}

    async def name_holders(self, context: Context) -> None:
        """The numbers of those who have what rows ask for, where the starter may see them."""
        unknown = set(self._holders.values()) - self._numbers.keys()
        if unknown:
            found = await context.session.execute(
                select(Customer.id, Customer.customer_number).where(
                    Customer.tenant_org_id == context.tenant.id, Customer.id.in_(unknown)
                )
            )
            self._numbers |= {row.id: row.customer_number for row in found}

    def decide(self, row: Row[Any], target: UUID | None, sent: Row[Any] | None) -> Decision:
        problems = self._conflicts(row, target)
        if problems:
            return Decision(row, "refused", problems=problems)
        if target is None:
            return self._creation(row)
        customer = self._customers.get(target)
        if customer is None or sent is None:
            return self._refused(row, "belongs to a customer outside your scope; ask a manager")
        if self._plan.mode == "createOnly":
            return self._refused(row, f"{customer.customer_number} has it already")
        if (first := self._taken.setdefault(target, row.row_number)) != row.row_number:
            return self._refused(row, f"row {first} changes {customer.customer_number} already")
        return self._change(row, customer, sent)

    def _conflicts(self, row: Row[Any], target: UUID | None) -> list[Problem]:
        problems = []
        for claim in _claims(row):
            holder = self._holders.get(claim)
            if holder is not None and holder != target:
                who = self._numbers.get(holder, "a customer outside your scope")
                problems.append(
                    Problem(
                        f"{who} has this {_NAMES[claim.kind]}",
                        field={"external": "externalId"}.get(claim.kind, claim.kind),
                        code="taken",
                    )
                )
        return problems

    def _creation(self, row: Row[Any]) -> Decision:
        if self._plan.mode == "updateOnly":
            return self._refused(row, "belongs to no customer, and none is to be created")
        if self._plan.upsert_by == "customerNumber" and row.key is not None:
            return self._refused(
                row, "belongs to no customer; leave it empty, and a new one gets the next number"
            )
        if row.refused:
            return Decision(
                row, "refused", problems=[Problem(**problem) for problem in row.refused]
            )
        return Decision(row, "create")

    def _refused(self, row: Row[Any], message: str) -> Decision:
        problem = Problem(message, field=self._plan.upsert_by, code="upsert")
        return Decision(row, "refused", problems=[problem])

    def _change(self, row: Row[Any], customer: SimpleNamespace, sent: Row[Any]) -> Decision:
        seen = cast(Customer, customer)
        columns = dict(sent.columns or {})
        try:
            check_edit(seen, columns)
        except InvalidInput as error:
            problems = [Problem(e.message, field=e.field, code=e.code) for e in error.fields]
            return Decision(row, "refused", problems=problems)
        columns |= renamed(seen, columns)
        if own := columns.get("custom_fields"):
            whole = customer.custom_fields | own
            columns["custom_fields"] = {k: v for k, v in whole.items() if v is not None}
        before, after = changed(plain(vars(customer)) or {}, columns)
        decision = Decision(row, "update" if after else "unchanged", customer, before, after)
        decision.address = sent.address
        if is_another(customer, sent.columns or {}):
            decision.problems = [
                Problem(
                    f"{customer.customer_number} has another name and other contacts; make sure "
                    "that it is the same customer",
                    field=self._plan.upsert_by,
                    code=DIFFERS,
                )
            ]
        return decision
