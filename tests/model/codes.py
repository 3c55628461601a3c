"""One-time codes, asked for by the till and read as the customer would off the phone."""

from uuid import UUID

from crm_saas.otp.codes import Challenge, derive_code
from crm_saas.otp.keys import OtpKeys
from model.lane import Call, Lane


def code_for(lane: Lane, phone: str) -> str:
    """A code that was really sent for: the request is a step of its own."""
    pos = next(c for c in lane.world.credentials if c.role == "pos" and c.keeps)
    body = {"phone": phone, "purpose": "registration"}
    lane.perform(Call(pos, "POST", "/customers/send-otp", 202, body=body, stays_home=True))
    return sent_code(lane, phone)


def sent_code(lane: Lane, phone: str) -> str:
    keys = OtpKeys.of(lane.sides[0].server.settings)
    found = lane.hands.owner.execute(
        "select id, key_id, send_counter from sys_otp_codes"
        " where phone_hash = %s and tenant_org_id = %s and purpose = 'registration'"
        " order by last_sent_at desc",
        [keys.phone_hash(phone), lane.world.tenant_id],
    ).fetchone()
    if found is None:
        return "000000"
    challenge = Challenge(
        id=found[0],
        tenant_id=UUID(lane.world.tenant_id),
        phone_hash=keys.phone_hash(phone),
        purpose="registration",
        key_id=found[1],
        send_counter=found[2],
    )
    code = derive_code(keys.codes, challenge)
    assert code is not None
    return code
