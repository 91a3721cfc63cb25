-- Removed tenants.

-- A tenant that was removed, and whose directory is being deleted. There is no tenant of its name until then.
CREATE TABLE removed_tenant (
    tenant INTEGER NOT NULL PRIMARY KEY -- term
);
