"""What may go wrong, as RFC 9457 problems: each class carries its status and its stable type."""

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One entry a wrong field: where (`addresses[0].city`), what to do, and a stable code."""

    field: str
    message: str
    code: str = "invalid"


class Problem(Exception):
    """Raised to refuse a request; the transaction rolls back and one handler renders it."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        fields: list[FieldError] | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields = fields or []
        self.headers = headers or {}
        self.extra = extra


class MalformedRequest(Problem):
    status, type, title = 400, "malformed-request", "The request cannot be read"


class Unauthorized(Problem):
    status, type, title = 401, "unauthorized", "No valid credential was sent"

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            detail or "Send `Authorization: Bearer <key or session token>`.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class Forbidden(Problem):
    status, type, title = 403, "forbidden", "The credential does not allow this"


class NotFound(Problem):
    status, type, title = 404, "not-found", "There is no such thing here"


class MethodNotAllowed(Problem):
    status, type, title = 405, "method-not-allowed", "The path does not take this method"

    def __init__(self, allowed: Iterable[str]) -> None:
        # Litestar answers OPTIONS on every path; here nothing does.
        super().__init__(
            "See /api/v1/docs for what this path takes.",
            headers={"Allow": ", ".join(sorted(set(allowed) - {"OPTIONS"}))},
        )


class TooSlow(Problem):
    status, type, title = 408, "too-slow", "The request did not arrive in time"


class Conflict(Problem):
    status, type, title = 409, "conflict", "The request clashes with what is there"


class PreconditionFailed(Problem):
    status, type, title = 412, "precondition-failed", "It was changed by somebody else since"


class TooLarge(Problem):
    status, type, title = 413, "too-large", "The request is too large"


class UnsupportedMediaType(Problem):
    status, type, title = 415, "unsupported-media-type", "Send JSON"


class InvalidInput(Problem):
    status, type, title = 422, "invalid-input", "Some fields are not valid"

    @classmethod
    def of(cls, field: str, message: str, code: str = "invalid") -> "InvalidInput":
        return cls(f"{field}: {message}", fields=[FieldError(field, message, code)])


class TooManyRequests(Problem):
    status, type, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, detail: str = "", *, retry_after_seconds: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(max(1, retry_after_seconds))})


class RequestBudgetExhausted(TooManyRequests):
    type, title = "request-budget-exhausted", "Too many requests within a minute"


class Unavailable(Problem):
    status, type, title = 503, "unavailable", "Busy just now; try again"

    def __init__(self, detail: str = "", *, retry_after_seconds: int = 1) -> None:
        super().__init__(
            detail or "The database did not answer in time. Nothing was saved; try again.",
            headers={"Retry-After": str(retry_after_seconds)},
        )


class Overloaded(Unavailable):
    type, title = "overloaded", "Too much at once; try again"

    def __init__(self) -> None:
        super().__init__("Too many requests are being served. Nothing was done; try again.")
