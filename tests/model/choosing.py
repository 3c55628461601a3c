"""What a step is about: somebody of the tenant, something of the tenant's, or of the other's."""

from uuid import UUID

from model.lane import Lane
from model.world import Claim, Credential, Customer, contacts, word

ROLES = ("owner", "manager", "sales_manager", "support", "pos", "auditor", "publishable")


def somebody(lane: Lane, permission: str) -> Credential:
    """Mostly one who may; the others are refused, and so tell whether they are."""
    known = lane.world.credentials
    able = [c for c in known if c.may(permission) and not c.ended]
    return lane.pick.choice(able if lane.pick.random() < 0.85 else known)


def customer_id(lane: Lane) -> str:
    """A living one of the tenant's, a merged one, one of the other's, or nobody."""
    chance, world = lane.pick.random(), lane.world
    living = [c.id for c in world.living()]
    if chance < 0.78 and living:
        return lane.pick.choice(living)
    if chance < 0.88 and world.customers:
        return lane.pick.choice(list(world.customers))
    if chance < 0.97 and (foreign := list(lane.other.customers)):
        return lane.pick.choice(foreign)
    return nobody(lane)


def nobody(lane: Lane) -> str:
    return str(UUID(int=lane.pick.getrandbits(128), version=4))


def customer(lane: Lane, who: Credential) -> tuple[str, Customer | None]:
    """An id, and what it means to `who`; mostly one that `who` sees, where there is one."""
    seen = [c.id for c in lane.world.visible(who)]
    chosen = lane.pick.choice(seen) if seen and lane.pick.random() < 0.6 else customer_id(lane)
    return chosen, lane.world.find(who, chosen)


def fresh_name(lane: Lane) -> str:
    return f"{lane.world.mark} {word(lane.pick)}"


def fresh_email(lane: Lane) -> str:
    return f"{word(lane.pick)}@{lane.world.mark.lower()}.example"


def fresh_phone(lane: Lane) -> str:
    return f"{lane.world.phones}{lane.pick.randrange(100_000, 1_000_000)}"


def phone(lane: Lane) -> str:
    """A new one, one that somebody of the tenant has, or one that both tenants use."""
    chance = lane.pick.random()
    held = [value for kind, value in lane.world.claims if kind == "phone"]
    if chance < 0.12 and held:
        return lane.pick.choice(held)
    if chance < 0.25:
        return f"+96899{lane.pick.randrange(100_000, 100_040)}"
    return fresh_phone(lane)


def email(lane: Lane) -> str | None:
    chance = lane.pick.random()
    held = [value for kind, value in lane.world.claims if kind == "email"]
    if chance < 0.1 and held:
        return lane.pick.choice(held)
    return fresh_email(lane) if chance < 0.4 else None


def foreign_phone(lane: Lane) -> str:
    held = [value for kind, value in list(lane.other.claims) if kind == "phone"]
    return lane.pick.choice(held) if held else f"{lane.other.phones}123456"


def taken(lane: Lane, claims: list[Claim]) -> bool:
    return any(claim in lane.world.claims for claim in claims)


def claims_of(body: dict[str, object]) -> list[Claim]:
    return contacts(*(value if isinstance(value := body.get(k), str) else None
                      for k in ("phone", "email")))  # fmt: skip
