"""Answers of merges: previews, merges, suggestions, sweeps."""

from crm_saas.examples.shared import (
    AT,
    CUSTOMER,
    ID,
    LATER,
    MERGE_ID,
    OTHER_CUSTOMER,
    OTHER_ID,
    OWNER,
    PHONE,
    STAFF_ID,
    Json,
    page,
)

_MERGE: Json = {
    "id": MERGE_ID,
    "sourceId": OTHER_ID,
    "sourceNumber": "CUST-00000007",
    "sourceName": OWNER,
    "targetId": ID,
    "targetNumber": "CUST-00000042",
    "targetName": OWNER,
    "reason": "The same person with a new phone.",
    "choices": {"phone": "target"},
    "moved": [{"table": "org_customer_addresses_mst", "count": 1}],
    "mergedAt": AT,
    "mergedBy": STAFF_ID,
    "mergedByName": "Salim Al Harthy",
    "undoUntil": LATER,
    "undoneAt": None,
    "undoneByName": None,
}
_UNDONE: Json = _MERGE | {
    "undoneAt": LATER,
    "undoneByName": "Salim Al Harthy",
    "undoReport": {"fields": [{"field": "notes", "customerId": ID}], "contacts": [], "rows": []},
}
_SUGGESTION: Json = {
    "id": "019a9f00-0000-7000-8000-000000000010",
    "score": 0.92,
    "evidence": [{"kind": "name", "detail": OWNER, "weight": 0.6}],
    "status": "open",
    "foundAt": AT,
    "customers": [CUSTOMER, OTHER_CUSTOMER],
}
_SWEEP: Json = {
    "id": "019a9f00-0000-7000-8000-000000000011",
    "status": "running",
    "progress": 0.45,
    "startedAt": AT,
    "startedByName": "Salim Al Harthy",
    "endedAt": None,
    "customers": 1_000_000,
    "compared": 120_000,
    "found": 21_000,
    "dropped": 0,
    "leftOut": {"birthDate": {"blocks": 3, "customers": 250}},
}

MERGE_ANSWERS: dict[str, Json] = {
    "MergePreview": {
        "source": OTHER_CUSTOMER,
        "target": CUSTOMER,
        "blockers": [],
        "clashes": [
            {
                "field": "phone",
                "source": "+96892000000",
                "target": PHONE,
                "choice": "target",
            }
        ],
        "choices": {"phone": "target"},
        "moves": [{"table": "org_customer_addresses_mst", "count": 1}],
        "result": CUSTOMER,
        "undoDays": 30,
    },
    "MergeDone": _MERGE | {"customer": CUSTOMER},
    "MergeList": page(_MERGE),
    "MergeDetail": _MERGE | {"undoReport": None},
    "MergeUndone": _UNDONE | {"source": OTHER_CUSTOMER, "target": CUSTOMER},
    "SuggestionView": _SUGGESTION,
    "SuggestionList": page(_SUGGESTION),
    "SweepView": _SWEEP,
    "SweepList": page(_SWEEP),
}
