"""What the tests of codes need around them: two tenants, a till, and a look into the tables."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import psycopg
from sqlalchemy.engine import make_url

from crm_saas.kit.context import Actor, Context, Tenant, scope_of
from crm_saas.kit.db import Database
from crm_saas.kit.errors import Problem
from crm_saas.kit.ids import new_id
from crm_saas.kit.settings import Settings
from crm_saas.otp import service
from crm_saas.otp.codes import Challenge, derive_code
from crm_saas.otp.keys import OtpKeys
from crm_saas.otp.service import SentCode, VerifiedCode

PHONE = "+96890123456"
TILL = Actor(kind="key", id=None, name="till", role="pos")
DEVICE = replace(TILL, role="publishable")

Answer = TypeVar("Answer")


def tenant(name: str = "Muscat Coffee") -> Tenant:
    return Tenant(new_id(), "shop", name, "قهوة مسقط", "active", "OM", "en", "OMR", "UTC", {})


async def refusal(call: Awaitable[Answer]) -> Answer | str:
    """The answer, or the type of the problem."""
    try:
        return await call
    except Problem as problem:
        return problem.type


@dataclass
class Desk:
    settings: Settings
    database: Database
    owner: psycopg.Connection[Any]
    tenant: Tenant
    other_tenant: Tenant

    @asynccontextmanager
    async def request(
        self,
        tenant: Tenant | None = None,
        actor: Actor = TILL,
        address: str = "192.0.2.1",
        settings: Settings | None = None,
    ) -> AsyncIterator[Context]:
        """One request: committed at its end, rolled back by an exception."""
        tenant = tenant or self.tenant
        async with self.database.transaction(scope_of(tenant.id, actor)) as session:
            yield Context(
                session=session,
                tenant=tenant,
                actor=actor,
                database=self.database,
                settings=settings or self.settings,
                request_id="test",
                address=address,
            )

    async def send(self, phone: str = PHONE, **who: Any) -> SentCode:
        async with self.request(**who) as context:
            return await service.send_code(context, phone=phone, purpose="registration")

    async def verify(self, code: str, phone: str = PHONE, **who: Any) -> VerifiedCode:
        async with self.request(**who) as context:
            return await service.verify_code(
                context, phone=phone, purpose="registration", code=code
            )

    async def redeem(self, phone: str = PHONE, *, who: Tenant | None = None, **what: str) -> object:
        async with self.request(who) as context:
            arguments: dict[str, Any] = {"purpose": "registration", **what}
            return await service.redeem(context, phone=phone, **arguments)

    def code(self, phone: str = PHONE, tenant: Tenant | None = None) -> str:
        """The newest code that was sent, or would have been."""
        tenant = tenant or self.tenant
        keys = OtpKeys.of(self.settings)
        phone_hash = keys.phone_hash(phone)
        found = self.rows(
            "select id, purpose, key_id, send_counter from sys_otp_codes"
            " where phone_hash = %s and tenant_org_id = %s order by created_at desc, id desc",
            phone_hash,
            tenant.id,
        )[0]
        code = derive_code(
            keys.codes,
            Challenge(
                id=found[0],
                tenant_id=tenant.id,
                phone_hash=phone_hash,
                purpose=found[1],
                key_id=found[2],
                send_counter=found[3],
            ),
        )
        assert code is not None
        return code

    def wrong_code(self) -> str:
        return "000000" if self.code() != "000000" else "111111"

    def minute_passes(self) -> None:
        self.owner.execute(
            "update sys_otp_codes set last_sent_at = last_sent_at - interval '61 seconds'"
        )

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.owner.execute(query, values).fetchall()

    def column(self, name: str) -> list[Any]:
        return [row[0] for row in self.rows(f"select {name} from sys_otp_codes order by id")]

    def used(self, kind: str) -> int:
        found = self.rows("select sum(used)::int from sys_otp_budgets where kind = %s", kind)
        return found[0][0] or 0

    def use_up(self, kind: str, used: int) -> None:
        self.owner.execute("update sys_otp_budgets set used = %s where kind = %s", (used, kind))


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Desk]:
    database = Database(settings)
    url = make_url(settings.database_url).set(drivername="postgresql")
    # Deleting a job fires a trigger of the queue, which names its tables without a schema.
    with psycopg.connect(
        url.render_as_string(hide_password=False),
        autocommit=True,
        options="-c search_path=public,jobs",
    ) as owner:
        yield Desk(settings, database, owner, tenant(), tenant("Salalah Tea"))
    await database.close()
