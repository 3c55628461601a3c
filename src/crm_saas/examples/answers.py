"""An answer for each view that a route gives, by the name of its schema; a test checks them all.

Those of lists, imports and merges are in files of their own.
"""

from crm_saas.examples.shared import (
    ADDRESS_ID,
    AT,
    CUSTOMER,
    ID,
    KEY_ID,
    LATER,
    OWNER,
    STAFF_ID,
    TEAM_ID,
    TENANT_ID,
    Json,
    page,
)

_PLACE: Json = {
    "id": ADDRESS_ID,
    "customerId": ID,
    "type": "home",
    "label": None,
    "label2": None,
    "building": "12",
    "building2": None,
    "floor": None,
    "apartment": None,
    "street": "Al Noor Street",
    "street2": "شارع النور",
    "area": "Ruwi",
    "area2": None,
    "city": "Muscat",
    "city2": None,
    "postalCode": None,
    "country": "OM",
    "deliveryNotes": None,
    "latitude": 23.588,
    "longitude": 58.3829,
    "isDefault": True,
    "verificationStatus": "pending",
    "pendingSince": AT,
    "verifiedBy": None,
    "verifiedByName": None,
    "verifiedAt": None,
    "verificationNotes": None,
    "version": 1,
    "createdAt": AT,
    "updatedAt": AT,
}
_OF_CUSTOMER = {"customerNumber": "CUST-00000042", "customerDisplayName": OWNER}
_KEY: Json = {
    "id": KEY_ID,
    "kind": "sk",
    "name": "Till 4, Ruwi",
    "role": "pos",
    "scopes": None,
    "teamId": None,
    "memberId": None,
    "hint": "crm_sk_…x7Qp",
    "createdAt": AT,
    "expiresAt": None,
    "lastUsedAt": None,
    "revokedAt": None,
}
_MEMBER: Json = {
    "id": STAFF_ID,
    "name": "Salim Al Harthy",
    "email": "salim@example.com",
    "role": "owner",
    "staffScope": "all",
    "teamId": None,
    "status": "active",
}
_TEAM: Json = {"id": TEAM_ID, "name": "Ruwi branch"}
_EVENT: Json = {
    "id": "019a9f00-0000-7000-8000-000000000009",
    "kind": "customer.changed",
    "at": AT,
    "subjectTable": "org_customers_mst",
    "subjectId": ID,
    "customerId": ID,
    "actorKind": "staff",
    "actorId": STAFF_ID,
    "actorName": "Salim Al Harthy",
    "actorRole": "owner",
    "requestId": "01936c5e-8b1c-7cc0-9d0f-3d8a2a6f1b7e",
    "address": "192.0.2.7",
    "before": {"notes": "Call after five."},
    "after": {"notes": None},
}
_EXPORT = {
    "id": ID,
    "format": "xlsx",
    "filter": {"profileStatus": "full"},
    "status": "ready",
    "rows": {"done": 1200, "estimated": 1200},
    "fileBytes": 204800,
    "failure": None,
    "link": "https://crm.example.com/api/v1/exports/download/c2lnbmVk",
    "linkExpiresAt": AT,
    "requestedBy": STAFF_ID,
    "requestedByName": "Salim Al Harthy",
    "createdAt": AT,
    "finishedAt": AT,
    "expiresAt": AT,
}
ANSWERS: dict[str, Json] = {
    "Health": {"status": "ok"},
    # access
    "SignedIn": {
        "token": "crm_st_…",
        "expiresAt": LATER,
        "staffId": STAFF_ID,
        "name": "Salim Al Harthy",
        "tenants": ["alnoor"],
    },
    "WhoAmI": {
        "kind": "key",
        "id": KEY_ID,
        "name": "Till 4, Ruwi",
        "role": "pos",
        "staffScope": "all",
        "permissions": ["customers:create", "customers:read"],
        "tenantId": TENANT_ID,
        "tenantSlug": "alnoor",
        "tenantName": "Al Noor Perfumes",
    },
    "SessionList": {
        "items": [
            {
                "id": "019a9f00-0000-7000-8000-000000000011",
                "createdAt": AT,
                "expiresAt": LATER,
                "address": "192.0.2.7",
                "userAgent": "Mozilla/5.0",
                "current": True,
            }
        ]
    },
    "KeyView": _KEY,
    "NewKeyView": _KEY | {"key": "crm_sk_…"},
    "KeyList": page(_KEY),
    "MemberList": page(_MEMBER),
    "TeamView": _TEAM,
    "TeamList": page(_TEAM),
    # audit
    "EventList": page(_EVENT),
    # otp
    "OtpSent": {
        "purpose": "registration",
        "expiresAt": "2026-01-31T09:05:00Z",
        "resendAt": "2026-01-31T09:01:00Z",
    },
    "OtpVerified": {"verificationToken": "…", "expiresAt": "2026-01-31T09:15:00Z"},
    # customers
    "CustomerView": CUSTOMER,
    "CustomerList": page(CUSTOMER) | {"isFast": True},
    "Found": {"outcome": "matched", "matchedBy": "phone", "customer": CUSTOMER, "candidates": []},
    "BatchOutcomes": {
        "outcomes": [
            {
                "index": 0,
                "idempotencyKey": "till-4-000123",
                "outcome": "created",
                "matchedBy": None,
                "customerId": ID,
                "customerNumber": "CUST-00000042",
                "candidates": [],
                "replayed": False,
                "problem": None,
            }
        ]
    },
    # addresses
    "AddressView": _PLACE,
    "AddressList": page(_PLACE),
    "WaitingAddressList": page(_PLACE | _OF_CUSTOMER),
    "NearAddressList": {"items": [_PLACE | _OF_CUSTOMER | {"distanceKm": 1.2}]},
    "BulkResult": {
        "items": [
            {
                "customerId": ID,
                "addressId": ADDRESS_ID,
                "outcome": "verified",
                "verificationStatus": "verified",
            }
        ],
        "decided": 1,
        "refused": 0,
    },
    "VerificationStatistics": {
        "total": 3,
        "pending": 1,
        "verified": 2,
        "rejected": 0,
        "oldestPendingSince": AT,
        "deciders": [
            {"decidedBy": STAFF_ID, "name": "Salim Al Harthy", "verified": 2, "rejected": 0}
        ],
    },
    # exports
    "ExportView": _EXPORT,
    "ExportList": page(_EXPORT),
}
# What a stream of this media type starts with.
STREAMS = {
    "text/csv": "id,customerNumber,displayName\r\n" + f"{ID},CUST-00000042,{OWNER}\r\n",
    "application/x-ndjson": f'{{"id":"{ID}","customerNumber":"CUST-00000042"}}\n',
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "PK\x03\x04 …",
    "application/pdf": "%PDF-1.7 …",
}
