"""Answers of what goes with lists: custom fields, saved views, bulk work."""

from typing import Any

Json = dict[str, Any]

_ID = "019a9f00-0000-7000-8000-000000000001"
_OTHER_ID = "01900000-0000-7000-8000-000000000002"
_AT = "2026-01-31T09:00:00Z"

_FIELD: Json = {
    "id": _OTHER_ID,
    "key": "shoeSize",
    "label": "Shoe size",
    "label2": "مقاس الحذاء",
    "kind": "number",
    "options": [],
    "required": False,
    "filterable": True,
    "archivedAt": None,
    "createdAt": _AT,
    "updatedAt": _AT,
}
_VIEW: Json = {
    "id": _OTHER_ID,
    "name": "Waiting, newest first",
    "filter": {"journeyStage": "waiting"},
    "sort": "-createdAt",
    "columns": ["displayName", "phone"],
    "shared": False,
    "isOwn": True,
    "isFast": True,
    "createdAt": _AT,
    "updatedAt": _AT,
}
_BULK: Json = {
    "id": _OTHER_ID,
    "verb": "edit",
    "status": "done",
    "reason": None,
    "matched": 2,
    "matchedIsCapped": False,
    "changed": 1,
    "unchanged": 0,
    "refused": 1,
    "refusals": [{"customerId": _ID, "code": "merged", "message": "The customer was merged."}],
    "changes": {"journeyStage": "lead"},
    "createdAt": _AT,
    "finishedAt": _AT,
}

LIST_ANSWERS: Json = {
    "Growth": {"asOf": _AT, "items": [{"start": "2026-01-31", "created": 3}]},
    "Statistics": {
        "asOf": _AT,
        "total": 3,
        "byProfileStatus": {"guest": 1, "stub": 1, "full": 1},
        "byStatus": {"active": 3},
        "byCustomerType": {"individual": 3},
        "createdLast7Days": 1,
        "createdLast30Days": 3,
    },
    "SavedViewView": _VIEW,
    "SavedViewList": {"items": [_VIEW]},
    "FieldView": _FIELD,
    "FieldList": {"items": [_FIELD]},
    "BulkView": _BULK,
    "BulkCount": {"matched": 2, "matchedIsCapped": False},
    "BulkList": {"items": [_BULK], "nextCursor": None},
}
