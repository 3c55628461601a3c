#!/bin/bash
# Run once by the postgres image on an empty volume: the owner and its database. CREATEROLE is all
# that `migrate` needs; the owner is no superuser, as with a managed PostgreSQL.
set -euo pipefail
psql --no-psqlrc --set=ON_ERROR_STOP=1 --set=password="$CRM_OWNER_PASSWORD" \
    --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
create role crm_owner login createrole nosuperuser nobypassrls password :'password';
create database crm owner crm_owner;
revoke all on database crm from public;
SQL
