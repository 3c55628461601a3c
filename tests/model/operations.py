"""Every operation of the model, the frequent ones more often."""

from collections.abc import Callable

from model import addressing, credentials, editing, listing, merging, ways_in
from model.batches import batch
from model.lane import Call, Lane

Operation = Callable[[Lane], Call | None]

WEIGHTS: dict[Operation, int] = {
    ways_in.create: 10,
    ways_in.find_or_create: 5,
    ways_in.upgrade: 3,
    batch: 2,
    editing.edit: 10,
    editing.deactivate: 2,
    editing.reactivate: 2,
    editing.block: 1,
    editing.read: 10,
    editing.history: 2,
    listing.list_customers: 7,
    listing.foreign_cursor: 3,
    listing.search: 4,
    listing.statistics: 2,
    listing.export: 2,
    listing.audit: 3,
    addressing.add: 5,
    addressing.list_addresses: 4,
    addressing.change: 2,
    addressing.make_default: 2,
    addressing.remove: 2,
    merging.merge: 4,
    merging.preview: 1,
    merging.undo: 3,
    merging.list_merges: 1,
    merging.suggestions: 2,
    merging.dismiss: 1,
    credentials.create_key: 2,
    credentials.revoke_key: 2,
    credentials.rotate_key: 1,
    credentials.list_keys: 1,
    credentials.who_am_i: 3,
    credentials.staff: 1,
    credentials.log_in: 1,
    credentials.log_out: 1,
}


def any_operation(lane: Lane) -> Call:
    """Some need what is not there yet; then another one."""
    while True:
        (chosen,) = lane.pick.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
        call = chosen(lane)
        if call is not None:
            return call
