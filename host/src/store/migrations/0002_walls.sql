-- Removed tenants.

-- A tenant that was removed, and whose directory is being deleted. There is no tenant of its name until then.
CREATE TABLE removed_tenant (
    tenant INTEGER NOT NULL PRIMARY KEY -- term
);

-- Who may touch an account.

-- Where the account of a resource comes from: made, linked or adopted (store/origin.rs); NULL if there is no
-- account, or if it is from before this column. `linked_by` is a JSON array of the person's e-mail addresses
-- when the account was linked; NULL otherwise.
ALTER TABLE resource ADD COLUMN origin TEXT;
ALTER TABLE resource ADD COLUMN linked_by TEXT;
ALTER TABLE former_account ADD COLUMN origin TEXT;
ALTER TABLE former_account ADD COLUMN linked_by TEXT;

-- Whether one account of the app can be several customers'.
ALTER TABLE app ADD COLUMN shared INTEGER NOT NULL DEFAULT 1;
-- The e-mail domains that an operator says are the tenant's own: a JSON array, in lower case and ASCII.
ALTER TABLE tenant ADD COLUMN domains TEXT NOT NULL DEFAULT '[]';

DROP VIEW account;
-- All accounts.
CREATE VIEW account AS
    SELECT
        tenant, id AS resource, kind, coalesce(user_name, display_name, '') AS user_name, external_id,
        account_id, membership, data, connected, protected, doubt, late_until, stay, told, origin, linked_by,
        active AS active, 0 AS former
    FROM resource WHERE connected IS NOT NULL
    UNION ALL
    SELECT
        tenant, resource, kind, coalesce(user_name, '') AS user_name, external_id,
        account_id, membership, data, connected, protected, doubt, late_until, stay, told, origin, linked_by,
        NULL AS active, 1 AS former
    FROM former_account;
