"""One-time codes as the customer's phone would show them, and phones of no other test."""

import random

import psycopg

from crm_saas.otp.codes import Challenge, derive_code
from crm_saas.otp.keys import OtpKeys
from factories.tenants import TestTenant


def new_mobile() -> str:
    """Spread over all blocks of numbers: a block has a budget of its own."""
    return f"+9689{random.randrange(2_000_000, 10_000_000)}"  # noqa: S311 - no secret


def send_code(tenant: TestTenant, phone: str, purpose: str = "registration") -> str:
    """Asks for a code and returns it."""
    answer = tenant.client("pos").post(
        "/customers/send-otp", json={"phone": phone, "purpose": purpose}
    )
    assert answer.status_code == 202, answer.text
    return sent_code(tenant, phone, purpose)


def sent_code(tenant: TestTenant, phone: str, purpose: str = "registration") -> str:
    keys = OtpKeys.of(tenant.server.settings)
    phone_hash = keys.phone_hash(phone)
    with owner(tenant) as connection:
        found = connection.execute(
            "select id, key_id, send_counter from sys_otp_codes"
            " where phone_hash = %s and tenant_org_id = %s and purpose = %s"
            " order by last_sent_at desc",
            [phone_hash, tenant.id, purpose],
        ).fetchone()
    assert found is not None
    code = derive_code(
        keys.codes,
        Challenge(
            id=found[0],
            tenant_id=tenant.id,
            phone_hash=phone_hash,
            purpose=purpose,  # type: ignore[arg-type]
            key_id=found[1],
            send_counter=found[2],
        ),
    )
    assert code is not None
    return code


def wrong(code: str) -> str:
    return "000000" if code != "000000" else "111111"


def owner(tenant: TestTenant) -> psycopg.Connection:
    url = tenant.server.settings.owner_url.set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
