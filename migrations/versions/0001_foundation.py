"""The foundation: tenants, access, customers, one-time codes, addresses, merges, the trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from crm_saas.kit.migrating import protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "org_events",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject_table", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("actor_role", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "rows", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_events_pk")),
    )
    op.create_index(
        "org_events_created_ix", "org_events", ["tenant_org_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "org_events_customer_ix",
        "org_events",
        ["tenant_org_id", "customer_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "org_events_subject_ix",
        "org_events",
        ["tenant_org_id", "subject_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "org_idempotency_keys",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_idempotency_keys_pk")),
        sa.UniqueConstraint(
            "tenant_org_id", "principal", "route", "key", name="org_idempotency_keys_key_uq"
        ),
    )
    op.create_index(
        "org_idempotency_keys_created_ix",
        "org_idempotency_keys",
        ["tenant_org_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "org_number_counters",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("last_value", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("width between 1 and 18", name=op.f("org_number_counters_width_ck")),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_number_counters_pk")),
        sa.UniqueConstraint("tenant_org_id", "series", name="org_number_counters_series_uq"),
    )
    op.create_table(
        "org_teams",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_teams_pk")),
        sa.UniqueConstraint("tenant_org_id", "name", name="org_teams_name_uq"),
    )
    op.create_table(
        "sys_customers_mst",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sys_customers_mst_pk")),
        sa.UniqueConstraint("phone_hash", name=op.f("sys_customers_mst_phone_hash_uq")),
    )
    op.create_table(
        "sys_log_in_attempts",
        sa.Column("name_hash", sa.LargeBinary(), nullable=False),
        sa.Column("window_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name_hash", name=op.f("sys_log_in_attempts_pk")),
    )
    op.create_table(
        "sys_staff_mst",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status in ('active', 'disabled')", name=op.f("sys_staff_mst_status_ck")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sys_staff_mst_pk")),
        sa.UniqueConstraint("email_key", name=op.f("sys_staff_mst_email_key_uq")),
    )
    op.create_table(
        "sys_tenants_mst",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name2", sa.Text(), nullable=True),
        sa.Column("default_region", sa.Text(), server_default="OM", nullable=False),
        sa.Column("default_locale", sa.Text(), server_default="en", nullable=False),
        sa.Column("currency", sa.Text(), server_default="OMR", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="Asia/Muscat", nullable=False),
        sa.Column(
            "branding", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "policies", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name=op.f("sys_tenants_mst_slug_ck")
        ),
        sa.CheckConstraint(
            "status in ('active', 'suspended', 'closing')", name=op.f("sys_tenants_mst_status_ck")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sys_tenants_mst_pk")),
        sa.UniqueConstraint("slug", name=op.f("sys_tenants_mst_slug_uq")),
    )
    op.create_table(
        "org_members",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("staff_scope", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "role in ('owner', 'manager', 'sales_manager', 'support', 'pos', 'auditor', 'publishable')",
            name=op.f("org_members_role_ck"),
        ),
        sa.CheckConstraint(
            "staff_scope in ('all', 'team', 'own')", name=op.f("org_members_staff_scope_ck")
        ),
        sa.CheckConstraint("status in ('active', 'disabled')", name=op.f("org_members_status_ck")),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "team_id"],
            ["org_teams.tenant_org_id", "org_teams.id"],
            name="org_members_team_fk",
            ondelete="restrict",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_members_pk")),
        sa.UniqueConstraint("tenant_org_id", "staff_id", name="org_members_staff_uq"),
    )
    op.create_table(
        "sys_staff_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["sys_staff_mst.id"],
            name=op.f("sys_staff_sessions_staff_id_fk"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sys_staff_sessions_pk")),
        sa.UniqueConstraint("token_hash", name=op.f("sys_staff_sessions_token_hash_uq")),
    )
    op.create_index("sys_staff_sessions_staff_ix", "sys_staff_sessions", ["staff_id"], unique=False)
    op.create_table(
        "sys_staff_tenants",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["sys_staff_mst.id"],
            name=op.f("sys_staff_tenants_staff_id_fk"),
            ondelete="cascade",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id"],
            ["sys_tenants_mst.id"],
            name=op.f("sys_staff_tenants_tenant_org_id_fk"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("staff_id", "tenant_org_id", name=op.f("sys_staff_tenants_pk")),
    )
    op.create_table(
        "org_api_keys",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("staff_scope", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("token_hint", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("kind in ('secret', 'publishable')", name=op.f("org_api_keys_kind_ck")),
        sa.CheckConstraint(
            "role in ('owner', 'manager', 'sales_manager', 'support', 'pos', 'auditor', 'publishable')",
            name=op.f("org_api_keys_role_ck"),
        ),
        sa.CheckConstraint(
            "staff_scope in ('all', 'team', 'own')", name=op.f("org_api_keys_staff_scope_ck")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "member_id"],
            ["org_members.tenant_org_id", "org_members.id"],
            name="org_api_keys_member_fk",
            ondelete="restrict",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "team_id"],
            ["org_teams.tenant_org_id", "org_teams.id"],
            name="org_api_keys_team_fk",
            ondelete="restrict",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_api_keys_pk")),
        sa.UniqueConstraint("tenant_org_id", "token_hash", name="org_api_keys_token_uq"),
    )
    op.create_table(
        "org_customers_mst",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_number", sa.Text(), nullable=False),
        sa.Column("customer_seq", sa.BigInteger(), nullable=False),
        sa.Column("profile_status", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("journey_stage", sa.Text(), server_default="prospect", nullable=False),
        sa.Column("lifecycle", sa.Text(), server_default="new", nullable=False),
        sa.Column("customer_type", sa.Text(), server_default="individual", nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("name2", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("honorific", sa.Text(), nullable=True),
        sa.Column("date_of_birth", sa.Date(), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column(
            "preferences",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("company_name", sa.Text(), nullable=True),
        sa.Column("company_size", sa.Text(), nullable=True),
        sa.Column("industry", sa.Text(), nullable=True),
        sa.Column("annual_revenue_minor", sa.BigInteger(), nullable=True),
        sa.Column("annual_revenue_currency", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("phone_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("phone_verified_by", sa.Text(), nullable=True),
        sa.Column("phone_verified_how", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("email_verified_by", sa.Text(), nullable=True),
        sa.Column("email_verified_how", sa.Text(), nullable=True),
        sa.Column("identity_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("identity_verified_by", sa.Text(), nullable=True),
        sa.Column("identity_verified_how", sa.Text(), nullable=True),
        sa.Column("customer_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_to", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "name_norm",
            sa.Text(collation="C"),
            sa.Computed("fold_text(coalesce(name, display_name))", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "name2_norm",
            sa.Text(collation="C"),
            sa.Computed("fold_text(name2)", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "email_norm",
            sa.Text(collation="C"),
            sa.Computed("fold_text(email)", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "phone_rev",
            sa.Text(collation="C"),
            sa.Computed("reverse_digits(phone)", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "number_norm",
            sa.Text(collation="C"),
            sa.Computed("fold_text(customer_number)", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "search_text",
            sa.Text(collation="C"),
            sa.Computed(
                "fold_text(coalesce(display_name, '') || ' ' || coalesce(name, '') || ' ' || coalesce(name2, '') || ' ' || coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(company_name, '') || ' ' || coalesce(email, '') || ' ' || customer_number || ' ' || coalesce(phone, ''))",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "(status = 'merged') = (merged_into is not null)",
            name=op.f("org_customers_mst_merged_ck"),
        ),
        sa.CheckConstraint(
            "customer_type in ('individual', 'business')", name=op.f("org_customers_mst_type_ck")
        ),
        sa.CheckConstraint(
            "lifecycle in ('new', 'repeat', 'loyal', 'vip', 'atRisk', 'churned')",
            name=op.f("org_customers_mst_lifecycle_ck"),
        ),
        sa.CheckConstraint(
            "profile_status = 'guest' or phone is not null or status = 'erased'",
            name=op.f("org_customers_mst_stub_phone_ck"),
        ),
        sa.CheckConstraint(
            "profile_status in ('guest', 'stub', 'full')", name=op.f("org_customers_mst_profile_ck")
        ),
        sa.CheckConstraint(
            "status in ('active', 'inactive', 'blocked', 'merged', 'erased')",
            name=op.f("org_customers_mst_status_ck"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "assigned_to"],
            ["org_members.tenant_org_id", "org_members.id"],
            name="org_customers_mst_assigned_fk",
            ondelete="restrict",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "merged_into"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customers_mst_merged_into_fk",
            ondelete="restrict",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "team_id"],
            ["org_teams.tenant_org_id", "org_teams.id"],
            name="org_customers_mst_team_fk",
            ondelete="restrict",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id"],
            ["sys_tenants_mst.id"],
            name="org_customers_mst_tenant_fk",
            ondelete="restrict",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_customers_mst_pk")),
        sa.UniqueConstraint("tenant_org_id", "customer_number", name="org_customers_mst_number_uq"),
    )
    op.create_index(
        "org_customers_mst_assigned_ix",
        "org_customers_mst",
        ["tenant_org_id", "assigned_to", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_created_ix",
        "org_customers_mst",
        ["tenant_org_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_email_ix",
        "org_customers_mst",
        ["tenant_org_id", "email_norm", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_email_uq",
        "org_customers_mst",
        ["tenant_org_id", "email_key"],
        unique=True,
        postgresql_where=sa.text("status not in ('merged', 'erased')"),
    )
    op.create_index(
        "org_customers_mst_merged_ix",
        "org_customers_mst",
        ["tenant_org_id", "merged_into"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_name2_ix",
        "org_customers_mst",
        ["tenant_org_id", "name2_norm", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_name_ix",
        "org_customers_mst",
        ["tenant_org_id", "name_norm", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_number_ix",
        "org_customers_mst",
        ["tenant_org_id", "number_norm", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_phone_rev_ix",
        "org_customers_mst",
        ["tenant_org_id", "phone_rev", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_phone_uq",
        "org_customers_mst",
        ["tenant_org_id", "phone"],
        unique=True,
        postgresql_where=sa.text("status not in ('merged', 'erased')"),
    )
    op.create_index(
        "org_customers_mst_search_ix",
        "org_customers_mst",
        ["tenant_org_id", "search_text"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    op.create_index(
        "org_customers_mst_sequence_ix",
        "org_customers_mst",
        ["tenant_org_id", "customer_seq", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_team_ix",
        "org_customers_mst",
        ["tenant_org_id", "team_id", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_updated_ix",
        "org_customers_mst",
        ["tenant_org_id", "updated_at", "id"],
        unique=False,
    )
    op.create_table(
        "org_customer_identifiers",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind in ('phone', 'email')", name=op.f("org_customer_identifiers_kind_ck")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "customer_id"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customer_identifiers_customer_fk",
            ondelete="restrict",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_customer_identifiers_pk")),
        sa.UniqueConstraint(
            "tenant_org_id", "kind", "value", name="org_customer_identifiers_value_uq"
        ),
    )
    op.create_index(
        "org_customer_identifiers_customer_ix",
        "org_customer_identifiers",
        ["tenant_org_id", "customer_id"],
        unique=False,
    )
    protect("org_events")
    protect("org_idempotency_keys")
    protect("org_number_counters")
    protect("org_teams")
    protect("org_members")
    protect("org_api_keys")
    protect("org_customers_mst")
    protect("org_customer_identifiers")


def downgrade() -> None:
    op.drop_table("org_customer_identifiers")
    op.drop_table("org_customers_mst")
    op.drop_table("org_api_keys")
    op.drop_table("sys_staff_tenants")
    op.drop_table("sys_staff_sessions")
    op.drop_table("org_members")
    op.drop_table("sys_tenants_mst")
    op.drop_table("sys_staff_mst")
    op.drop_table("sys_log_in_attempts")
    op.drop_table("sys_customers_mst")
    op.drop_table("org_teams")
    op.drop_table("org_number_counters")
    op.drop_table("org_idempotency_keys")
    op.drop_table("org_events")
