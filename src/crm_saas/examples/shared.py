"""Who and what the examples speak of: the same customer in all of them."""

from typing import Any

Json = dict[str, Any]

PHONE = "+96890123456"
ID = "019a9f00-0000-7000-8000-000000000001"
OTHER_ID = "01900000-0000-7000-8000-000000000002"
ADDRESS_ID = "019a9f00-0000-7000-8000-000000000003"
STAFF_ID = "019a9f00-0000-7000-8000-000000000004"
TEAM_ID = "019a9f00-0000-7000-8000-000000000005"
KEY_ID = "019a9f00-0000-7000-8000-000000000006"
MERGE_ID = "019a9f00-0000-7000-8000-000000000007"
TENANT_ID = "019a9f00-0000-7000-8000-000000000008"
AT = "2026-01-31T09:00:00Z"
LATER = "2026-03-02T09:00:00Z"
OWNER = "Amal Al Balushi"


def page(*items: Json) -> Json:
    return {"items": list(items), "nextCursor": None}


_VERIFIED_PHONE = {"at": AT, "by": "key Till 4, Ruwi", "how": "otp"}
CUSTOMER: Json = {
    "id": ID,
    "customerNumber": "CUST-00000042",
    "profileStatus": "full",
    "status": "active",
    "journeyStage": "customer",
    "lifecycle": "new",
    "customerType": "individual",
    "displayName": OWNER,
    "name": OWNER,
    "name2": "أمل البلوشي",
    "firstName": "Amal",
    "lastName": "Al Balushi",
    "honorific": None,
    "dateOfBirth": "1990-04-12",
    "avatarUrl": None,
    "locale": "ar",
    "notes": None,
    "preferences": {"size": "M"},
    "customFields": {"shoeSize": 38},
    "companyName": None,
    "companySize": None,
    "industry": None,
    "annualRevenue": None,
    "phone": PHONE,
    "phoneVerified": True,
    "phoneVerification": _VERIFIED_PHONE,
    "email": "amal@example.com",
    "emailVerified": False,
    "emailVerification": None,
    "identityVerified": False,
    "identityVerification": None,
    "customerSince": AT,
    "externalId": "207119551",
    "assignedTo": None,
    "teamId": None,
    "expiresAt": None,
    "createdAt": AT,
    "updatedAt": AT,
}
OTHER_CUSTOMER: Json = CUSTOMER | {
    "id": OTHER_ID,
    "customerNumber": "CUST-00000007",
    "profileStatus": "stub",
    "phone": "+96892000000",
    "phoneVerified": False,
    "phoneVerification": None,
    "customerSince": None,
    "externalId": None,
}
