"""An answer for each view that a route gives, by the name of its schema; a test checks them all."""

from typing import Any

Json = dict[str, Any]

_PHONE = "+96890123456"
_ID = "019a9f00-0000-7000-8000-000000000001"
_OTHER_ID = "01900000-0000-7000-8000-000000000002"
_ADDRESS_ID = "019a9f00-0000-7000-8000-000000000003"
_STAFF_ID = "019a9f00-0000-7000-8000-000000000004"
_TEAM_ID = "019a9f00-0000-7000-8000-000000000005"
_KEY_ID = "019a9f00-0000-7000-8000-000000000006"
_MERGE_ID = "019a9f00-0000-7000-8000-000000000007"
_TENANT_ID = "019a9f00-0000-7000-8000-000000000008"
_AT = "2026-01-31T09:00:00Z"
_LATER = "2026-03-02T09:00:00Z"
_OWNER = "Amal Al Balushi"


def _page(*items: Json) -> Json:
    return {"items": list(items), "nextCursor": None}


_VERIFIED_PHONE = {"at": _AT, "by": "key Till 4, Ruwi", "how": "otp"}
_CUSTOMER: Json = {
    "id": _ID,
    "customerNumber": "CUST-00000042",
    "profileStatus": "full",
    "status": "active",
    "journeyStage": "customer",
    "lifecycle": "new",
    "customerType": "individual",
    "displayName": _OWNER,
    "name": _OWNER,
    "name2": "أمل البلوشي",
    "firstName": "Amal",
    "lastName": "Al Balushi",
    "honorific": None,
    "dateOfBirth": "1990-04-12",
    "avatarUrl": None,
    "locale": "ar",
    "notes": None,
    "preferences": {"size": "M"},
    "companyName": None,
    "companySize": None,
    "industry": None,
    "annualRevenue": None,
    "phone": _PHONE,
    "phoneVerified": True,
    "phoneVerification": _VERIFIED_PHONE,
    "email": "amal@example.com",
    "emailVerified": False,
    "emailVerification": None,
    "identityVerified": False,
    "identityVerification": None,
    "customerSince": _AT,
    "assignedTo": None,
    "teamId": None,
    "expiresAt": None,
    "createdAt": _AT,
    "updatedAt": _AT,
}
_OTHER_CUSTOMER: Json = _CUSTOMER | {
    "id": _OTHER_ID,
    "customerNumber": "CUST-00000007",
    "profileStatus": "stub",
    "phone": "+96892000000",
    "phoneVerified": False,
    "phoneVerification": None,
    "customerSince": None,
}
_PLACE: Json = {
    "id": _ADDRESS_ID,
    "customerId": _ID,
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
    "pendingSince": _AT,
    "verifiedBy": None,
    "verifiedByName": None,
    "verifiedAt": None,
    "verificationNotes": None,
    "version": 1,
    "createdAt": _AT,
    "updatedAt": _AT,
}
_OF_CUSTOMER = {"customerNumber": "CUST-00000042", "customerDisplayName": _OWNER}
_KEY: Json = {
    "id": _KEY_ID,
    "kind": "sk",
    "name": "Till 4, Ruwi",
    "role": "pos",
    "scopes": None,
    "teamId": None,
    "memberId": None,
    "hint": "crm_sk_…x7Qp",
    "createdAt": _AT,
    "expiresAt": None,
    "lastUsedAt": None,
    "revokedAt": None,
}
_MEMBER: Json = {
    "id": _STAFF_ID,
    "name": "Salim Al Harthy",
    "email": "salim@example.com",
    "role": "owner",
    "staffScope": "all",
    "teamId": None,
    "status": "active",
}
_TEAM: Json = {"id": _TEAM_ID, "name": "Ruwi branch"}
_EVENT: Json = {
    "id": "019a9f00-0000-7000-8000-000000000009",
    "kind": "customer.changed",
    "at": _AT,
    "subjectTable": "org_customers_mst",
    "subjectId": _ID,
    "customerId": _ID,
    "actorKind": "staff",
    "actorId": _STAFF_ID,
    "actorName": "Salim Al Harthy",
    "actorRole": "owner",
    "requestId": "01936c5e-8b1c-7cc0-9d0f-3d8a2a6f1b7e",
    "address": "192.0.2.7",
    "before": {"notes": "Call after five."},
    "after": {"notes": None},
}
_MERGE: Json = {
    "id": _MERGE_ID,
    "sourceId": _OTHER_ID,
    "sourceNumber": "CUST-00000007",
    "sourceName": _OWNER,
    "targetId": _ID,
    "targetNumber": "CUST-00000042",
    "targetName": _OWNER,
    "reason": "The same person with a new phone.",
    "choices": {"phone": "target"},
    "moved": [{"table": "org_customer_addresses_mst", "count": 1}],
    "mergedAt": _AT,
    "mergedBy": _STAFF_ID,
    "mergedByName": "Salim Al Harthy",
    "undoUntil": _LATER,
    "undoneAt": None,
    "undoneByName": None,
}
_UNDONE: Json = _MERGE | {
    "undoneAt": _LATER,
    "undoneByName": "Salim Al Harthy",
    "undoReport": {"fields": [{"field": "notes", "customerId": _ID}], "contacts": [], "rows": []},
}
_SUGGESTION: Json = {
    "id": "019a9f00-0000-7000-8000-000000000010",
    "score": 0.92,
    "evidence": [{"kind": "name", "detail": _OWNER, "weight": 0.6}],
    "status": "open",
    "foundAt": _AT,
    "customers": [_CUSTOMER, _OTHER_CUSTOMER],
}
_SWEEP: Json = {
    "id": "019a9f00-0000-7000-8000-000000000011",
    "status": "running",
    "progress": 0.45,
    "startedAt": _AT,
    "startedByName": "Salim Al Harthy",
    "endedAt": None,
    "customers": 1_000_000,
    "compared": 120_000,
    "found": 21_000,
    "dropped": 0,
    "leftOut": {"birthDate": {"blocks": 3, "customers": 250}},
}

