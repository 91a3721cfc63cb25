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
