"""What exists in one tenant, and what each credential may see of it: the model in memory.

Written from SPEC and docs/roles.md, not from the application's code: permissions come from the
table of roles, everything else is said here again.
"""

import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from crm_saas.access.roles import ROLES, STAFF_SCOPES

LIVING = ("active", "inactive", "blocked")
Claim = tuple[str, str]
Json = dict[str, Any]


@dataclass(eq=False)
class Credential:
    """A key or a session; `token` is what it sends. Ended ones are kept: they must be refused."""

    id: str
    token: str
    role: str
    kind: str = "key"
    team: str | None = None
    member: str | None = None
    scopes: tuple[str, ...] | None = None
    names_tenant: bool = False
    ended: str = ""  # how it ended
    keeps: bool = False  # never revoked: every role can always be played
    elsewhere: bool = False  # a session of somebody who works for the other tenant too

    @property
    def permissions(self) -> frozenset[str]:
        of_role = ROLES[self.role]
        return of_role if self.scopes is None else of_role & frozenset(self.scopes)

    @property
    def staff_scope(self) -> str:
        return STAFF_SCOPES.get(self.role, "all")

    def may(self, permission: str) -> bool:
        return permission in self.permissions


@dataclass
class Address:
    id: str
    label: str
    is_default: bool


@dataclass
class Customer:
    id: str
    number: str
    sequence: int
    profile: str
    status: str = "active"
    name: str | None = None
    phone: str | None = None
    verified: bool = False
    email: str | None = None
    notes: str | None = None
    stage: str = "prospect"
    member: str | None = None
    team: str | None = None
    merged_into: str | None = None
    etag: str | None = field(default=None, compare=False)
    addresses: dict[str, Address] = field(default_factory=dict)

    @property
    def display_name(self) -> str:
        return self.name or "Guest"


@dataclass
class Merge:
    """`before` and `after` are what a later undo compares and brings back."""

    id: str
    source: str
    target: str
    before: Json
    after: Json
    undone: bool = False


@dataclass
class World:
    """`marks` stand in everything of this tenant and in nothing of another."""

    tenant_id: str
    slug: str
    prefix: str
    mark: str
    phones: str
    customers: dict[str, Customer] = field(default_factory=dict)
    claims: dict[Claim, str] = field(default_factory=dict)
    credentials: list[Credential] = field(default_factory=list)
    sessions: list[Credential] = field(default_factory=list)  # what each member signs in to
    merges: dict[str, Merge] = field(default_factory=dict)
    suggestions: dict[str, set[str]] = field(default_factory=dict)  # id → the two
    teams: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)  # id → e-mail
    cursors: list[Json] = field(default_factory=list)  # what was asked for with each
    batch_rows: dict[tuple[str, str], tuple[Json, Json]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    last_sequence: int = 0

    @property
    def marks(self) -> tuple[str, ...]:
        return (self.tenant_id, self.slug, self.prefix, self.mark, self.mark.lower(), self.phones)

    def living(self) -> list[Customer]:
        return [c for c in self.customers.values() if c.status in LIVING]

    def sees(self, who: Credential, customer: Customer) -> bool:
        match who.staff_scope:
            case "team":
                return customer.team is not None and customer.team == who.team
            case "own":
                return customer.member is not None and customer.member == who.member
        return True

    def find(self, who: Credential, customer_id: str) -> Customer | None:
        """The customer as `who` is answered: the survivor of a merged one, None out of scope."""
        customer = self.customers.get(customer_id)
        while customer is not None and self.sees(who, customer):
            if customer.merged_into is None:
                return customer
            customer = self.customers[customer.merged_into]
        return None

    def visible(self, who: Credential) -> Iterator[Customer]:
        return (c for c in self.customers.values() if self.sees(who, c))

    def view(self, who: Credential, customer: Customer) -> Json:
        """What the API shows of a customer, as far as the model follows it."""
        whole = who.may("customers:unmask")
        return {
            "id": customer.id,
            "customerNumber": customer.number,
            "profileStatus": customer.profile,
            "status": customer.status,
            "name": customer.name,
            "displayName": customer.display_name,
            "phone": customer.phone if whole else _masked_phone(customer.phone),
            "phoneVerified": customer.verified,
            "email": customer.email if whole else _masked_email(customer.email),
            "notes": customer.notes,
            "journeyStage": customer.stage,
            "assignedTo": customer.member,
            "teamId": customer.team,
        }

    def add(self, customer: Customer) -> None:
        assert customer.id not in self.customers
        assert customer.sequence == self.last_sequence + 1, "a number was skipped or given twice"
        self.last_sequence = customer.sequence
        self.customers[customer.id] = customer
        for claim in contacts(customer.phone, customer.email):
            self.claims[claim] = customer.id

    def change(self, customer: Customer, **fields: Any) -> None:
        """Writes the fields; the claims on phone and e-mail go with them."""
        old = contacts(customer.phone, customer.email)
        if "phone" in fields and fields["phone"] != customer.phone:
            customer.verified = False
        for name, value in fields.items():
            setattr(customer, name, value)
        customer.etag = None
        new = contacts(customer.phone, customer.email)
        for claim in old:
            if claim not in new:
                del self.claims[claim]
        for claim in new:
            self.claims[claim] = customer.id

    def holder(self, claims: list[Claim]) -> str | None:
        """Who holds one of them, the phone first."""
        return next((self.claims[c] for c in claims if c in self.claims), None)

    def snapshot(self, *customer_ids: str) -> Json:
        """Everything that a merge of them moves."""
        return {
            "customers": {i: deepcopy(self.customers[i]) for i in customer_ids},
            "claims": {c: i for c, i in self.claims.items() if i in customer_ids},
            "former": {c.id: c.merged_into for c in self.customers.values()
                       if c.merged_into in customer_ids and c.id not in customer_ids},
        }  # fmt: skip


def contacts(phone: str | None, email: str | None) -> list[Claim]:
    pairs = (("phone", phone), ("email", email and email.lower()))
    return [(kind, value) for kind, value in pairs if value]


def word(pick: random.Random) -> str:
    return "".join(pick.choices("abcdefghijklmnopqrstuvwxyz", k=9))


def _masked_phone(phone: str | None) -> str | None:
    return phone and f"{phone[:7]}****{phone[-2:]}"


def _masked_email(email: str | None) -> str | None:
    return email and f"{email[0]}****@{email.partition('@')[2]}"
