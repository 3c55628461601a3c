"""One default address a customer, at every moment (SPEC 4.2)."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from factories.addresses import add_address as add


def defaults(api: httpx.Client, addresses: str) -> list[str]:
    items = api.get(addresses).json()["items"]
    return [item["id"] for item in items if item["isDefault"]]


def test_the_first_becomes_it(api: httpx.Client, addresses: str) -> None:
    first = add(api, addresses, isDefault=False)
    add(api, addresses)
    assert defaults(api, addresses) == [first]


def test_moves_by_each_of_the_three_ways(api: httpx.Client, addresses: str) -> None:
    first, second = add(api, addresses), add(api, addresses)
    assert api.post(f"{addresses}/{second}/default").json()["isDefault"] is True
    assert defaults(api, addresses) == [second]
    third = add(api, addresses, isDefault=True)
    assert defaults(api, addresses) == [third]
    assert api.patch(f"{addresses}/{first}", json={"isDefault": True}).status_code == 200
    assert defaults(api, addresses) == [first]


def test_setting_it_twice_changes_nothing(api: httpx.Client, addresses: str) -> None:
    one = f"{addresses}/{add(api, addresses)}"
    assert api.post(f"{one}/default").json() == api.get(one).json()
    assert api.get(one).json()["version"] == 1


def test_is_moved_and_not_taken_away(api: httpx.Client, addresses: str) -> None:
    first, second = add(api, addresses), add(api, addresses)
    refused = api.patch(f"{addresses}/{first}", json={"isDefault": False})
    assert refused.status_code == 422
    assert api.patch(f"{addresses}/{second}", json={"isDefault": False}).status_code == 200
    assert defaults(api, addresses) == [first]


def test_deleting_it_promotes_the_newest(api: httpx.Client, addresses: str) -> None:
    first, second, third = (add(api, addresses) for _ in range(3))
    assert api.delete(f"{addresses}/{first}").status_code == 204
    assert defaults(api, addresses) == [third]
    assert api.delete(f"{addresses}/{second}").status_code == 204
    assert defaults(api, addresses) == [third]
    assert api.delete(f"{addresses}/{third}").status_code == 204
    assert api.get(addresses).json()["items"] == []


def test_parallel_changes_leave_one(api: httpx.Client, addresses: str) -> None:
    ids = [add(api, addresses) for _ in range(6)]
    calls = [
        *(("POST", f"{addresses}/{one}/default", None) for one in ids[1:5] * 3),
        *(("POST", addresses, {"city": "Sur", "isDefault": True}) for _ in range(4)),
        *(("PATCH", f"{addresses}/{one}", {"isDefault": True}) for one in ids[1:5]),
        ("DELETE", f"{addresses}/{ids[0]}", None),
        ("DELETE", f"{addresses}/{ids[5]}", None),
    ]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda call: api.request(call[0], call[1], json=call[2]), calls))
    assert {answer.status_code for answer in answers} == {200, 201, 204}
    assert len(defaults(api, addresses)) == 1


def test_parallel_firsts_make_one(api: httpx.Client, addresses: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: add(api, addresses), range(8)))
    assert len(defaults(api, addresses)) == 1
