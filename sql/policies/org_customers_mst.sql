-- Whose customers a member of staff may see: all, their team's, or their own.
-- Other tables are read joined with the customer.

create policy staff_scope_restricts on org_customers_mst
as restrictive
for all
to crm_app
using (
    case (select current_setting('app.staff_scope', true))
        when 'all' then true
        when 'team' then team_id = any ((select current_setting('app.team_ids', true))::uuid[])
        when 'own' then assigned_to = (select nullif(current_setting('app.member_id', true), ''))::uuid
        else false
    end
)
with check (
    case (select current_setting('app.staff_scope', true))
        when 'all' then true
        when 'team' then team_id = any ((select current_setting('app.team_ids', true))::uuid[])
        when 'own' then assigned_to = (select nullif(current_setting('app.member_id', true), ''))::uuid
        else false
    end
);
