"""Clients that only read while the lanes work: nothing exact is known of what they see, but that
it is their own tenant's. They share the connections, and leave in the middle as others do.
"""

from model.lane import Call, Lane

PATHS = (
    ("customers:read", "/customers?limit=20"),
    ("customers:read", "/customers/statistics"),
    ("customers:read", "/merges"),
    ("customers:read", "/duplicates"),
    ("addresses:read", "/addresses/verification/statistics"),
    ("customers:export", "/customers/export?format=jsonl"),
    ("audit:read", "/audit?limit=20"),
    ("staff:read", "/staff"),
    ("keys:manage", "/keys?limit=50"),
)


def look(lane: Lane) -> Call:
    who = lane.pick.choice([c for c in lane.world.credentials if c.keeps])
    permission, path = lane.pick.choice(PATHS)
    return Call(who, "GET", path, permission=permission)
