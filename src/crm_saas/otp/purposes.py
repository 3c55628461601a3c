"""The words of OTP: what a code is for, how it travels, and the bounds of SPEC 3.1."""

from datetime import timedelta
from typing import Literal, get_args

Purpose = Literal["registration", "login", "verification", "phone_change"]
Channel = Literal["sms", "whatsapp", "voice"]
Locale = Literal["en", "ar"]

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
CHANNELS: tuple[Channel, ...] = get_args(Channel)

CODE_DIGITS = 6
ATTEMPTS_MAX = 3
CODE_LIFETIME = timedelta(minutes=5)
SEND_INTERVAL = timedelta(seconds=60)
PROOF_LIFETIME = timedelta(minutes=10)
