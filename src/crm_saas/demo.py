"""Two made-up tenants with customers in two languages: something to see at a first look."""

import asyncio
import random
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import click
import msgspec

from crm_saas import operator
from crm_saas.access.roles import ROLES
from crm_saas.customers.creation import create_customer, read_new_customer
from crm_saas.customers.phone_claims import link_person
from crm_saas.customers.schemas import CustomerFields
from crm_saas.kit.context import Context
from crm_saas.kit.settings import Settings

CUSTOMERS_EACH = 40
PASSWORD = "demo-password"  # noqa: S105 - of made-up people
STAFF_ROLES = ("owner", "sales_manager", "support")
_Keys = dict[str, dict[str, str]]


class Shop(NamedTuple):
    slug: str
    name: str
    name2: str
    region: str
    currency: str
    time_zone: str
    phone: str
    people: tuple[tuple[str, str, str], ...]


SHOPS = (
    Shop(
        "alnoor", "Al Noor Perfumes", "عطور النور", "OM", "OMR", "Asia/Muscat", "+9689{:07d}",
        (
            ("Amal", "Al Balushi", "أمل البلوشي"), ("Salim", "Al Harthy", "سالم الحارثي"),
            ("Maryam", "Al Lawati", "مريم اللواتي"), ("Khalid", "Al Rawahi", "خالد الرواحي"),
            ("Fatma", "Al Zadjali", "فاطمة الزدجالي"), ("Said", "Al Kindi", "سعيد الكندي"),
            ("Aisha", "Al Maamari", "عائشة المعمري"), ("Nasser", "Al Hinai", "ناصر الهنائي"),
        ),
    ),
    Shop(
        "savanna", "Savanna Coffee Roasters", "محمصة سافانا", "KE", "KES", "Africa/Nairobi",
        "+2547{:08d}",
        (
            ("Wanjiru", "Kamau", "وانجيرو كاماو"), ("Otieno", "Odhiambo", "أوتينو أوديامبو"),
            ("Achieng", "Onyango", "أتشينغ أونيانغو"), ("Mwangi", "Njoroge", "موانغي نجوروغي"),
            ("Halima", "Abdi", "حليمة عبدي"), ("Kiprop", "Chebet", "كيبروب شيبيت"),
        ),
    ),
)  # fmt: skip


def ensure(settings: Settings, folder: Path) -> _Keys:
    """Makes what is missing of the demo and returns one key a role for each of its tenants.

    The keys lie in `folder`, since the database has only their hashes.
    """
    file = folder / "demo-keys.json"
    kept: _Keys = msgspec.json.decode(file.read_bytes(), type=_Keys) if file.exists() else {}
    keys: _Keys = asyncio.run(_ensure(settings, kept))
    folder.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    return keys


async def _ensure(settings: Settings, kept: _Keys) -> _Keys:
    found = {tenant.slug: tenant.id for tenant in await operator.list_tenants(settings)}
    keys: _Keys = {}
    for shop in SHOPS:
        if shop.slug not in found:
            click.echo(f"Making the demo tenant {shop.slug} …")
            found[shop.slug] = await _make(settings, shop)
        # By the tenant's id, so that the keys of another database are not shown for this one.
        mark = str(found[shop.slug])
        if mark not in kept:
            kept[mark] = await _make_keys(settings, shop)
        keys[shop.slug] = kept[mark]
    return keys


def announce(keys: _Keys, address: str) -> None:
    click.echo(f"\n  API            {address}/api/v1")
    click.echo(f"  API reference  {address}/api/v1/docs")
    click.echo(f"  Health         {address}/health/ready\n")
    for slug, by_role in keys.items():
        click.echo(f"  Keys of the demo tenant {slug}:")
        for role, key in by_role.items():
            click.echo(f"    {role:14} {key}")
        staff = ", ".join(_email(slug, role) for role in STAFF_ROLES)
        click.echo(f"    staff sign in as {staff}; password {PASSWORD}")
    click.echo("\n  Ctrl-C stops everything; the data stays.\n")


def _email(slug: str, role: str) -> str:
    return f"{role.replace('_', '.')}@{slug}.example"


async def _make(settings: Settings, shop: Shop) -> UUID:
    tenant = await operator.create_tenant(
        settings,
        slug=shop.slug,
        name=shop.name,
        name2=shop.name2,
        region=shop.region,
        currency=shop.currency,
        time_zone=shop.time_zone,
    )
    members = {}
    for role in STAFF_ROLES:
        members[role] = await operator.add_staff(
            settings,
            tenant=shop.slug,
            email=_email(shop.slug, role),
            name=f"{role.replace('_', ' ').title()} of {shop.name}",
            role=role,
            team="Front desk",
            password=PASSWORD,
        )
    async with operator.within(settings, shop.slug) as context:
        await _make_customers(
            context, shop, support=members["support"].id, team=members["support"].team_id
        )
    return tenant.id


async def _make_customers(
    context: Context, shop: Shop, *, support: UUID, team: UUID | None
) -> None:
    chance = random.Random(shop.slug)  # noqa: S311 - the same demo each time
    for number in range(CUSTOMERS_EACH):
        first, last, arabic = shop.people[number % len(shop.people)]
        profile = ("stub", "stub", "full", "guest")[number % 4]
        sent = CustomerFields(first_name=first, last_name=last, name2=arabic)
        if profile != "guest":
            sent.phone = shop.phone.format(1_000_000 + chance.randrange(8_999_999))
            sent.email = f"{first}.{last}.{number}@example.com".replace(" ", "-").lower()
        if number % 3 == 0:
            sent.assigned_to, sent.team_id = support, team
        sent.locale = "ar" if number % 2 else "en"
        new = read_new_customer(context, profile, sent)  # type: ignore[arg-type]
        verified = await link_person(context, new.columns["phone"]) if profile == "full" else None
        await create_customer(context, new, verified=verified)


async def _make_keys(settings: Settings, shop: Shop) -> dict[str, str]:
    made = {}
    for role in ROLES:
        key = await operator.create_key(
            settings,
            tenant=shop.slug,
            role=role,
            name=f"demo {role}",
            team="Front desk" if role == "sales_manager" else None,
            member=_email(shop.slug, "support") if role == "support" else None,
        )
        made[role] = key.key
    return made
