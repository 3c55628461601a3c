"""The ledger itself: what it must notice is planted, and noticed."""

import pytest

from factories.database import as_role
from faults.installation import Installation
from faults.load import under_load


@pytest.mark.parametrize(
    "harm",
    [
        "update org_customers_mst set customer_number = 'CUST-0999999'"
        " where tenant_org_id = %(tenant)s and id = %(customer)s",
        "delete from org_events where tenant_org_id = %(tenant)s and subject_id = %(customer)s",
        "delete from org_idempotency_keys where tenant_org_id = %(tenant)s and key = %(key)s",
    ],
    ids=["number", "event", "answer"],
)
def test_what_is_lost_after_the_acknowledgement_is_noticed(
    installation: Installation, harm: str
) -> None:
    with (
        pytest.raises((AssertionError, BaseExceptionGroup)),
        under_load(installation, tenants=1) as load,
    ):
        load.await_answers(10)
        load.stop()
        (till,) = load.tills
        write = till.ledger[0]
        values = {"tenant": till.tenant.id, "customer": write.customer["id"], "key": write.key}
        with as_role(installation.settings) as platform:
            if platform.execute(harm.encode(), values).rowcount < 1:
                raise RuntimeError("nothing was planted")
