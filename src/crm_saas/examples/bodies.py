"""A body for each operation that takes one, shown in the API reference; a test decodes them all."""

_PHONE = "+96890123456"
_ID = "019a9f00-0000-7000-8000-000000000001"
_OTHER_ID = "01900000-0000-7000-8000-000000000002"
_PLACE = {
    "type": "home",
    "building": "12",
    "street": "Al Noor Street",
    "street2": "شارع النور",
    "area": "Ruwi",
    "city": "Muscat",
    "latitude": 23.588,
    "longitude": 58.3829,
}

BODIES: dict[str, object] = {
    # access
    "log_in": {"email": "amal@example.com", "password": "correct horse battery staple"},
    "create_key": {"name": "Till 4, Ruwi", "role": "pos"},
    "rotate_key": {"overlapSeconds": 3600},
    "create_team": {"name": "Ruwi branch"},
    # otp
    "send_otp": {"phone": _PHONE, "purpose": "registration", "channel": "sms", "locale": "ar"},
    "verify_otp": {"phone": _PHONE, "purpose": "registration", "code": "123456"},
    # customers
    "create_customer": {
        "type": "stub",
        "name": "Amal Al Balushi",
        "name2": "أمل البلوشي",
        "phone": _PHONE,
        "addresses": [_PLACE],
    },
    "upgrade_customer": {
        "type": "full",
        "firstName": "Amal",
        "lastName": "Al Balushi",
        "otpCode": "123456",
    },
    "find_or_create_customer": {"name": "Amal Al Balushi", "phone": "9012 3456"},
    "create_customer_batch": {
        "rows": [{"idempotencyKey": "till-4-000123", "name": "Amal", "phone": _PHONE}]
    },
    "edit_customer": {"email": "amal@example.com", "notes": None},
    "block_customer": {"reason": "Asked us to."},
    "verify_identity": {"how": "passport"},
    # addresses
    "create_address": _PLACE,
    "change_address": {"label": "By the mosque", "isDefault": True},
    "verify_address": {"notes": "Called, and it is right."},
    "reject_address": {"notes": "There is no building 12."},
    "verify_in_bulk": {"items": [{"customerId": _ID, "addressId": _ID, "decision": "verified"}]},
    # merges
    "dismiss_duplicates": {"ids": ["019a9f00-0000-7000-8000-000000000010"]},
    "preview_merge": {"sourceId": _ID, "targetId": _OTHER_ID},
    "merge_customers": {
        "sourceId": _ID,
        "targetId": _OTHER_ID,
        "reason": "The same person with a new phone.",
    },
}
