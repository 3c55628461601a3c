"""The default address of a customer, as columns of an export."""

from sqlalchemy import ColumnElement

from crm_saas.addresses.models import Address
from crm_saas.customers.models import Customer
from crm_saas.kit.context import Context
from crm_saas.kit.spreadsheets import Column

# The others have no place in a row: an archive of the tenant, or the API, has them all.
DEFAULT_ADDRESS = Address
_TYPED = {
    "label": Address.label,
    "label2": Address.label2,
    "building": Address.building,
    "building2": Address.building2,
    "floor": Address.floor,
    "apartment": Address.apartment,
    "street": Address.street,
    "street2": Address.street2,
    "area": Address.area,
    "area2": Address.area2,
    "city": Address.city,
    "city2": Address.city2,
    "postalCode": Address.postal_code,
    "deliveryNotes": Address.delivery_notes,
}


def address_columns() -> dict[str, Column]:
    """Named `address.city` and so on, of what `is_default_of` joins."""
    columns = {"type": Column("code", Address.type)}
    columns |= {name: Column("text", column) for name, column in _TYPED.items()}
    columns |= {
        "country": Column("code", Address.country),
        # Digit by digit, which a cell for numbers would not keep.
        "latitude": Column("code", Address.latitude),
        "longitude": Column("code", Address.longitude),
    }
    return {f"address.{name}": column for name, column in columns.items()}


def is_default_of(context: Context) -> ColumnElement[bool]:
    """What joins a customer with its default address, if it has one."""
    return (
        (Address.tenant_org_id == context.tenant.id)
        & (Address.customer_id == Customer.id)
        & Address.is_default
    )
