-- Sets the session variables of this transaction. `set local` and not set_config(): only that
-- form reaches the workers of a Citus cluster.
create or replace function set_request_scope(
    tenant uuid,
    staff_scope text,
    member_id uuid,
    team_ids uuid[]
) returns void
language plpgsql
as $$
begin
    if tenant is null or staff_scope is null or staff_scope not in ('all', 'team', 'own') then
        raise invalid_parameter_value using message = 'a scope needs a tenant and all, team or own';
    end if;
    execute format('set local app.tenant_org_id = %L', tenant);
    -- As one string: each `execute` has its price, and every request pays it.
    execute format(
        'set local app.staff_scope = %L; set local app.member_id = %L; set local app.team_ids = %L',
        staff_scope,
        coalesce(member_id::text, ''),
        coalesce(team_ids, '{}')::text
    );
end
$$;
