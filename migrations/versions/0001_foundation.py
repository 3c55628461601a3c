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
        "sys_otp_budgets",
        sa.Column("subject_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("sys_otp_budgets_used_ck")),
        sa.PrimaryKeyConstraint(
            "subject_hash", "kind", "window_start", name=op.f("sys_otp_budgets_pk")
        ),
    )
    op.create_index("sys_otp_budgets_window_ix", "sys_otp_budgets", ["window_start"], unique=False)
    op.create_table(
        "sys_otp_codes",
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("send_counter", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.Column("delivery_state", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("delivery_reason", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "channel in ('sms', 'whatsapp', 'voice')", name=op.f("sys_otp_codes_channel_ck")
        ),
        sa.CheckConstraint(
            "delivery_state in ('waiting', 'sending', 'unknown', 'queued', 'sent', 'undelivered', 'failed', 'delivered')",
            name=op.f("sys_otp_codes_delivery_state_ck"),
        ),
        sa.CheckConstraint("locale in ('en', 'ar')", name=op.f("sys_otp_codes_locale_ck")),
        sa.CheckConstraint(
            "purpose in ('registration', 'login', 'verification', 'phone_change')",
            name=op.f("sys_otp_codes_purpose_ck"),
        ),
        sa.CheckConstraint("attempts between 0 and 3", name=op.f("sys_otp_codes_attempts_ck")),
        sa.CheckConstraint(
            "consumed_at is null or verified_at is not null", name=op.f("sys_otp_codes_consumed_ck")
        ),
        sa.PrimaryKeyConstraint("phone_hash", "id", name=op.f("sys_otp_codes_pk")),
    )
    op.create_index("sys_otp_codes_expires_ix", "sys_otp_codes", ["expires_at"], unique=False)
    op.create_index(
        "sys_otp_codes_open_uq",
        "sys_otp_codes",
        ["phone_hash", "tenant_org_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("verified_at is null"),
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
            "name_skeleton",
            sa.Text(collation="C"),
            sa.Computed("name_skeleton(fold_text(name))", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "name2_skeleton",
            sa.Text(collation="C"),
            sa.Computed("name_skeleton(fold_text(name2))", persisted=True),
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
        "org_customers_mst_skeleton2_ix",
        "org_customers_mst",
        ["tenant_org_id", "name2_skeleton", "id"],
        unique=False,
    )
    op.create_index(
        "org_customers_mst_skeleton_ix",
        "org_customers_mst",
        ["tenant_org_id", "name_skeleton", "id"],
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
        "org_api_key_uses",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "id"],
            ["org_api_keys.tenant_org_id", "org_api_keys.id"],
            name="org_api_key_uses_key_fk",
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_api_key_uses_pk")),
    )
    op.create_table(
        "org_customer_addresses_mst",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("label2", sa.Text(), nullable=True),
        sa.Column("building", sa.Text(), nullable=True),
        sa.Column("building2", sa.Text(), nullable=True),
        sa.Column("floor", sa.Text(), nullable=True),
        sa.Column("apartment", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("street2", sa.Text(), nullable=True),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("area2", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("city2", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("delivery_notes", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Numeric(), nullable=True),
        sa.Column("longitude", sa.Numeric(), nullable=True),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("verification_status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("pending_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column("verified_by_name", sa.Text(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verification_notes", sa.Text(), nullable=True),
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
            "latitude_degrees",
            sa.Double(),
            sa.Computed("latitude::double precision", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "longitude_degrees",
            sa.Double(),
            sa.Computed("longitude::double precision", persisted=True),
            nullable=True,
        ),
        sa.CheckConstraint(
            "(verification_status = 'pending') = (pending_since is not null)",
            name=op.f("org_customer_addresses_mst_pending_ck"),
        ),
        sa.CheckConstraint(
            "(verification_status = 'pending') = (verified_at is null)",
            name=op.f("org_customer_addresses_mst_decided_ck"),
        ),
        sa.CheckConstraint(
            "country ~ '^[A-Z]{2}$'", name=op.f("org_customer_addresses_mst_country_ck")
        ),
        sa.CheckConstraint(
            "type in ('home', 'work', 'other')", name=op.f("org_customer_addresses_mst_type_ck")
        ),
        sa.CheckConstraint(
            "verification_status in ('pending', 'verified', 'rejected')",
            name=op.f("org_customer_addresses_mst_verification_ck"),
        ),
        sa.CheckConstraint(
            "(latitude is null) = (longitude is null)",
            name=op.f("org_customer_addresses_mst_point_ck"),
        ),
        sa.CheckConstraint(
            "latitude between -90 and 90", name=op.f("org_customer_addresses_mst_latitude_ck")
        ),
        sa.CheckConstraint(
            "longitude between -180 and 180", name=op.f("org_customer_addresses_mst_longitude_ck")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "customer_id"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customer_addresses_mst_customer_fk",
            ondelete="restrict",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_customer_addresses_mst_pk")),
    )
    op.create_index(
        "org_customer_addresses_mst_customer_ix",
        "org_customer_addresses_mst",
        ["tenant_org_id", "customer_id", "id"],
        unique=False,
    )
    op.create_index(
        "org_customer_addresses_mst_default_uq",
        "org_customer_addresses_mst",
        ["tenant_org_id", "customer_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_index(
        "org_customer_addresses_mst_pending_ix",
        "org_customer_addresses_mst",
        ["tenant_org_id", "pending_since", "id"],
        unique=False,
        postgresql_where=sa.text("pending_since is not null"),
    )
    op.create_index(
        "org_customer_addresses_mst_point_ix",
        "org_customer_addresses_mst",
        ["tenant_org_id", "latitude_degrees", "longitude_degrees"],
        unique=False,
    )
    op.create_table(
        "org_customer_duplicates",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_a", sa.Uuid(), nullable=False),
        sa.Column("customer_b", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column(
            "found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status in ('open', 'dismissed', 'merged')",
            name=op.f("org_customer_duplicates_status_ck"),
        ),
        sa.CheckConstraint(
            "customer_a < customer_b", name=op.f("org_customer_duplicates_order_ck")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "customer_a"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customer_duplicates_a_fk",
            ondelete="restrict",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "customer_b"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customer_duplicates_b_fk",
            ondelete="restrict",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_customer_duplicates_pk")),
        sa.UniqueConstraint(
            "tenant_org_id", "customer_a", "customer_b", name="org_customer_duplicates_pair_uq"
        ),
    )
    op.create_index(
        "org_customer_duplicates_b_ix",
        "org_customer_duplicates",
        ["tenant_org_id", "customer_b"],
        unique=False,
    )
    op.create_index(
        "org_customer_duplicates_open_ix",
        "org_customer_duplicates",
        ["tenant_org_id", "status", "score", "id"],
        unique=False,
    )
    op.create_table(
        "org_customer_identifiers",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(collation="C"), nullable=False),
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
    op.create_table(
        "org_customer_merge_log",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("target_version", sa.BigInteger(), nullable=False),
        sa.Column("choices", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("manifest", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by", sa.Uuid(), nullable=True),
        sa.Column("merged_by_name", sa.Text(), nullable=False),
        sa.Column("undo_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Uuid(), nullable=True),
        sa.Column("undone_by_name", sa.Text(), nullable=True),
        sa.Column("undo_report", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(undone_at is null) = (undone_by_name is null)",
            name=op.f("org_customer_merge_log_undone_ck"),
        ),
        sa.CheckConstraint("source_id <> target_id", name=op.f("org_customer_merge_log_two_ck")),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "source_id"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customer_merge_log_source_fk",
            ondelete="restrict",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "target_id"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customer_merge_log_target_fk",
            ondelete="restrict",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_customer_merge_log_pk")),
    )
    op.create_index(
        "org_customer_merge_log_source_ix",
        "org_customer_merge_log",
        ["tenant_org_id", "source_id"],
        unique=False,
    )
    op.create_index(
        "org_customer_merge_log_target_ix",
        "org_customer_merge_log",
        ["tenant_org_id", "target_id", "target_version"],
        unique=False,
    )
    protect("org_events")
    protect("org_idempotency_keys")
    protect("org_number_counters")
    protect("org_teams")
    protect("org_members")
    protect("org_api_keys")
    protect("org_customers_mst")
    protect("org_api_key_uses")
    protect("org_customer_addresses_mst")
    protect("org_customer_duplicates")
    protect("org_customer_identifiers")
    protect("org_customer_merge_log")


def downgrade() -> None:
    op.drop_table("org_customer_merge_log")
    op.drop_table("org_customer_identifiers")
    op.drop_table("org_customer_duplicates")
    op.drop_table("org_customer_addresses_mst")
    op.drop_table("org_api_key_uses")
    op.drop_table("org_customers_mst")
    op.drop_table("org_api_keys")
    op.drop_table("sys_staff_tenants")
    op.drop_table("sys_staff_sessions")
    op.drop_table("org_members")
    op.drop_table("sys_tenants_mst")
    op.drop_table("sys_staff_mst")
    op.drop_table("sys_otp_codes")
    op.drop_table("sys_otp_budgets")
    op.drop_table("sys_log_in_attempts")
    op.drop_table("sys_customers_mst")
    op.drop_table("org_teams")
    op.drop_table("org_number_counters")
    op.drop_table("org_idempotency_keys")
    op.drop_table("org_events")
