"""What a tenant has, by kind, for requests that name it."""

import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from crm_saas.onboarding.schemas import BATCH_ROWS_MAX
from factories.addresses import add_address
from factories.canaries import plant, plant_everywhere
from factories.customers import create_guest, create_stub
from factories.tenants import TestTenant

PASSWORD = "a long password"
CONTACTS_MAX = 200
BATCH_TRIES_MAX = 10
SUGGESTIONS = "org_customer_duplicates"

Thing = Callable[[str], str]


_NUMBERS = itertools.count(1)


def new_mobile() -> str:
    """Never the same twice, and far from the last: a block of numbers has a budget of its own."""
    return f"+9689{2_000_000 + next(_NUMBERS) * 999_983 % 7_900_000}"


def fresh_word() -> str:
    return f"probe-{secrets.token_hex(6)}"


def fresh_email() -> str:
    return f"{fresh_word()}@example.com"


def nobody() -> Thing:
    """What could exist and does not; the same thing for the same kind."""
    made: dict[str, str] = {}

    def thing(kind: str) -> str:
        if kind == "fresh":
            return fresh_word()
        if kind not in made:
            plain = {"number": lambda: "NOB-00001", "phone": new_mobile}
            emails = dict.fromkeys(("email", "staff_email"), fresh_email)
            made[kind] = (plain | emails).get(kind, lambda: str(uuid4()))()
        return made[kind]

    return thing


@dataclass
class Belongings:
    """Makes things of one tenant, and keeps some."""

    tenant: TestTenant
    staff_email: str
    member: str
    mark: str  # in every name of its customers
    kept: dict[str, str] = field(default_factory=dict)
    planted: set[str] = field(default_factory=set)
    contacts: Iterator[tuple[str, str]] = field(default_factory=lambda: iter(()))

    @property
    def client(self) -> httpx.Client:
        return self.tenant.client("owner")

    def signed_in(self) -> httpx.Client:
        """A new session of the tenant's member of staff."""
        with self.tenant.server.client() as anonymous:
            answer = anonymous.post(
                "/auth/login", json={"email": self.staff_email, "password": PASSWORD}
            )
        assert answer.status_code == 200, answer.text
        return self.tenant.stack.enter_context(self.tenant.server.client(answer.json()["token"]))

    def new(self) -> Thing:
        """Things made when they are asked for; the same thing for the same kind."""
        made: dict[str, str] = {}

        def thing(kind: str) -> str:
            if kind == "fresh":
                return fresh_word()
            if kind not in made:
                made[kind] = self._make(kind, thing)
            return made[kind]

        return thing

    def _make(self, kind: str, thing: Thing) -> str:
        makers: dict[str, Callable[[], str]] = {
            "customer": self._customer,
            "other_customer": self._customer,
            "guest": lambda: create_guest(self.client)["id"],
            "number": lambda: create_guest(self.client)["customerNumber"],
            # Where the plainest search around a point looks.
            "address": lambda: add_address(
                self.client,
                f"/customers/{thing('customer')}/addresses",
                latitude=-90,
                longitude=-180,
            ),
            "phone": new_mobile,
            "email": fresh_email,
            "staff_email": lambda: self.staff_email,
            "member": lambda: self.member,
            "session": self._session,
            "key": lambda: self._post("/keys", {"name": "A till", "role": "pos"}),
            "team": lambda: self._post("/teams", {"name": fresh_word()}),
            "merge": lambda: self._post(
                "/customers/merge",
                {"sourceId": thing("customer"), "targetId": thing("other_customer")},
            ),
            "suggestion": self._suggestion,
            "sweep": self._sweep,
        }
        assert kind in makers, f"Say here how a {kind} is made."
        return makers[kind]()

    def _customer(self) -> str:
        return str(create_stub(self.client, name=f"{self.mark} {fresh_word()}")["id"])

    def _session(self) -> str:
        sessions = self.signed_in().get("/auth/sessions").json()["items"]
        return str(next(s["id"] for s in sessions if s["current"]))

    def _suggestion(self) -> str:
        planter = plant(self.tenant.server.settings, self.tenant.id, [SUGGESTIONS])
        return str(planter.rows[SUGGESTIONS]["id"])

    def _sweep(self) -> str:
        """Over at once, so that another can be started."""
        path = "/duplicates/sweeps"
        for running in self.client.get(path).json()["items"]:
            self.client.post(f"{path}/{running['id']}/cancel")
        started = str(self.client.post(path).json()["id"])
        self.client.post(f"{path}/{started}/cancel")
        return started

    def _post(self, path: str, body: dict[str, str]) -> str:
        answer = self.client.post(path, json=body)
        assert answer.status_code in {200, 201}, answer.text
        found = answer.json()
        return str(found.get("merge", found)["id"])

    def keep(self) -> None:
        """One thing of each kind, contacts to give away, and a row in every other table."""
        self.new()("merge")
        merged = self.new()
        self.kept["merge"] = merged("merge")
        thing = self.new()
        for kind in (
            "customer", "other_customer", "guest", "number", "address",
            "member", "suggestion", "sweep", "session", "key", "team",
        ):  # fmt: skip
            self.kept[kind] = thing(kind)
        contacts = [(new_mobile(), fresh_email()) for _ in range(CONTACTS_MAX)]
        for start in range(0, CONTACTS_MAX, BATCH_ROWS_MAX):
            self._create(contacts[start : start + BATCH_ROWS_MAX])
        self.contacts = iter(contacts)
        rows = plant_everywhere(self.tenant.server.settings, self.tenant.id).ids()
        self.planted = {row_id for ids in rows.values() for row_id in ids}

    def _create(self, contacts: list[tuple[str, str]]) -> None:
        rows = [
            {
                "idempotencyKey": phone,
                "name": f"{self.mark} {phone}",
                "phone": phone,
                "email": email,
            }
            for phone, email in contacts
        ]
        for _ in range(BATCH_TRIES_MAX):  # on a busy machine, the last rows come too late
            answer = self.client.post("/customers/batch", json={"rows": rows})
            if {o["outcome"] for o in answer.json()["outcomes"]} == {"created"}:
                return
        raise AssertionError(answer.text)

    def theirs(self) -> Thing:
        """What this tenant keeps. A phone is given once: who sends one may then have it too."""
        contact: list[str] = []

        def thing(kind: str) -> str:
            if kind == "fresh":
                return fresh_word()
            if kind in {"phone", "email"}:
                if not contact:
                    contact.extend(next(self.contacts))
                return contact[kind == "email"]
            return self.staff_email if kind == "staff_email" else self.kept[kind]

        return thing

    def ids(self) -> set[str]:
        return self.planted | {kept for kept in self.kept.values() if len(kept) == 36}


def furnish(tenant: TestTenant, mark: str) -> Belongings:
    email = f"{secrets.token_hex(4)}@staff.example"
    return Belongings(tenant, email, str(tenant.member("owner", email=email).id), mark)
