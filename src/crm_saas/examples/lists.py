"""Answers of what goes with lists: custom fields, saved views, bulk work."""

from crm_saas.examples.shared import AT, ID, OTHER_ID, Json

_FIELD: Json = {
    "id": OTHER_ID,
    "key": "shoeSize",
    "label": "Shoe size",
    "label2": "مقاس الحذاء",
    "kind": "number",
    "options": [],
    "required": False,
    "filterable": True,
    "archivedAt": None,
    "createdAt": AT,
    "updatedAt": AT,
}
_VIEW: Json = {
    "id": OTHER_ID,
    "name": "Waiting, newest first",
    "filter": {"journeyStage": "waiting"},
    "sort": "-createdAt",
    "columns": ["displayName", "phone"],
    "shared": False,
    "isOwn": True,
    "isFast": True,
    "createdAt": AT,
    "updatedAt": AT,
}
_BULK: Json = {
    "id": OTHER_ID,
    "verb": "edit",
    "status": "done",
    "reason": None,
    "matched": 2,
    "matchedIsCapped": False,
    "changed": 1,
    "unchanged": 0,
    "refused": 1,
    "refusals": [{"customerId": ID, "code": "merged", "message": "The customer was merged."}],
    "changes": {"journeyStage": "lead"},
    "createdAt": AT,
    "finishedAt": AT,
}

LIST_ANSWERS: Json = {
    "Growth": {"asOf": AT, "items": [{"start": "2026-01-31", "created": 3}]},
    "Statistics": {
        "asOf": AT,
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
