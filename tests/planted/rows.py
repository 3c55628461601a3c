"""Faults in what a verb changes, a read shows, or a job does."""

from planted.fault import Fault

STATEMENTS = (
    "tests/policies/test_statements.py"
    "::test_every_statement_of_the_application_could_run_on_a_cluster"
)

FAULTS = (
    Fault(
        "lists and exports leave the tenant to the policies alone",
        "src/crm_saas/customers/filters.py",
        "held: list[ColumnElement[bool]] = [Customer.tenant_org_id == context.tenant.id]",
        "held: list[ColumnElement[bool]] = []",
        (STATEMENTS,),
        after=("tests/exports/test_export.py::test_an_export_is_whole_and_filtered",),
    ),
    Fault(
        "a key is looked up by its id alone",
        "src/crm_saas/access/keys.py",
        ".where(ApiKey.tenant_org_id == context.tenant.id, ApiKey.id == key_id)",
        ".where(ApiKey.id == key_id)",
        (STATEMENTS,),
        after=("tests/access/test_keys.py::test_revoked_means_refused_at_the_next_request",),
    ),
    Fault(
        "a verb changes a row and records nothing",
        "src/crm_saas/addresses/service.py",
        """    await record(
        context,
        "address.added",
        subject=(TABLE, address.id),
        customer_id=customer.id,
        after=_facts(address),
        rows=_rows(loser),
    )
""",
        "",
        ("tests/addresses/test_addresses.py::test_comes_back_as_it_was_sent",),
    ),
    Fault(
        "contact data is not masked",
        "src/crm_saas/customers/views.py",
        "    if not whole:\n        phone, email",
        "    if whole and not whole:\n        phone, email",
        ("tests/access/test_scopes.py::test_an_auditor_sees_masked_contact_data_everywhere",),
    ),
    Fault(
        "a job of bulk work sees every customer, whoever asked for it",
        "src/crm_saas/bulk/requester.py",
        "    await set_scope(context.session, acting.scope)\n",
        "",
        ("tests/bulk/test_jobs.py::test_a_job_sees_no_more_than_who_asked_for_it",),
    ),
    Fault(
        "bulk work goes on when the key that asked for it is revoked",
        "src/crm_saas/access/standing.py",
        "            ApiKey.revoked_at.is_(None),\n",
        "",
        ("tests/bulk/test_jobs.py::test_a_revoked_key_stops_its_work",),
    ),
    Fault(
        "anybody lists by somebody else's own view",
        "src/crm_saas/customers/saved_views.py",
        """        SavedView.id == view_id,
        SavedView.shared | (SavedView.owner_id == _owner(context)),
""",
        "        SavedView.id == view_id,\n",
        ("tests/customers/test_saved_views.py::test_one_is_ones_own_until_it_is_shared",),
    ),
    Fault(
        "an export shows contact data whole",
        "src/crm_saas/customers/export.py",
        '        shown["phone"] = _masked_phone()\n',
        "",
        ("tests/access/test_scopes.py::test_an_auditor_sees_masked_contact_data_everywhere",),
    ),
    Fault(
        "a masked phone is found digit for digit",
        "src/crm_saas/customers/searching.py",
        'whole_contacts = not context.actor.may("customers:unmask")',
        "whole_contacts = False",
        (
            "tests/customers/test_listing.py::test_who_sees_masked_contacts_finds_by_whole_ones_only",
        ),
    ),
    Fault(
        "a cell of an export is a formula",
        "src/crm_saas/exports/columns.py",
        "            expression = guarded(expression)",
        "            pass",
        ("tests/exports/test_export.py::test_no_cell_is_a_formula",),
    ),
    Fault(
        "a file is for everybody who may export",
        "src/crm_saas/exports/queries.py",
        "return actor.permissions.issuperset(export.permissions)",
        "return True",
        ("tests/exports/test_downloads.py::test_nobody_gets_more_than_they_see",),
    ),
    Fault(
        "a link opens whoever asked for it may still download or not",
        "src/crm_saas/exports/queries.py",
        "    if await find_holder(context, export, kind=link.actor_kind,",
        "    if False and await find_holder(context, export, kind=link.actor_kind,",
        ("tests/exports/test_downloads.py::test_a_link_opens_for_as_long_as_its_holder_may",),
    ),
    Fault(
        "a job exports with its own eyes",
        "src/crm_saas/exports/tasks.py",
        "permissions=frozenset(export.permissions),",
        'permissions=frozenset({"customers:unmask", "addresses:read"}),',
        ("tests/exports/test_downloads.py::test_nobody_gets_more_than_they_see",),
    ),
    Fault(
        "an import works with wider eyes than who started it",
        "src/crm_saas/imports/starters.py",
        "    await set_scope(context.session, acting.scope)\n",
        "",
        ("tests/imports/test_scope.py::test_others_are_neither_changed_nor_named",),
    ),
    Fault(
        "an import goes on when its starter may not any more",
        "src/crm_saas/imports/starters.py",
        "if actor is None or not all(map(actor.may, needed(plan))):",
        "if actor is None:",
        ("tests/imports/test_starters.py::test_who_may_not_any_more_assigns_nobody",),
    ),
    Fault(
        "a job goes on with an import that is another's by now",
        "src/crm_saas/imports/runs.py",
        "if row.status not in BUSY or row.turn != self.turn:",
        "if row.status not in BUSY:",
        ("tests/imports/test_going_on.py::test_of_two_who_pass_it_on_one_does",),
    ),
    Fault(
        "the reason of a refused row names a customer outside the scope",
        "src/crm_saas/imports/matching.py",
        'who = self._numbers.get(holder, "a customer outside your scope")',
        'who = self._numbers.get(holder, f"customer {holder}")',
        ("tests/imports/test_scope.py::test_others_are_neither_changed_nor_named",),
    ),
    Fault(
        "an import is looked up by its id alone",
        "src/crm_saas/imports/queries.py",
        "select(Import).where(Import.tenant_org_id == context.tenant.id, Import.id == import_id)",
        "select(Import).where(Import.id == import_id)",
        (STATEMENTS,),
        after=("tests/imports/test_reverting.py::test_what_was_not_run_cannot_be_taken_back",),
    ),
    Fault(
        "taking an import back overwrites what was done since",
        "src/crm_saas/imports/reverting.py",
        'elif customer["version"] != row.customer_version:',
        "elif False:",
        ("tests/imports/test_reverting.py::test_who_was_touched_since_stays",),
    ),
    Fault(
        "a cell of an import's result is a formula",
        "src/crm_saas/imports/reporting.py",
        "[harmless(cell) for cell in line]",
        "[cell for cell in line]",
        ("tests/imports/test_results.py::test_the_rows_as_they_came_with_what_became_of_them",),
    ),
    Fault(
        "a tenant is deleted before its files are",
        "src/crm_saas/backup/deleting.py",
        "    await Files.from_settings(database.settings).delete_all(str(tenant_id))\n",
        "",
        ("tests/backup/test_deleting.py::test_a_store_that_fails_keeps_the_tenant",),
    ),
    Fault(
        "a merge forgets a table that points at customers",
        "src/crm_saas/wiring.py",
        "    Moves(address_models.Address.customer_id, "
        "at_most_one=address_models.Address.is_default),\n",
        "",
        ("tests/merges/test_moves.py::test_every_reference_is_declared",),
    ),
    Fault(
        "a merge leaves the source's phone to whoever comes",
        "src/crm_saas/wiring.py",
        "    Claims(customer_models.Identifier.customer_id),\n",
        "",
        ("tests/merges/test_moves.py::test_every_reference_is_declared",),
    ),
    Fault(
        "a conflict names a customer outside the scope",
        "src/crm_saas/customers/identifiers.py",
        'return problem("A customer outside your scope has it. Ask a manager.")',
        'return problem("Somebody has it.", customerId=str(holder.customer_id))',
        ("tests/access/test_scopes.py::test_a_conflict_names_nobody_outside_the_scope",),
    ),
    Fault(
        "a guess at a code is counted in the request's transaction, and rolled back with it",
        "src/crm_saas/otp/service.py",
        "    async with context.aside() as session:\n"
        "        challenge = await queries.take_attempt",
        "    async with context.session.begin_nested():\n"
        "        session = context.session\n"
        "        challenge = await queries.take_attempt",
        ("tests/otp/test_service.py::test_wrong_attempts_survive_the_refusal",),
    ),
    Fault(
        "a code that was sent for one tenant is good for another",
        "src/crm_saas/otp/codes.py",
        "        challenge.tenant_id.bytes,\n",
        "",
        ("tests/otp/test_codes.py::test_a_code_is_bound_to_all_of_its_challenge",),
    ),
    Fault(
        "a proof is good for another phone, purpose or tenant",
        "src/crm_saas/otp/service.py",
        "meant = (proof.tenant_id, proof.phone_hash) == subject and proof.purpose == purpose",
        "meant = True",
        ("tests/otp/test_service.py::test_a_proof_is_bound_to_tenant_phone_and_purpose",),
        also=(
            (
                "sql/functions/otp_consume.sql",
                "        and c.tenant_org_id = tenant\n        and c.purpose = code_purpose\n",
                "",
            ),
        ),
    ),
    Fault(
        "a worker goes on in the tenant of its first job",
        "src/crm_saas/worker.py",
        "job_context(database, UUID(tenant_id), job.name)",
        'job_context(database, UUID(globals().setdefault("first", tenant_id)), job.name)',
        ("tests/kit/test_jobs.py::test_a_job_commits_with_its_transaction_and_runs_as_its_tenant",),
    ),
    Fault(
        "a job begins in a tenant that is being deleted",
        "src/crm_saas/tenancy/registry.py",
        'if tenant.status == "closing":',
        "if False:",
        ("tests/backup/test_deleting.py::test_no_job_begins_in_a_tenant_that_is_being_deleted",),
    ),
    Fault(
        "the archive of one tenant holds every tenant's rows",
        "src/crm_saas/backup/tables.py",
        'SYSTEM_ROWS.get(self.name, "tenant_org_id = {tenant}")',
        'SYSTEM_ROWS.get(self.name, "true")',
        ("tests/backup/test_archives.py::test_nothing_of_another_tenant_is_in_the_file",),
    ),
    Fault(
        "an archive holds the ids of persons over the whole platform",
        "src/crm_saas/backup/tables.py",
        "        return sql.SQL(hidden) if hidden else sql.Identifier(column)",
        "        return sql.Identifier(column)",
        ("tests/backup/test_archives.py::test_no_id_of_a_person_is_in_the_file",),
    ),
    Fault(
        "an archive that was altered and counted anew is taken",
        "src/crm_saas/backup/archive.py",
        "if not hmac.compare_digest(expected, seal):",
        "if False:",
        ("tests/backup/test_refused_archives.py::test_another_installations",),
    ),
    Fault(
        "an import is not compared with its archive",
        "src/crm_saas/backup/importing.py",
        "if tally.content(table.columns) != work.archive.manifest.tables[table.name]:",
        "if False:",
        (
            "tests/backup/test_other_databases.py"
            "::test_what_does_not_come_out_the_same_is_taken_back",
        ),
    ),
    Fault(
        "a deletion does not wait for what still writes",
        "src/crm_saas/backup/deleting.py",
        "while older & await _running(database):",
        "while older & set():",
        ("tests/backup/test_deleting.py::test_it_waits_for_what_began_before",),
    ),
)
