"""What happens to a customer's addresses.

Every verb locks the customer first, so that changes of one customer's addresses run one after
another: the default moves in two statements (the old one gives it up, the new one takes it), and
a partial unique index would refuse the second of two that interleave.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from crm_saas.addresses.errors import TooManyAddresses
from crm_saas.addresses.fields import PLACE, check_place, new_columns, read_fields
from crm_saas.addresses.models import TABLE, Address
from crm_saas.addresses.queries import access_address, addresses_of
from crm_saas.addresses.schemas import CreateAddress, PatchAddress
from crm_saas.customers.models import Customer
from crm_saas.customers.queries import access_customer
from crm_saas.kit.context import Context
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.etags import require_match
from crm_saas.kit.events import changed, record
from crm_saas.kit.ids import new_id

ADDRESSES_MAX = 50
UNDECIDED: dict[str, Any] = {
    "verification_status": "pending",
    "verified_by": None,
    "verified_by_name": None,
    "verified_at": None,
    "verification_notes": None,
}


async def create_address(context: Context, *, customer_id: UUID, sent: CreateAddress) -> Address:
    """The first address becomes the default. Raises NotFound, InvalidInput, TooManyAddresses."""
    columns = new_columns(context.tenant, sent)
    customer = await access_customer(context, customer_id, lock=True)
    return (await _add(context, customer, [columns]))[0]


async def add_addresses(
    context: Context, *, customer: Customer, items: Sequence[CreateAddress]
) -> list[Address]:
    """Those that came in the body of a customer made in this very transaction, or locked by it."""
    columns = [
        new_columns(context.tenant, sent, f"addresses[{index}].")
        for index, sent in enumerate(items)
    ]
    defaults = [index for index, values in enumerate(columns) if values.get("is_default")]
    if len(defaults) > 1:
        raise InvalidInput.of(
            f"addresses[{defaults[1]}].isDefault", "one address can be the default", "taken"
        )
    return await _add(context, customer, columns)


async def _add(
    context: Context, customer: Customer, items: Sequence[dict[str, Any]]
) -> list[Address]:
    present = await addresses_of(context, customer.id)
    if len(present) + len(items) > ADDRESSES_MAX:
        raise TooManyAddresses(
            f"A customer has {ADDRESSES_MAX} addresses at the most. Delete one that is not used."
        )
    default = _default_of(present)
    wanted = next((columns for columns in items if columns.get("is_default")), None)
    if wanted is None and default is None and items:
        wanted = items[0]
    return [
        await _insert(
            context,
            customer,
            columns | {"is_default": columns is wanted},
            loser=default if columns is wanted else None,
        )
        for columns in items
    ]


async def _insert(
    context: Context, customer: Customer, columns: dict[str, Any], loser: Address | None
) -> Address:
    if loser is not None:
        await _give_up_default(context, loser)
    address = Address(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        customer_id=customer.id,
        verification_status="pending",
        pending_since=datetime.now(UTC),
        **columns,
    )
    context.session.add(address)
    await context.session.flush()
    await record(
        context,
        "address.added",
        subject=(TABLE, address.id),
        customer_id=customer.id,
        after=_facts(address),
        rows=_rows(loser),
    )
    return address


async def change_address(
    context: Context,
    *,
    customer_id: UUID,
    address_id: UUID,
    sent: PatchAddress,
    if_match: str | None = None,
) -> Address:
    """A new place is pending again. Raises NotFound, PreconditionFailed, InvalidInput."""
    columns = read_fields(sent)
    address = await access_address(
        context, customer_id=customer_id, address_id=address_id, lock=True
    )
    require_match(address, if_match)
    before = _facts(address)
    columns = {name: value for name, value in columns.items() if _differs(before[name], value)}
    if not columns:
        return address
    if columns.get("is_default") is False:
        raise InvalidInput.of("isDefault", "make another address the default instead")
    check_place(before | columns)
    if columns.keys() & PLACE and address.verification_status != "pending":
        columns |= UNDECIDED | {"pending_since": datetime.now(UTC)}
    loser = await _free_default(context, address) if columns.get("is_default") else None
    for name, value in columns.items():
        setattr(address, name, value)
    await context.session.flush()
    old, new = changed(before, _facts(address))
    await record(
        context,
        "address.changed",
        subject=(TABLE, address.id),
        customer_id=address.customer_id,
        before=old,
        after=new,
        rows=_rows(loser),
    )
    return address


async def remove_address(
    context: Context, *, customer_id: UUID, address_id: UUID, if_match: str | None = None
) -> None:
    """The newest of the others becomes the default where this was it."""
    address = await access_address(
        context, customer_id=customer_id, address_id=address_id, lock=True
    )
    require_match(address, if_match)
    before = _facts(address)
    await context.session.delete(address)
    await context.session.flush()
    heir: Address | None = None
    if address.is_default and (others := await addresses_of(context, address.customer_id)):
        heir = others[-1]
        heir.is_default = True
        await context.session.flush()
    await record(
        context,
        "address.removed",
        subject=(TABLE, address_id),
        customer_id=address.customer_id,
        before=before,
        after={"default_address_id": heir.id} if heir else None,
        rows=_rows(heir),
    )


async def set_default_address(
    context: Context, *, customer_id: UUID, address_id: UUID, if_match: str | None = None
) -> Address:
    """Nothing changes where it is the default already."""
    address = await access_address(
        context, customer_id=customer_id, address_id=address_id, lock=True
    )
    require_match(address, if_match)
    if address.is_default:
        return address
    loser = await _free_default(context, address)
    address.is_default = True
    await context.session.flush()
    await record(
        context,
        "address.default_changed",
        subject=(TABLE, address.id),
        customer_id=address.customer_id,
        before={"default_address_id": loser.id if loser else None},
        after={"default_address_id": address.id},
        rows=_rows(loser),
    )
    return address


async def _free_default(context: Context, taker: Address) -> Address | None:
    """The address that gave the default up, if there was one."""
    loser = _default_of(await addresses_of(context, taker.customer_id))
    if loser is not None:
        await _give_up_default(context, loser)
    return loser


async def _give_up_default(context: Context, loser: Address) -> None:
    loser.is_default = False
    await context.session.flush()


def _default_of(addresses: Sequence[Address]) -> Address | None:
    return next((address for address in addresses if address.is_default), None)


def _differs(old: object, new: object) -> bool:
    # 23.5 and 23.50 are equal numbers, yet what was sent last comes back digit by digit.
    return old != new or str(old) != str(new)


def _facts(address: Address) -> dict[str, Any]:
    names = (*PatchAddress.__struct_fields__, *UNDECIDED)
    return {name: getattr(address, name) for name in names}


def _rows(other: Address | None) -> dict[str, list[UUID]] | None:
    return {TABLE: [other.id]} if other else None
