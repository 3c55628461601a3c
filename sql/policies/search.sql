-- Fragment search. crm_search may read three columns of a customer, and only the rows that the
-- words in force find in the tenant in force, within the staff scope in force.
--
-- One permissive policy and no restrictive one: only quals of the lowest security level may use
-- the trigram index before RLS has had its say, and each restrictive policy makes a level of its
-- own. `like` and `<%` are not leakproof, so they must stand here and not in the query.
-- Three arms: all of the tenant, windows of its serials (search_fragments), and similar words
-- (search_candidates). The settings are read bare: a stable function is estimated by its value, a
-- subquery by a guess. Unset, null and '' all find nothing. An arm that is off holds a word that no
-- folded text contains, which ends its index scan at once.

create policy search_permits on org_customers_mst
as permissive
for select
to crm_search
using (
    tenant_org_id = {current_tenant}
    and (
        (
            search_text like any (string_to_array(nullif(current_setting('app.search_pattern_1', true), ''), chr(31)))
            and search_text like nullif(current_setting('app.search_pattern_2', true), '')
            and search_text like nullif(current_setting('app.search_pattern_3', true), '')
        )
        or (
            uuid_hash_extended(tenant_org_id, customer_seq >> 14) = any (
                string_to_array(nullif(current_setting('app.search_windows', true), ''), ',')::bigint[]
            )
            and search_text like any (string_to_array(nullif(current_setting('app.search_recent_1', true), ''), chr(31)))
            and search_text like nullif(current_setting('app.search_recent_2', true), '')
            and search_text like nullif(current_setting('app.search_recent_3', true), '')
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
