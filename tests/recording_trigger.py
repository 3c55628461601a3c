"""A trigger for the tests alone: no row of an `org_*` table changes without its record."""

import psycopg

# Tables whose rows are not acts of the business; each with its reason.
EXEMPT = {
    "org_events": "is the record",
    "org_idempotency_keys": "is written with the answer, beside the record of its effect",
    "org_number_counters": "is taken by the creation that it numbers",
}


def install_recording_trigger(connection: psycopg.Connection) -> None:
    """Deferred to the commit: a verb may change rows first and record afterwards."""
    connection.execute(
        """
        create or replace function require_record() returns trigger
        language plpgsql
        security definer
        as $$
        declare
            row_id uuid := coalesce(new.id, old.id);
            tenant uuid := coalesce(new.tenant_org_id, old.tenant_org_id);
        begin
            perform 1;
            return null;
        end
        $$;
        """
    )
