"""What the server itself must bring: a patched PostgreSQL that knows letters beyond ASCII."""

from collections.abc import Iterator

import psycopg

from crm_saas.doctor.checks import Check

# DESIGN 2.6: earlier ones leak rows through row-level security.
PATCH_LEVEL_MIN = {15: 14, 16: 10, 17: 6, 18: 4}


def find_old_server(connection: psycopg.Connection) -> Iterator[str]:
    major, patch = divmod(connection.info.server_version, 10_000)
    if major < min(PATCH_LEVEL_MIN):
        yield f"PostgreSQL {major} is too old; {min(PATCH_LEVEL_MIN)} or later is needed."
    elif patch < PATCH_LEVEL_MIN.get(major, 0):
        yield (
            f"PostgreSQL {major}.{patch} lacks security fixes; "
            f"update it to {major}.{PATCH_LEVEL_MIN[major]} or later."
        )


def find_illiterate_server(connection: psycopg.Connection) -> Iterator[str]:
    row = connection.execute(
        """
        select lower('É') = 'é', cardinality(show_trgm('سلام')) > 0, getdatabaseencoding() = 'UTF8'
        """
    ).fetchone()
    lowers, has_trigrams, is_utf8 = row or (False, False, False)
    remedy = "Make the database with LC_CTYPE C.UTF-8 or a language's UTF-8."
    if not is_utf8:
        yield "The database's encoding is not UTF8. Make it anew with encoding UTF8."
    if not lowers:
        yield f"lower('É') is not 'é': names would not be found. {remedy}"
    if not has_trigrams:
        yield f"Arabic words have no trigrams: they would not be found. {remedy}"


CHECKS = (
    Check("server", "PostgreSQL has the security fixes that isolation needs.", find_old_server),
    Check("language", "Arabic and accented letters are letters.", find_illiterate_server),
)