ANSWERS: dict[str, Json] = {
    "Health": {"status": "ok"},
    # access
    "SignedIn": {
        "token": "crm_st_…",
        "expiresAt": _LATER,
        "staffId": _STAFF_ID,
        "name": "Salim Al Harthy",
        "tenants": ["alnoor"],
    },
    "WhoAmI": {
        "kind": "key",
        "id": _KEY_ID,
        "name": "Till 4, Ruwi",
        "role": "pos",
        "staffScope": "all",
        "permissions": ["customers:create", "customers:read"],
        "tenantId": _TENANT_ID,
        "tenantSlug": "alnoor",
        "tenantName": "Al Noor Perfumes",
    },
    "SessionList": {
        "items": [
            {
                "id": "019a9f00-0000-7000-8000-000000000011",
                "createdAt": _AT,
                "expiresAt": _LATER,
                "address": "192.0.2.7",
                "userAgent": "Mozilla/5.0",
                "current": True,
            }
        ]
    },
    "KeyView": _KEY,
    "NewKeyView": _KEY | {"key": "crm_sk_…"},
    "KeyList": _page(_KEY),
    "MemberList": _page(_MEMBER),
    "TeamView": _TEAM,
    "TeamList": _page(_TEAM),
    # audit
    "EventList": _page(_EVENT),
    # otp
    "OtpSent": {
        "purpose": "registration",
        "expiresAt": "2026-01-31T09:05:00Z",
        "resendAt": "2026-01-31T09:01:00Z",
    },
    "OtpVerified": {"verificationToken": "…", "expiresAt": "2026-01-31T09:15:00Z"},
    # customers
    "CustomerView": _CUSTOMER,
    "CustomerList": _page(_CUSTOMER),
    "Statistics": {
        "total": 3,
        "byProfileStatus": {"guest": 1, "stub": 1, "full": 1},
        "byStatus": {"active": 3},
        "byCustomerType": {"individual": 3},
        "createdLast7Days": 1,
        "createdLast30Days": 3,
    },
    "Found": {"outcome": "matched", "matchedBy": "phone", "customer": _CUSTOMER, "candidates": []},
    "BatchOutcomes": {
        "outcomes": [
            {
                "index": 0,
                "idempotencyKey": "till-4-000123",
                "outcome": "created",
                "matchedBy": None,
                "customerId": _ID,
                "customerNumber": "CUST-00000042",
                "candidates": [],
                "replayed": False,
                "problem": None,
            }
        ]
    },
    # addresses
    "AddressView": _PLACE,
    "AddressList": _page(_PLACE),
    "WaitingAddressList": _page(_PLACE | _OF_CUSTOMER),
    "NearAddressList": {"items": [_PLACE | _OF_CUSTOMER | {"distanceKm": 1.2}]},
    "BulkResult": {
        "items": [
            {
                "customerId": _ID,
                "addressId": _ADDRESS_ID,
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
        "oldestPendingSince": _AT,
        "deciders": [
            {"decidedBy": _STAFF_ID, "name": "Salim Al Harthy", "verified": 2, "rejected": 0}
        ],
    },
    # merges
    "MergePreview": {
        "source": _OTHER_CUSTOMER,
        "target": _CUSTOMER,
        "blockers": [],
        "clashes": [
            {
                "field": "phone",
                "source": "+96892000000",
                "target": _PHONE,
                "choice": "target",
            }
        ],
        "choices": {"phone": "target"},
        "moves": [{"table": "org_customer_addresses_mst", "count": 1}],
        "result": _CUSTOMER,
        "undoDays": 30,
    },
    "MergeDone": _MERGE | {"customer": _CUSTOMER},
    "MergeList": _page(_MERGE),
    "MergeDetail": _MERGE | {"undoReport": None},
    "MergeUndone": _UNDONE | {"source": _OTHER_CUSTOMER, "target": _CUSTOMER},
    "SuggestionView": _SUGGESTION,
    "SuggestionList": _page(_SUGGESTION),
    "SweepView": _SWEEP,
    "SweepList": _page(_SWEEP),
}
# What a stream of this media type starts with.
STREAMS = {
    "text/csv": "id,customerNumber,displayName\r\n" + f"{_ID},CUST-00000042,{_OWNER}\r\n",
    "application/x-ndjson": f'{{"id":"{_ID}","customerNumber":"CUST-00000042"}}\n',
}
