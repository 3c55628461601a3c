"""`Idempotency-Key`: a till that lost its connection may always try again."""

from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import httpx
import psycopg
from psycopg import sql

from factories.codes import new_mobile, send_code
from factories.customers import create_stub, new_phone
from factories.database import as_role, rows
from factories.tenants import TestTenant

KEPT = ("etag", "location", "content-type")


def create(api: httpx.Client, key: str, **fields: Any) -> httpx.Response:
    body = {"name": "Amal", "phone": "+96892000001"} | fields
    return api.post("/customers", json=body, headers={"Idempotency-Key": key})


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition("/")[2]


def customers_of(tenant: TestTenant) -> int:
    found = rows(
        tenant.server.settings,
        "select count(*) from org_customers_mst where tenant_org_id = %s",
        tenant.id,
    )
    return int(found[0][0])


def test_the_same_request_has_its_effect_once(tenant: TestTenant) -> None:
    api = tenant.client("pos")
    first, second = create(api, "a"), create(api, "a")
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert [first.headers[name] for name in KEPT] == [second.headers[name] for name in KEPT]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert customers_of(tenant) == 1


def test_a_replay_shows_what_was_not_what_is(tenant: TestTenant) -> None:
    api = tenant.client("manager")
    made = create(api, "a").json()
    api.patch(f"/customers/{made['id']}", json={"notes": "later"})
    assert create(api, "a").json() == made


def test_another_body_is_refused(tenant: TestTenant) -> None:
    api = tenant.client("pos")
    create(api, "a")
    other = create(api, "a", name="Badr")
    assert other.status_code == 422
    assert slug(other) == "idempotency-key-reused"


def test_a_refusal_is_not_stored_and_runs_again(tenant: TestTenant) -> None:
    api = tenant.client("manager")
    holder = create_stub(api)
    refused = create(api, "a", phone=holder["phone"])
    assert refused.status_code == 409
    api.patch(f"/customers/{holder['id']}", json={"phone": new_phone()})
    assert create(api, "a", phone=holder["phone"]).status_code == 201
    # Nor does a refusal keep its key from another body.
    assert create(api, "b", phone="12").status_code == 422
    assert create(api, "b", phone=new_phone()).status_code == 201


def test_a_key_belongs_to_one_principal_tenant_and_route(
    tenant: TestTenant, other_tenant: TestTenant
) -> None:
    guest = {"type": "guest", "phone": None}
    apis = (tenant.client("pos"), tenant.client("manager"), other_tenant.client("pos"))
    made = [create(api, "a", **guest) for api in apis]
    assert [answer.status_code for answer in made] == [201, 201, 201]
    assert len({answer.json()["id"] for answer in made}) == 3
    first, second = (create_stub(apis[1])["id"] for _ in range(2))
    for customer_id in (first, second):
        answer = apis[1].post(
            f"/customers/{customer_id}/block",
            json={"reason": "fraud"},
            headers={"Idempotency-Key": "a"},
        )
        assert answer.json()["id"] == customer_id
        assert answer.json()["status"] == "blocked"


def test_one_in_flight(tenant: TestTenant) -> None:
    api = tenant.client("pos")
    with ThreadPoolExecutor(2) as pool, as_role(tenant.server.settings) as blocker:
        with blocker.transaction():
            blocker.execute(
                "select from org_number_counters where tenant_org_id = %s for update", [tenant.id]
            )
            both = [pool.submit(create, api, "a") for _ in range(2)]
            done, waiting = wait(both, return_when=FIRST_COMPLETED)
            refused = done.pop().result()
            assert (refused.status_code, slug(refused)) == (409, "idempotency-key-in-flight")
            assert refused.headers["Retry-After"] == "1"
            assert waiting
        assert waiting.pop().result().status_code == 201
    assert create(api, "a").headers["Idempotency-Replayed"] == "true"


def test_twenty_at_once_have_one_effect(tenant: TestTenant) -> None:
    api = tenant.client("pos")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: create(api, "a"), range(20)))
    counted = Counter(answer.status_code for answer in answers)
    assert counted.keys() <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert sum("Idempotency-Replayed" not in a.headers for a in answers if a.is_success) == 1
    assert customers_of(tenant) == 1


def test_a_stored_answer_holds_no_secret_in_clear(tenant: TestTenant) -> None:
    api, headers = tenant.client("owner"), {"Idempotency-Key": "a"}
    body = {"name": "till 1", "role": "pos"}
    made = api.post("/keys", json=body, headers=headers).json()
    assert api.post("/keys", json=body, headers=headers).json() == made
    with tenant.server.client(made["key"]) as till:
        assert till.get("/auth/me").json()["name"] == "till 1"
    assert len(api.get("/keys").json()["items"]) == 2  # and the owner's own
    secret = made["key"].rpartition("_")[2].encode()
    assert len(secret) > 30
    assert b"till 1" in _everything(tenant)
    assert secret not in _everything(tenant)


def _everything(tenant: TestTenant) -> bytes:
    """Every value of every table, as far as the owner and the operator see them."""
    url = tenant.server.settings.owner_url.set(drivername="postgresql")
    with (
        psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as owner,
        as_role(tenant.server.settings) as platform,
    ):
        tables = owner.execute(
            "select n.nspname, c.relname from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind = 'r' and n.nspname in ('public', 'jobs')"
        ).fetchall()
        found = bytearray()
        for schema, table in tables:
            role = platform if table.startswith("org_") else owner
            query = sql.SQL("select * from {}").format(sql.Identifier(schema, table))
            for row in role.execute(query):
                for value in row:
                    found += bytes(value) if isinstance(value, bytes) else str(value).encode()
        return bytes(found)


def test_an_otp_proof_is_replayed_and_not_made_twice(tenant: TestTenant) -> None:
    phone, api = new_mobile(), tenant.client("pos")
    body = {"phone": phone, "code": send_code(tenant, phone)}
    headers = {"Idempotency-Key": "a"}
    first = api.post("/customers/verify-otp", json=body, headers=headers)
    second = api.post("/customers/verify-otp", json=body, headers=headers)
    assert first.status_code == 200
    assert second.content == first.content
    assert second.headers["Idempotency-Replayed"] == "true"
    assert api.post("/customers/verify-otp", json=body).status_code == 422
