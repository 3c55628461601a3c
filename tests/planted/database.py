"""Faults in the files that `migrate` brings to a database. Those that somebody makes on a live one
are in tests/policies/test_planted_faults.py."""

from planted.fault import Fault

CANARY = "tests/policies/test_catalogue.py::test_no_way_leads_to_another_tenants_rows"
CATALOGUE = "tests/policies/test_catalogue.py::test_the_catalogue_is_as_it_must_be"

FAULTS = (
    Fault(
        "the tenant is set for the session and not for the transaction",
        "sql/functions/set_request_scope.sql",
        "execute format('set local app.tenant_org_id = %L', tenant);",
        "execute format('set app.tenant_org_id = %L', tenant);",
        ("tests/kit/test_roles.py::test_a_scope_ends_with_its_transaction",),
    ),
    Fault(
        "a forgotten tenant is no error",
        "sql/functions/current_tenant.sql",
        "    if tenant is null then\n",
        "    if false then\n",
        ("tests/policies/test_catalogue.py::test_without_a_tenant_every_statement_is_an_error",),
    ),
    Fault(
        "a policy lets a row of another tenant in",
        "sql/policies/tenant.sql",
        "as permissive\nfor all\nto crm_app\nusing (tenant_org_id = {current_tenant})\n"
        "with check (tenant_org_id = {current_tenant});\n\n"
        "create policy tenant_restricts on {table}\nas restrictive\nfor all\nto crm_app\n"
        "using (tenant_org_id = {current_tenant})\nwith check (tenant_org_id = {current_tenant});",
        "as permissive\nfor all\nto crm_app\nusing (tenant_org_id = {current_tenant})\n"
        "with check (true);\n\n"
        "create policy tenant_restricts on {table}\nas restrictive\nfor all\nto crm_app\n"
        "using (tenant_org_id = {current_tenant})\nwith check (true);",
        (CANARY,),
    ),
    Fault(
        "there is no restrictive twin",
        "sql/policies/tenant.sql",
        "as restrictive\n",
        "as permissive\n",
        (
            "tests/policies/test_catalogue.py::test_a_permissive_policy_added_by_mistake_opens_nothing",
        ),
    ),
    Fault(
        "a table is made without row-level security",
        "migrations/versions/0001_foundation.py",
        '    protect("org_teams")\n',
        "",
        (CATALOGUE, CANARY),
    ),
    Fault(
        "a unique constraint without the tenant",
        "migrations/versions/0001_foundation.py",
        '"tenant_org_id", "kind", "value", name="org_customer_identifiers_value_uq"',
        '"kind", "value", name="org_customer_identifiers_value_uq"',
        (CATALOGUE,),
    ),
    Fault(
        "`on conflict do nothing` over another tenant's row hides it",
        "migrations/versions/0001_foundation.py",
        '"tenant_org_id", "kind", "value", name="org_customer_identifiers_value_uq"',
        '"kind", "value", name="org_customer_identifiers_value_uq"',
        (
            "tests/customers/test_creation.py::test_two_tenants_hold_one_phone_each_on_their_own",
            CATALOGUE,
        ),
        also=(
            (
                "src/crm_saas/customers/identifiers.py",
                "    context.session.add_all(added)\n    await context.session.flush()\n",
                "    from sqlalchemy.dialects.postgresql import insert\n\n"
                "    for one in added:\n"
                "        values = {c: getattr(one, c) for c in"
                ' ("tenant_org_id", "id", "kind", "value", "customer_id")}\n'
                "        await context.session.execute("
                "insert(Identifier).values(**values).on_conflict_do_nothing())\n",
            ),
        ),
    ),
    Fault(
        "the trail can be changed",
        "sql/grants.sql",
        "array['org_events', 'org_audit_seals']",
        "array['org_audit_seals']",
        (
            "tests/policies/test_catalogue.py"
            "::test_what_is_append_only_cannot_be_changed_by_its_own_tenant",
        ),
    ),
    Fault(
        "the search takes any tenant for its parameter",
        "sql/functions/search_customers.sql",
        "if tenant is distinct from current_tenant() then",
        "if false then",
        ("tests/customers/test_search_isolation.py::test_naming_another_tenant_is_refused",),
        also=tuple(
            (
                f"sql/functions/{function}.sql",
                "if tenant is distinct from current_tenant() then",
                "if false then",
            )
            for function in (
                "search_candidates",
                "search_fragments",
                "search_spellings",
                "search_phrases",
            )
        ),
    ),
    Fault(
        "a piece of a masked contact finds, beside a name",
        "sql/functions/search_customers.sql",
        "and (not whole_contacts or concat(",
        "and (true or concat(",
        (
            "tests/customers/test_search_isolation.py"
            "::test_no_piece_of_a_masked_contact_finds_anybody",
        ),
    ),
    Fault(
        "the search takes what it calls from the caller's schemas",
        "sql/functions/search_customers.sql",
        "set search_path = pg_catalog, public, pg_temp\n",
        "",
        (
            "tests/customers/test_search_isolation.py"
            "::test_nobody_comes_between_the_functions_and_what_they_name",
        ),
    ),
    Fault(
        "the search role sees beyond the staff scope",
        "sql/policies/search.sql",
        "when 'own' then assigned_to = nullif(current_setting('app.member_id', true), '')::uuid",
        "when 'own' then true",
        ("tests/access/test_scopes.py::test_others_customers_do_not_crowd_out_ones_own",),
    ),
    Fault(
        "a job may be put into another tenant's queue",
        "sql/functions/enqueue_job.sql",
        "if tenant is distinct from current_tenant() then",
        "if false then",
        ("tests/kit/test_jobs.py::test_the_application_may_only_enqueue_for_its_own_tenant",),
    ),
    Fault(
        "the arguments of a job may name a tenant",
        "sql/functions/defer_tenant_jobs.sql",
        " or arguments ? 'tenant_id'",
        "",
        ("tests/kit/test_jobs.py::test_what_is_refused",),
    ),
    Fault(
        "locks of jobs are shared by all tenants",
        "sql/functions/defer_tenant_jobs.sql",
        "tenant || ':' || lock_name,",
        "lock_name,",
        ("tests/kit/test_jobs.py::test_what_a_job_carries",),
    ),
    Fault(
        "a revoked key is found",
        "sql/functions/begin_with_key.sql",
        "        and k.revoked_at is null\n",
        "",
        ("tests/access/test_keys.py::test_revoked_means_refused_at_the_next_request",),
    ),
    Fault(
        "the scope of the staff is not set",
        "sql/functions/begin_with_key.sql",
        "set_request_scope(tenant, found_key.staff_scope, found_key.member_id, teams)",
        "set_request_scope(tenant, 'all', found_key.member_id, teams)",
        ("tests/access/test_scopes.py::test_lists_and_searches_show_what_is_in_scope",),
    ),
    Fault(
        "what is sent along with a credential is read, whoever it is",
        "sql/functions/begin_with_key.sql",
        "    if of_tenant ->> 'status' <> 'active'\n        or needed is not null",
        "    if false\n        and needed is not null",
        (
            "tests/tenancy/test_read_ahead.py"
            "::test_what_goes_along_meets_no_tenant_where_the_caller_is_refused",
            "tests/tenancy/test_read_ahead.py"
            "::test_what_goes_along_meets_no_tenant_where_it_is_suspended",
        ),
    ),
    Fault(
        "a session reaches any tenant that it names",
        "sql/functions/find_staff_session.sql",
        "    left join sys_staff_tenants m on m.staff_id = p.id\n"
        "    left join sys_tenants_mst t on t.id = m.tenant_org_id\n",
        "    left join sys_tenants_mst t on true\n",
        ("tests/access/test_sessions.py::test_a_tenant_of_somebody_else_is_like_one_that_is_not",),
        also=(
            (
                "sql/functions/begin_with_session.sql",
                "            and m.staff_id = person.staff_id\n",
                "",
            ),
        ),
    ),
    Fault(
        "a proof is redeemed twice",
        "sql/functions/otp_consume.sql",
        "        and c.consumed_at is null\n",
        "",
        ("tests/otp/test_service.py::test_a_code_is_verified_and_its_proof_redeemed_once",),
    ),
    Fault(
        "a guess at a code is not counted",
        "sql/functions/otp_attempt.sql",
        "set attempts = c.attempts + 1",
        "set attempts = c.attempts",
        ("tests/otp/test_service.py::test_wrong_attempts_survive_the_refusal",),
    ),
    Fault(
        "numbers come from what a rollback does not take back, and leaves a gap",
        "sql/functions/create_customer.sql",
        "select n.number, n.sequence into taken from take_numbers(tenant, 'customer', 1) as n;",
        "select 'CUST-' || pg_current_xact_id() as number, 1 as sequence into taken;",
        ("tests/tenancy/test_requests.py::test_a_commit_that_fails_is_never_a_success",),
    ),
)
