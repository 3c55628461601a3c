"""Tenants with a key a role, as an operator makes them."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from crm_saas import operator
from factories.servers import Server


@dataclass
class TestTenant:
    __test__ = False

    id: UUID
    slug: str
    server: Server
    stack: ExitStack
    _clients: dict[str, httpx.Client] = field(default_factory=dict)

    def key(self, role: str = "owner", **options: Any) -> str:
        made = asyncio.run(
            operator.create_key(
                self.server.settings, tenant=self.slug, role=role, name=role, **options
            )
        )
        return made.key

    def client(self, role: str = "owner", **options: Any) -> httpx.Client:
        """A client with a key of this role; the same one for the same role."""
        mark = f"{role} {options}"
        if mark not in self._clients:
            self._clients[mark] = self.stack.enter_context(
                self.server.client(self.key(role, **options))
            )
        return self._clients[mark]

    def member(self, role: str = "support", team: str | None = None, **options: Any) -> Any:
        """A member of staff with the password `a long password`."""
        email = options.pop("email", f"{uuid.uuid4().hex[:8]}@staff.example")
        return asyncio.run(
            operator.add_staff(
                self.server.settings,
                tenant=self.slug,
                email=email,
                name=f"A {role}",
                role=role,
                team=team,
                password="a long password",
            )
        )


@contextmanager
def make_tenant(server: Server, **fields: Any) -> Iterator[TestTenant]:
    slug = fields.pop("slug", f"t-{uuid.uuid4().hex[:10]}")
    made = asyncio.run(
        operator.create_tenant(server.settings, slug=slug, name=f"Tenant {slug}", **fields)
    )
    with ExitStack() as stack:
        yield TestTenant(made.id, slug, server, stack)
