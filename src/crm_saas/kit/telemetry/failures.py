"""How an exception is written to the log: PostgreSQL's messages and DETAIL hold values of rows, so
of its errors only the SQLSTATE and the constraint's name are told.
"""

import traceback
from types import TracebackType

import psycopg
from sqlalchemy.exc import StatementError

CHAIN_MAX = 10
_Triple = tuple[type[BaseException], BaseException, TracebackType | None]


def database_reason(error: BaseException) -> str | None:
    """`UniqueViolation 23505 org_x_uq`, or None for what is not the database's error."""
    cause = error.orig if isinstance(error, StatementError) else error
    if not isinstance(cause, psycopg.Error):
        return type(error).__name__ if isinstance(error, StatementError) else None
    parts = (type(cause).__name__, cause.sqlstate, cause.diag.constraint_name)
    return " ".join(part for part in parts if part)


def log_text(exc_info: _Triple) -> str:
    """The traceback, innermost cause first, as Python prints it but for the messages above."""
    chain: list[BaseException] = []
    error: BaseException | None = exc_info[1]
    while error is not None and len(chain) < CHAIN_MAX:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(_described(each) for each in reversed(chain))


def _described(error: BaseException) -> str:
    reason = database_reason(error)
    frames = traceback.extract_tb(error.__traceback__)
    if reason is not None:
        ours = [frame for frame in frames if "crm_saas" in frame.filename]
        return "".join(traceback.format_list(ours)) + reason
    lines = "".join(traceback.format_list(frames))
    lines += "".join(traceback.format_exception_only(error)).rstrip()
    if isinstance(error, BaseExceptionGroup):
        inner = (log_text((type(each), each, each.__traceback__)) for each in error.exceptions)
        lines += "".join(f"\n  | {text}" for text in inner)
    return lines
