"""A cursor is for the list, the filters and the tenant that gave it out."""

from factories.customers import create_guest
from factories.tenants import TestTenant


def test_a_cursor_of_another_tenant_or_question_is_as_good_as_a_made_up_one(
    tenant: TestTenant, other_tenant: TestTenant
) -> None:
    for _ in range(2):
        create_guest(tenant.client())
        create_guest(other_tenant.client())
    first = {"limit": 1, "sort": "createdAt"}
    ours = tenant.client().get("/customers", params=first).json()["nextCursor"]
    theirs = other_tenant.client().get("/customers", params=first).json()["nextCursor"]
    asked = [
        first | {"cursor": theirs},
        first | {"cursor": ours, "sort": "name"},
        first | {"cursor": "made-up"},
    ]
    details = set()
    for params in asked:
        answer = tenant.client().get("/customers", params=params)
        assert answer.status_code == 422, answer.text
        details.add(answer.json()["detail"])
    assert len(details) == 1
    assert tenant.client().get("/customers", params=first | {"cursor": ours}).status_code == 200
