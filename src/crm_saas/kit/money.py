"""Money: a decimal string with its currency outside, whole minor units inside, never a float."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from crm_saas.kit.schemas import END, Struct

# ISO 4217: the currencies that do not have two decimals.
_WITHOUT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_WITH_THREE = "BHD IQD JOD KWD LYD OMR TND"
# Of those that do not have two.
DECIMALS = dict.fromkeys(_WITHOUT.split(), 0) | dict.fromkeys(_WITH_THREE.split(), 3)

Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}" + END, examples=["OMR"])]
Amount = Annotated[str, Meta(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$", examples=["12500.000"])]


class Money(Struct):
    """A decimal string with the currency's number of decimals, and its ISO 4217 code."""

    amount: Amount
    currency: Currency


def decimals_of(currency: str) -> int:
    return DECIMALS.get(currency, 2)


def minor_units(money: Money) -> int:
    """12.500 OMR → 12500. Raises ValueError for more decimals than the currency has."""
    decimals = decimals_of(money.currency)
    minor = Decimal(money.amount).scaleb(decimals)
    if minor != minor.to_integral_value():
        raise ValueError(f"{money.currency} has {decimals} decimals at the most")
    return int(minor)


def money_of(minor: int, currency: str) -> Money:
    decimals = decimals_of(currency)
    amount = Decimal(minor).scaleb(-decimals)
    return Money(amount=f"{amount:.{decimals}f}", currency=currency)
