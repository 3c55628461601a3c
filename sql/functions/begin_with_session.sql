-- Authenticates a staff session for one tenant and sets the scope of the transaction.
-- No row: no such session. A row without a tenant: signed in, but not for the tenant that was named.
create or replace function begin_with_session(session_hash bytea, tenant_slug text)
returns table (
    session_id uuid,
    staff_id uuid,
    name text,
    tenant_count bigint,
    role text,
    staff_scope text,
    member_id uuid,
    team_ids uuid[],
    settings jsonb
)
language plpgsql
as $$
#variable_conflict use_column
declare
    person record;
    member org_members%rowtype;
begin
    select * into person from find_staff_session(session_hash, tenant_slug);
    if not found then
        return;
    end if;
    if person.tenant_id is not null then
        perform set_request_scope(person.tenant_id, 'own', null, '{}');
        select *
        into member
        from org_members m
        where m.tenant_org_id = person.tenant_id
            and m.staff_id = person.staff_id
            and m.status = 'active';
    end if;
    if member.id is not null then
        perform set_request_scope(
            person.tenant_id,
            member.staff_scope,
            member.id,
            case when member.team_id is null then '{}' else array[member.team_id] end
        );
    end if;
    return query
    select
        person.session_id,
        person.staff_id,
        person.staff_name,
        person.tenant_count,
        member.role,
        member.staff_scope,
        member.id,
        case when member.team_id is null then '{}'::uuid[] else array[member.team_id] end,
        case when member.id is null then null else tenant_settings(person.tenant_id) end;
end
$$;
