"""A body for each operation that takes one, shown in the API reference; a test decodes them all."""

_PHONE = "+96890123456"

EXAMPLES: dict[str, object] = {
    # access
    "log_in": {"email": "amal@example.com", "password": "correct horse battery staple"},
    "create_key": {"name": "Till 4, Ruwi", "role": "pos"},
    "rotate_key": {"overlapSeconds": 3600},
    "create_team": {"name": "Ruwi branch"},
    # otp
    "send_otp": {"phone": _PHONE, "purpose": "registration", "channel": "sms", "locale": "ar"},
    "verify_otp": {"phone": _PHONE, "purpose": "registration", "code": "123456"},
}
