"""Faults on the way from a request to its answer."""

from planted.fault import Fault

FAULTS = (
    Fault(
        "the application connects as the tables' owner",
        "src/crm_saas/kit/db.py",
        'make_url(settings.url(role)).set(drivername="postgresql+psycopg")',
        'settings.owner_url.set(drivername="postgresql+psycopg")',
        ("tests/kit/test_roles.py::test_a_process_works_as_the_role_that_it_names",),
    ),
    Fault(
        "a process serves with whatever role it has",
        "src/crm_saas/kit/guard.py",
        "if reasons := [name.replace",
        "if False and [name.replace",
        ("tests/kit/test_roles.py::test_nothing_is_served_as_the_owner",),
    ),
    Fault(
        "a second transaction without the tenant: a commit in the middle of the request",
        "src/crm_saas/kit/events.py",
        "    await context.session.flush()\n    await follow",
        "    await context.session.commit()\n    await follow",
        ("tests/merges/sweeps/test_access.py::test_only_owners_and_managers_sweep",),
    ),
    Fault(
        "credentials are remembered, so that a revoked key is served on",
        "src/crm_saas/tenancy/resolution.py",
        "        tenant, actor = _key(found, permissions_of)\n",
        '        found = globals().setdefault("seen", {}).setdefault(caller.hash, found)\n'
        "        tenant, actor = _key(found, permissions_of)\n",
        ("tests/access/test_keys.py::test_revoked_means_refused_at_the_next_request",),
    ),
    Fault(
        "X-Tenant is not compared with the credential",
        "src/crm_saas/tenancy/resolution.py",
        "if caller.tenant_slug is not None and caller.tenant_slug != tenant.slug:",
        "if False:",
        ("tests/access/test_sessions.py::test_a_tenant_of_somebody_else_is_like_one_that_is_not",),
    ),
    Fault(
        "a suspended tenant is served",
        "src/crm_saas/tenancy/resolution.py",
        'if tenant.status != "active":',
        'if tenant.status == "closing":',
        ("tests/access/test_keys.py::test_a_suspended_tenant_is_served_nothing",),
    ),
    Fault(
        "the permission of a route is not asked for",
        "src/crm_saas/tenancy/middleware.py",
        'context.actor.require(scope["route_handler"].opt["permission"])',
        'scope["route_handler"].opt["permission"]',
        ("tests/access/test_keys.py::test_only_owners_and_managers_manage_keys",),
    ),
    Fault(
        "one route asks for a weaker permission",
        "src/crm_saas/exports/routes.py",
        '"/customers/export",\n    permission="customers:export"',
        '"/customers/export",\n    permission="customers:read"',
        ("tests/access/test_scopes.py::test_export_is_for_who_sees_all",),
    ),
    Fault(
        "a path that ends in a public word is public",
        "src/crm_saas/tenancy/middleware.py",
        'if not options.get("public"):',
        'if not (options.get("public") or scope["path"].endswith("/audit")):',
        ("tests/tenancy/test_requests.py::test_without_a_credential_nothing_is_served",),
    ),
    Fault(
        "the scopes of a key do not narrow its role",
        "src/crm_saas/tenancy/resolution.py",
        "of_role if row.scopes is None else of_role & frozenset(row.scopes)",
        "of_role",
        ("tests/access/test_keys.py::test_scopes_narrow_and_never_widen",),
    ),
    Fault(
        "a key hands out what it may not do itself",
        "src/crm_saas/access/keys.py",
        'if context.actor.kind != "system" and',
        'if context.actor.kind == "nobody" and',
        ("tests/access/test_keys.py::test_nobody_hands_out_what_they_have_not",),
    ),
    Fault(
        "a commit that fails is answered as a success",
        "src/crm_saas/tenancy/commits.py",
        "    except DBAPIError as error:\n        # A stream's answer",
        "    except DBAPIError as error:\n        return {}\n        # A stream's answer",
        ("tests/tenancy/test_requests.py::test_a_commit_that_fails_is_never_a_success",),
    ),
    Fault(
        "an error carries the database's message",
        "src/crm_saas/kit/problems.py",
        '        return InvalidInput("A value cannot be stored: it is out of range or of the wrong '
        'form.")\n',
        "        return InvalidInput(str(cause))\n",
        ("tests/kit/test_problems.py::test_no_problem_repeats_the_database",),
    ),
    Fault(
        "errors of the database show the values of the statement",
        "src/crm_saas/kit/db.py",
        "hide_parameters=True",
        "hide_parameters=False",
        ("tests/kit/test_problems.py::test_an_error_does_not_show_its_parameters",),
    ),
    Fault(
        "another tenant's cursor is accepted",
        "src/crm_saas/kit/paging.py",
        "[context.tenant.id, dict(question)]",
        "[dict(question)]",
        (
            "tests/kit/test_paging.py::test_a_cursor_of_another_tenant_or_question_is_as_good_as_a_made_up_one",
        ),
    ),
    Fault(
        "an Idempotency-Key means the same for every credential of a tenant",
        "src/crm_saas/kit/idempotency.py",
        '    return f"{context.actor.kind}:{context.actor.id}"\n',
        '    return "anybody"\n',
        ("tests/kit/test_idempotency.py::test_a_key_belongs_to_one_principal_tenant_and_route",),
    ),
    Fault(
        "an Idempotency-Key with another body replays the first answer",
        "src/crm_saas/kit/idempotency.py",
        "if earlier.request_hash != _hash(body):",
        "if False:",
        ("tests/kit/test_idempotency.py::test_another_body_is_refused",),
    ),
    Fault(
        "stored answers lie in the clear",
        "src/crm_saas/kit/idempotency.py",
        "sealed = encrypt(_ring(context), body, aad=_place(context.tenant.id, answer_id))",
        "sealed = body",
        ("tests/kit/test_idempotency.py::test_a_stored_answer_holds_no_secret_in_clear",),
    ),
    Fault(
        "If-Match is ignored",
        "src/crm_saas/kit/etags.py",
        'if if_match is None or if_match.strip() == "*":',
        "if True:",
        ("tests/customers/test_editing.py::test_two_editors_of_one_version",),
    ),
)
