"""Addresses, of which a customer with any has one default."""

from model import choosing
from model.lane import Call, Lane, Mismatch
from model.wire import Answer
from model.world import Address, Credential, Customer, Json, word

ADDRESSES_MAX = 50


def add(lane: Lane) -> Call:
    who = choosing.somebody(lane, "addresses:write")
    customer_id, found = choosing.customer(lane, who)
    body = {"city": "Muscat", "label": word(lane.pick), "isDefault": lane.pick.random() < 0.4}
    call = Call(who, "POST", f"/customers/{customer_id}/addresses", 201, body=body,
                permission="addresses:write")  # fmt: skip
    if found is None:
        call.status = 404
    elif len(found.addresses) >= ADDRESSES_MAX:
        call.status = 409
    else:
        call.apply = lambda answer: _added(lane, found, body, answer)
    return call


def _added(lane: Lane, found: Customer, body: Json, answer: Answer | None) -> None:
    assert answer is not None
    default = bool(body["isDefault"]) or not found.addresses
    new = Address(answer.json["id"], body["label"], default)
    lane.same(answer, {"customerId": found.id, "label": new.label, "isDefault": default})
    if default:
        _give_up(found)
    found.addresses[new.id] = new


def _give_up(found: Customer) -> None:
    for address in found.addresses.values():
        address.is_default = False


def list_addresses(lane: Lane) -> Call:
    who = choosing.somebody(lane, "addresses:read")
    customer_id, found = choosing.customer(lane, who)
    call = Call(who, "GET", f"/customers/{customer_id}/addresses", 200 if found else 404,
                query={"limit": 200}, permission="addresses:read")  # fmt: skip
    if found is not None:
        call.check = lambda answer: _listed(found, answer)
    return call


def _listed(found: Customer, answer: Answer) -> None:
    shown = [(a["id"], a["label"], a["isDefault"]) for a in answer.json["items"]]
    wanted = sorted((a.id, a.label, a.is_default) for a in found.addresses.values())
    if shown != wanted or sum(a["isDefault"] for a in answer.json["items"]) != bool(wanted):
        raise Mismatch(f"addresses {shown}, not {wanted}")


def _one(lane: Lane, who: Credential) -> tuple[str, str, Customer | None, Address | None]:
    """A customer and an address, mostly of that customer's; else another's, or the other's."""
    customer_id, found = choosing.customer(lane, who)
    furnished = [c for c in lane.world.visible(who) if c.addresses]
    if furnished and lane.pick.random() < 0.7:
        found = lane.world.find(who, lane.pick.choice(furnished).id)
        customer_id = found.id if found else customer_id
    whose = lane.other if lane.pick.random() < 0.1 else lane.world
    anywhere = [a for c in list(whose.customers.values()) for a in list(c.addresses)]
    own = list(found.addresses) if found else []
    address_id = lane.pick.choice(own if own and lane.pick.random() < 0.9 else
                                  anywhere or [choosing.nobody(lane)])  # fmt: skip
    return customer_id, address_id, found, found.addresses.get(address_id) if found else None


def _call(
    lane: Lane, method: str, path: str = "", status: int = 200
) -> tuple[Call, Customer | None, Address | None]:
    who = choosing.somebody(lane, "addresses:write")
    customer_id, address_id, found, address = _one(lane, who)
    call = Call(who, method, f"/customers/{customer_id}/addresses/{address_id}{path}",
                status if address else 404, permission="addresses:write",
                subject=customer_id)  # fmt: skip
    return call, found, address


def change(lane: Lane) -> Call:
    call, found, address = _call(lane, "PATCH")
    label, default = word(lane.pick), lane.pick.random() < 0.3
    call.body = {"label": label} | ({"isDefault": True} if default else {})
    if found is not None and address is not None:
        call.apply = lambda _: _changed(found, address, label, default)
    return call


def _changed(found: Customer, address: Address, label: str, default: bool) -> None:
    address.label = label
    if default:
        _give_up(found)
        address.is_default = True


def make_default(lane: Lane) -> Call:
    call, found, address = _call(lane, "POST", "/default")
    if found is not None and address is not None:
        call.apply = lambda _: _changed(found, address, address.label, True)
    return call


def remove(lane: Lane) -> Call:
    call, found, address = _call(lane, "DELETE", status=204)
    if found is not None and address is not None:
        call.apply = lambda _: _removed(found, address)
    return call


def _removed(found: Customer, address: Address) -> None:
    del found.addresses[address.id]
    if address.is_default and found.addresses:
        found.addresses[max(found.addresses)].is_default = True
