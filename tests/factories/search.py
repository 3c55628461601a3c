"""Customers for the search function to find, as crm_app, under row-level security."""

from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from crm_saas.kit.emails import email_key
from crm_saas.kit.ids import new_id


class Desk:
    """Two tenants inside one transaction that is rolled back."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.tenant = new_id()
        self.other_tenant = new_id()
        self.serials: dict[UUID, int] = {}
        for tenant in (self.tenant, self.other_tenant):
            self.insert("sys_tenants_mst", id=tenant, slug=f"t{tenant.hex}", name="Search")

    def insert(self, table: str, **columns: Any) -> None:
        self.connection.execute("set local role crm_platform")
        self.connection.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(map(sql.Placeholder, columns)),
            ),
            columns,
        )

    def add(self, name: str | None, *, tenant: UUID | None = None, **columns: Any) -> UUID:
        tenant = tenant or self.tenant
        serial = columns.pop("serial", self.serials.get(tenant, 0) + 1)
        self.serials[tenant] = serial
        columns.setdefault("customer_number", f"CUST-{serial:05}")
        customer = new_id()
        email = columns.get("email")
        self.insert(
            "org_customers_mst",
            tenant_org_id=tenant,
            id=customer,
            customer_seq=serial,
            profile_status="stub" if columns.get("phone") else "guest",
            name=name,
            display_name=name or "",
            email_key=email and email_key(email),
            **columns,
        )
        if columns.get("status") != "merged":
            for kind, value in (
                ("phone", columns.get("phone")),
                ("email", email and email_key(email)),
            ):
                if value:
                    self.alias(customer, kind, value, tenant)
        return customer

    def count_to(self, serial: int) -> None:
        """As if so many numbers had been taken."""
        self.insert(
            "org_number_counters",
            tenant_org_id=self.tenant,
            id=new_id(),
            series="customer",
            prefix="CUST-",
            width=5,
            last_value=serial,
        )

    def alias(self, customer: UUID, kind: str, value: str, tenant: UUID | None = None) -> None:
        self.insert(
            "org_customer_identifiers",
            tenant_org_id=tenant or self.tenant,
            id=new_id(),
            kind=kind,
            value=value,
            customer_id=customer,
        )

    def enter(
        self,
        tenant: UUID | None = None,
        scope: str = "all",
        member: UUID | None = None,
        teams: list[UUID] | None = None,
    ) -> None:
        self.connection.execute("set local role crm_app")
        self.connection.execute(
            "select set_request_scope(%s, %s, %s, %s::uuid[])",
            [tenant or self.tenant, scope, member, teams or []],
        )

    def search(
        self, query: str, limit: int = 20, *, whole_contacts: bool = False, **scope: Any
    ) -> list[tuple[UUID, int, str]]:
        self.enter(**scope)
        rows = self.connection.execute(
            "select customer_id, tier, matched from search_customers(%s, %s, %s, %s)",
            [scope.get("tenant") or self.tenant, query, limit, whole_contacts],
        ).fetchall()
        return [(row[0], row[1], row[2]) for row in rows]

    def found(self, query: str, **scope: Any) -> list[UUID]:
        return [row[0] for row in self.search(query, **scope)]

    def id_of(self, name: str) -> UUID:
        self.enter()
        row = self.connection.execute(
            "select id from org_customers_mst where tenant_org_id = %s and name = %s",
            [self.tenant, name],
        ).fetchone()
        assert row is not None
        return UUID(str(row[0]))
