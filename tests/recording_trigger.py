"""A trigger for the tests alone: no row of an `org_*` table changes without its record.

Two parts. A trigger on org_events notes which rows a record names, under the transaction's id. A
trigger on every other table, deferred to the commit so that a verb may change rows first and
record afterwards, looks for its row among the notes.

The notes are a table of their own, because the triggers run as the owner, and no policy lets the
owner see a row of org_events. The id is the outermost transaction's, so savepoints are no hole:
what one takes back, it takes out of the notes too.

Two acts name no row by its id. An import's record names every table with the number and the digest
of its rows, and so stands for what the import inserted. The deletion of a tenant takes the trail
with it: rows of a tenant that is gone itself at the commit need no record.
"""

import psycopg

# Tables whose rows are not acts of the business; each with its reason.
EXEMPT = {
    "org_events": "is the record",
    "org_audit_seals": "seals the records",
    "org_audit_heads": "is where the seals end",
    "org_idempotency_keys": "is written with the answer, beside the record of its effect",
    "org_number_counters": "is taken by the creation that it numbers",
    "org_customers_to_compare": "says what is still to be done, not what was",
    "org_duplicate_sweeps": "is the progress of a job, whose start, end and findings are recorded",
    "org_name_counts": "is counted from the customers",
    "org_api_key_uses": "is bookkeeping of reads, gathered and written once a minute",
}

_NOTES = """
    create schema test_only;
    create unlogged table test_only.recorded (
        transaction_id xid8 not null,
        subject_table text not null,
        subject_id uuid not null
    );
    create index on test_only.recorded (transaction_id, subject_id);

    create function test_only.note_record() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, test_only, pg_temp
    as $$
    begin
        insert into recorded
        select pg_current_xact_id(), new.subject_table, new.subject_id
        where new.subject_id is not null
        union all
        select pg_current_xact_id(), 'every table', new.tenant_org_id
        where new.kind = 'tenant.imported'
        union all
        select pg_current_xact_id(), named.key, id::uuid
        from jsonb_each(new.rows) as named
        cross join jsonb_array_elements_text(named.value) as id;
        return null;
    end
    $$;

    create function test_only.require_record() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, test_only, pg_temp
    as $$
    declare
        row_id constant uuid := coalesce(new.id, old.id);
        tenant constant uuid := coalesce(new.tenant_org_id, old.tenant_org_id);
    begin
        if tg_op = 'DELETE'
            and not exists (select from public.sys_tenants_mst t where t.id = tenant)
        then
            return null;
        end if;
        if not exists (
            select from recorded r
            where r.transaction_id = pg_current_xact_id()
                and (r.subject_table, r.subject_id) in (
                    (tg_table_name, row_id),
                    (case when tg_op = 'INSERT' then 'every table' end, tenant)
                )
        ) then
            raise integrity_constraint_violation using
                message = format(
                    '%s of %s %s without its record', lower(tg_op), tg_table_name, row_id
                ),
                hint = 'Name the row in the subject or the rows of an event (kit/events.py).';
        end if;
        return null;
    end
    $$;

    revoke all on all functions in schema test_only from public;
"""
_TRIGGERS = r"""
    do $do$
    declare
        tenant_table text;
    begin
        create trigger note_record
        after insert on org_events
        for each row
        execute function test_only.note_record();

        for tenant_table in
            select c.relname
            from pg_class c
            where c.relnamespace = 'public'::regnamespace
                and c.relkind = 'r'
                and c.relname like 'org\_%'
                and c.relname <> all (string_to_array('EXEMPT', ' '))
        loop
            execute format(
                'create constraint trigger require_record
                after insert or update or delete on %I
                deferrable initially deferred
                for each row
                execute function test_only.require_record()',
                tenant_table
            );
        end loop;
    end
    $do$
"""


def install_recording_trigger(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute(_NOTES)
        connection.execute(_TRIGGERS.replace("EXEMPT", " ".join(EXEMPT)).encode())
