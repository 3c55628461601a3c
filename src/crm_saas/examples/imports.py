"""Examples of imports; with the others in answers.py and bodies.py."""

from typing import Any

Json = dict[str, Any]

_PLAN: Json = {
    "mapping": {"Name": "name", "Phone": "phone", "City": "address.city"},
    "upsertBy": "phone",
    "mode": "createAndUpdate",
    "emptyCells": "leave",
    "dates": "dayFirst",
}
_ID = "019a9f00-0000-7000-8000-000000000009"
_AT = "2026-01-31T09:00:00Z"
_IMPORT: Json = {
    "id": _ID,
    "filename": "customers.csv",
    "format": "csv",
    "encoding": "utf-8",
    "delimiter": ",",
    "sizeBytes": 73214,
    "status": "running",
    "dryRun": False,
    "headers": ["Name", "Phone", "City", "Accepts Marketing"],
    "sample": [["Amal Al Balushi", "+968 9012 3456", "Muscat", "yes"]],
    "mapping": _PLAN["mapping"],
    "leftOut": [{"column": "Accepts Marketing", "reason": "consents cannot be imported yet"}],
    "upsertBy": "phone",
    "plan": _PLAN,
    "progress": {
        "phase": "writing",
        "rowsRead": 1201,
        "rowsDone": 501,
        "rowsTotal": 1201,
        "counts": {"created": 480, "updated": 12, "unchanged": 6, "refused": 2},
    },
    "failure": None,
    "hasResult": False,
    "createdBy": "Amal Al Balushi",
    "createdAt": _AT,
    "startedAt": _AT,
    "finishedAt": None,
    "expiresAt": "2026-03-02T09:00:00Z",
}
_ROW: Json = {
    "rowNumber": 17,
    "outcome": "refused",
    "customerId": None,
    "customerNumber": None,
    "problems": [
        {
            "message": "is too short for Oman; expected 8 digits after +968.",
            "column": "Phone",
            "field": "phone",
            "value": "9012",
        }
    ],
}
IMPORT_ANSWERS: Json = {
    "ImportView": _IMPORT,
    "ImportList": {"items": [_IMPORT], "nextCursor": None},
    "ImportRowList": {"items": [_ROW], "nextCursor": None},
}
# The mapping is the file's own: the guessed one is taken unless another is sent.
IMPORT_BODIES: Json = {
    "dry_run_import": {"mode": "createAndUpdate"},
    "run_import": {"mode": "createAndUpdate", "emptyCells": "leave", "dates": "dayFirst"},
}
