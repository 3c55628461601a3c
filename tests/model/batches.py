"""What a till collected offline: row by row, each with its key, some of them sent before."""

from model import choosing
from model.lane import Call, Lane, Mismatch
from model.ways_in import add, new_customer, outcome_of, till_row
from model.wire import Answer
from model.world import Credential, Json

ROWS_MAX = 4


def batch(lane: Lane) -> Call:
    who = choosing.somebody(lane, "customers:create")
    rows = [_batch_row(lane, who, i) for i in range(lane.pick.randrange(1, ROWS_MAX))]
    call = Call(who, "POST", "/customers/batch", body={"rows": rows},
                permission="customers:create", keyed=False)  # fmt: skip
    call.check = lambda answer: _take(lane, who, rows, answer)
    return call


def _batch_row(lane: Lane, who: Credential, index: int) -> Json:
    """A new one, or one that the same principal, or another one, has sent before."""
    known = list(lane.world.batch_rows.items())
    if known and lane.pick.random() < 0.2:
        _, (row, _) = lane.pick.choice(known)
        return row
    row = {"type": "guest"} if lane.pick.random() < 0.3 else till_row(lane)
    return row | {"idempotencyKey": f"{lane.world.mark}-row-{lane.pick.getrandbits(48):x}"}


def _take(lane: Lane, who: Credential, rows: list[Json], answer: Answer) -> None:
    """The model goes row by row, as the till's customers came."""
    outcomes = answer.json["outcomes"]
    if len(outcomes) != len(rows):
        raise Mismatch(f"{len(outcomes)} outcomes for {len(rows)} rows")
    for row, outcome in zip(rows, outcomes, strict=True):
        _take_row(lane, who, row, outcome)


def _take_row(lane: Lane, who: Credential, row: Json, outcome: Json) -> None:
    world, principal = lane.world, (who.id or who.member or "", row["idempotencyKey"])
    if principal in world.batch_rows:
        stored = world.batch_rows[principal][1]
        lane.same(Answer(200), stored | {"replayed": True}, outcome)
        return
    guest = row.get("type") == "guest"
    wanted = "created" if guest else outcome_of(lane, who, row)
    wanted = "refused" if wanted == "invalid" else wanted
    lane.same(Answer(200), {"outcome": wanted}, outcome)
    if wanted == "created":
        new = new_customer(who, row)
        new.sequence = world.last_sequence + 1
        new.number, new.id = f"{world.prefix}{new.sequence:05}", outcome["customerId"]
        lane.same(Answer(200), {"customerNumber": new.number}, outcome)
        add(lane, new, Answer(201))
    if wanted != "refused":
        kept = ("outcome", "customerId", "customerNumber", "matchedBy", "candidates")
        world.batch_rows[principal] = (row, {name: outcome[name] for name in kept})
