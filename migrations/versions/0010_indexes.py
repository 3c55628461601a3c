"""Indexes of tables that are in use, each built beside the requests, and a check of what is there.

Apart from what makes tables and columns: nothing here is in a transaction, and all of it can be run
again however far it got.
"""

from alembic import op

from crm_saas.kit.migrating import build_index, rebuild_index

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CUSTOMERS = "org_customers_mst"
DUPLICATES = "org_customer_duplicates"
_GROUND = "org_customer_duplicates_ground_ix"
LIVING = "status not in ('merged', 'erased')"

# Those that hold what few customers have are partial: to a stub they cost nothing.
NEW = {
    "org_customers_mst_status_ix": (["status", "created_at", "id"], None),
    "org_customers_mst_profile_ix": (["profile_status", "created_at", "id"], LIVING),
    "org_customers_mst_lifecycle_ix": (["lifecycle", "created_at", "id"], LIVING),
    "org_customers_mst_stage_ix": (["journey_stage", "created_at", "id"], LIVING),
    "org_customers_mst_business_ix": (
        ["customer_type", "created_at", "id"],
        f"customer_type = 'business' and {LIVING}",
    ),
    "org_customers_mst_company_ix": (
        ["company_name", "created_at", "id"],
        f"company_name is not null and {LIVING}",
    ),
    "org_customers_mst_birth_ix": (
        ["date_of_birth", "created_at", "id"],
        f"date_of_birth is not null and {LIVING}",
    ),
    "org_customers_mst_expires_ix": (["expires_at", "id"], "expires_at is not null"),
    "org_customers_mst_external_ix": (["external_id"], "external_id is not null"),
    "org_customers_mst_assigned_name_ix": (
        ["assigned_to", "name_norm", "id"],
        f"assigned_to is not null and {LIVING}",
    ),
    "org_customers_mst_team_name_ix": (
        ["team_id", "name_norm", "id"],
        f"team_id is not null and {LIVING}",
    ),
}
CHANGED = {
    "org_customers_mst_created_ix": (["created_at", "id"], LIVING),
    "org_customers_mst_updated_ix": (["updated_at", "id"], LIVING),
    # Without `living`: they find what refers to a member or a team that is deleted, too.
    "org_customers_mst_assigned_ix": (
        ["assigned_to", "created_at", "id"],
        "assigned_to is not null",
    ),
    "org_customers_mst_team_ix": (["team_id", "created_at", "id"], "team_id is not null"),
    "org_customers_mst_merged_ix": (["merged_into"], "merged_into is not null"),
    "org_customers_mst_name2_ix": (["name2_norm", "id"], "name2_norm is not null"),
    "org_customers_mst_skeleton2_ix": (["name2_skeleton", "id"], "name2_skeleton is not null"),
    "org_customers_mst_email_ix": (["email_norm", "id"], "email_norm is not null"),
}
BEFORE = {
    "org_customers_mst_created_ix": ["created_at", "id"],
    "org_customers_mst_updated_ix": ["updated_at", "id"],
    "org_customers_mst_assigned_ix": ["assigned_to", "id"],
    "org_customers_mst_team_ix": ["team_id", "id"],
    "org_customers_mst_merged_ix": ["merged_into"],
    "org_customers_mst_name2_ix": ["name2_norm", "id"],
    "org_customers_mst_skeleton2_ix": ["name2_skeleton", "id"],
    "org_customers_mst_email_ix": ["email_norm", "id"],
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, (columns, where) in NEW.items():
            build_index(name, CUSTOMERS, ["tenant_org_id", *columns], where)
        for name, (columns, where) in CHANGED.items():
            rebuild_index(name, CUSTOMERS, ["tenant_org_id", *columns], where)
        build_index(_GROUND, DUPLICATES, ["tenant_org_id", "status", "ground", "score", "id"])
        # Added unchecked by 0005; the check lets everybody read and write meanwhile.
        op.execute(
            "alter table org_customer_identifiers"
            " validate constraint org_customer_identifiers_kind_ck"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"drop index concurrently if exists {_GROUND}")
        for name, columns in BEFORE.items():
            rebuild_index(name, CUSTOMERS, ["tenant_org_id", *columns])
        for name in NEW:
            op.execute(f"drop index concurrently if exists {name}")
