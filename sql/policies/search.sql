-- Fragment search. crm_search may read three columns of a customer, and only the rows that the
-- words in force find in the tenant in force, within the staff scope in force.
--
-- One permissive policy and no restrictive one: only quals of the lowest security level may use
-- the trigram index before RLS has had its say, and each restrictive policy makes a level of its
-- own. `like` and `<%` are not leakproof, so they must stand here and not in the query.
-- The settings are read bare: a stable function is estimated by its value, a subquery by a guess.
-- Unset, null and '' all find nothing. The arm that is off holds a word that no folded text
-- contains (search_candidates), which ends its index scan at once.

create policy search_permits on org_customers_mst
as permissive
for select
to crm_search
using (
    tenant_org_id = {current_tenant}
    and (
        (
            search_text like nullif(current_setting('app.search_pattern_1', true), '')
            and search_text like nullif(current_setting('app.search_pattern_2', true), '')
            and search_text like nullif(current_setting('app.search_pattern_3', true), '')
        )
        or (
            nullif(current_setting('app.search_similar_1', true), '') <% search_text
            and nullif(current_setting('app.search_similar_2', true), '') <% search_text
        )
    )
    and case current_setting('app.staff_scope', true)
        when 'all' then true
        when 'team' then team_id = any (current_setting('app.team_ids', true)::uuid[])
        when 'own' then assigned_to = nullif(current_setting('app.member_id', true), '')::uuid
        else false
    end
);
