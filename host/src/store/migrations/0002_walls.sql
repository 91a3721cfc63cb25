-- Removed tenants.

-- A tenant that was removed, and whose directory is being deleted. There is no tenant of its name until then.
CREATE TABLE removed_tenant (
    tenant INTEGER NOT NULL PRIMARY KEY -- term
);

-- How often a tenant may send requests.

-- Requests in a second; NULL: the host's setting; 0: no limit.
ALTER TABLE tenant ADD COLUMN requests_per_second INTEGER;

-- Erasure of a person.

-- Zeros that are written over free pages of the file, on which deleted rows were. There is a row only while
-- a person is erased.
CREATE TABLE zeros (
    number INTEGER NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL
);

-- Operators: admin tokens with names and roles, and the audit log.

ALTER TABLE credential ADD COLUMN name TEXT; -- of an admin token; NULL: one of schema 1, which a host made for itself
ALTER TABLE credential ADD COLUMN role TEXT; -- of an admin token: read, operate or configure; NULL: configure

-- What an operator changed of one thing: of an app, a tenant, a token, a connector, a job, an operation or
-- a person. A row is in the transaction of its change.
CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY, -- in the order of time
    at TEXT NOT NULL,
    token TEXT, -- the id of the admin token; NULL: the host itself, or a command on its files
    name TEXT NOT NULL, -- of the token, or of the command
    request TEXT, -- the id of the HTTP request
    action TEXT NOT NULL, -- method and route in the admin API
    kind TEXT NOT NULL, -- what was changed: app, tenant, …
    subject TEXT NOT NULL, -- which one: a name or an id
    tenant TEXT, -- the tenant that it belongs to
    before TEXT, -- JSON object without secrets: the members that differ; NULL: it did not exist
    after TEXT -- the same of afterwards; NULL: it does not exist any more
) WITHOUT ROWID;
CREATE INDEX audit_of_tenant ON audit (tenant, id) WHERE tenant IS NOT NULL;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit
    BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;

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
