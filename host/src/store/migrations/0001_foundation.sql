-- Written for SQLite, so that it can live in PostgreSQL too. There, texts are compared by their bytes only with
-- COLLATE "C" (keys of names, and the ranges of them); an identifier of 16 bytes is a uuid; WITHOUT ROWID is
-- left out; json_valid is IS JSON; the numbers of sqlite_stat1 are measured.
--
-- Times are RFC 3339 in UTC with milliseconds, written by muster; their order as text is theirs in
-- time. Truth values are 0 and 1. A column named *_key holds its neighbour as names are compared, made by
-- muster because SQLite's own lower() knows ASCII only.

-- An application that accounts are provisioned into.
CREATE TABLE app (
    name TEXT NOT NULL PRIMARY KEY,
    connector TEXT, -- digest of the connector that decides; none before the first promotion
    previous TEXT, -- digest of the one before, for a rollback
    settings TEXT NOT NULL, -- JSON object
    endpoints TEXT NOT NULL, -- JSON object, by name
    reply TEXT NOT NULL, -- when-done or when-recorded
    limits TEXT NOT NULL, -- JSON object: those that are set
    created TEXT NOT NULL
);
-- A version's apps and tenants are looked up before it is retired.
CREATE INDEX app_connector ON app (connector) WHERE connector IS NOT NULL;
CREATE INDEX app_previous ON app (previous) WHERE previous IS NOT NULL;

-- One customer organisation's integration with an app.
CREATE TABLE tenant (
    id TEXT NOT NULL PRIMARY KEY, -- the name in the base URL
    app TEXT NOT NULL REFERENCES app (name),
    dialect TEXT NOT NULL,
    group_names TEXT, -- unique or any; NULL: as the dialect has it
    unknown_members TEXT, -- refuse or skip; NULL: as the dialect has it
    state TEXT NOT NULL, -- connected, paused, disconnecting or disconnected
    settings TEXT NOT NULL, -- JSON object, over the app's
    connector TEXT, -- digest of the connector that decides for it alone; none: the app's
    previous TEXT, -- digest of the one before, where that was for it alone as well
    created TEXT NOT NULL
);
CREATE INDEX tenant_of_app ON tenant (app, id);
CREATE INDEX tenant_in_state ON tenant (state, id);
CREATE INDEX tenant_connector ON tenant (connector) WHERE connector IS NOT NULL;
CREATE INDEX tenant_previous ON tenant (previous) WHERE previous IS NOT NULL;

-- A token, of a tenant or of the admin API.
CREATE TABLE credential (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT REFERENCES tenant (id) ON DELETE CASCADE, -- none for the admin API
    kind TEXT NOT NULL, -- bearer or basic
    user_name TEXT, -- of basic
    owner TEXT, -- the id of the user whom /Me leads to; kept when that user is gone
    hash BLOB NOT NULL,
    created TEXT NOT NULL,
    expires TEXT,
    last_used TEXT
);
CREATE INDEX credential_of_tenant ON credential (tenant);

-- A long piece of work over many resources of a tenant, such as the end of its integration. It outlives
-- the tenant, as the journal does.
CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY, -- in the order of time
    kind TEXT NOT NULL, -- disconnect
    tenant TEXT, -- NULL: about more than one tenant
    app TEXT, -- NULL: about more than one app
    state TEXT NOT NULL, -- running, blocked, succeeded, cancelled or failed
    parameters TEXT NOT NULL, -- JSON object: what was requested
    preview TEXT, -- JSON: what was shown to the operator before the job began
    total INTEGER NOT NULL, -- resources
    done INTEGER NOT NULL, -- resources: counted with the commit of each operation of the job
    waiting INTEGER NOT NULL, -- resources whose last try failed, and that are tried again
    failed INTEGER NOT NULL, -- resources that it gave up
    cursor TEXT, -- where it goes on after a restart
    note TEXT, -- why it is blocked, or its result in a sentence
    last_error TEXT, -- why the last try that failed did
    result TEXT, -- JSON
    requested_by TEXT, -- the operator
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    finished TEXT, -- when it reached a final state
    CHECK ((finished IS NULL) = (state IN ('running', 'blocked')))
);
-- At most one unfinished job of a kind for a tenant.
CREATE UNIQUE INDEX job_unfinished ON job (kind, tenant) WHERE finished IS NULL;
CREATE INDEX job_of_tenant ON job (tenant, id);

-- A version of a connector.
CREATE TABLE connector (
    digest TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the component, in hexadecimal
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    manifest TEXT NOT NULL, -- JSON object
    signer TEXT, -- the trusted key that signed it when it was pushed; NULL: none was required
    created TEXT NOT NULL,
    retired TEXT, -- since when its component is gone, and only its name is left for the journal
    component BLOB NOT NULL -- empty once it is retired
);
CREATE INDEX connector_name ON connector (name);
CREATE INDEX connector_order ON connector (created, digest);

-- The directory and the journal. Where a column says `term`, it has the number of a name. Identifiers are
-- UUIDs in the order of time, as 16 bytes.

-- A name that repeats: of a tenant, of an app, of a type of resources, or of a connector, which is its
-- digest. Rows are appended, and never change.
CREATE TABLE term (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
-- These two numbers are fixed.
INSERT INTO term (number, name) VALUES (0, 'User'), (1, 'Group');

-- A SCIM resource as its tenant's identity provider sees it.
CREATE TABLE resource (
    seq INTEGER NOT NULL PRIMARY KEY, -- the order of creation, which is the order of lists
    tenant INTEGER NOT NULL, -- term
    kind INTEGER NOT NULL, -- term: 0 User, 1 Group, or another type
    id BLOB NOT NULL,
    user_name TEXT,
    user_name_key TEXT,
    external_id TEXT,
    display_name TEXT,
    display_name_key TEXT,
    addresses TEXT NOT NULL, -- JSON array of e-mail addresses in lower case, each a row of email, as said there
    active INTEGER NOT NULL,
    version INTEGER NOT NULL,
    departures INTEGER NOT NULL DEFAULT 0, -- members of a group that left by ceasing to exist
    created TEXT NOT NULL,
    last_modified TEXT NOT NULL,
    -- The account: the presence in the app. It is in the row of its resource, since both are read and
    -- written together; when the resource goes, the account is kept in former_account.
    connected INTEGER, -- whether muster manages it; NULL: nothing was carried out for it yet
    protected INTEGER, -- whether it is never deprovisioned; NULL as connected
    -- Whether a call was made that may have had an effect, and no outcome was committed since; NULL as
    -- connected.
    doubt INTEGER,
    -- Only grows: with the intent of an event that takes away, with the outcome of a deactivation, and
    -- with each doubt. NULL as connected.
    stay INTEGER,
    late_until TEXT, -- until when a call may still arrive that no attempt waits for
    account_id TEXT, -- the app's own id; NULL: there is no account in the app
    membership TEXT, -- active, suspended or absent; none as account_id
    data TEXT, -- JSON: the connector's notes; none as account_id
    told TEXT, -- JSON: the document that the app was last told; NULL: the directory's
    -- Without meta, groups and members. That it is JSON also means that it has no raw control
    -- characters, on which the framing of answers relies.
    document TEXT NOT NULL CHECK (json_valid(document))
);
-- A resource by its id, also from the rows of member and email.
CREATE UNIQUE INDEX resource_id ON resource (tenant, id);
-- A list by age. Each entry ends with seq, as SQLite has it; PostgreSQL needs it as a third column.
CREATE INDEX resource_order ON resource (tenant, kind);
-- `userName eq`, before every creation; `userName sw`; a list by userName. A name has one resource.
CREATE UNIQUE INDEX resource_user_name ON resource (tenant, kind, user_name_key)
    WHERE user_name_key IS NOT NULL;
-- `externalId eq`
CREATE INDEX resource_external_id ON resource (tenant, kind, external_id)
    WHERE external_id IS NOT NULL;
-- `displayName eq`; whether another group has the name.
CREATE INDEX resource_display_name ON resource (tenant, kind, display_name_key)
    WHERE display_name_key IS NOT NULL;
-- `meta.lastModified gt` and the like, of clients that ask for changes; a list by it.
CREATE INDEX resource_changed ON resource (tenant, kind, last_modified);
-- `active eq false`: those who left, and since when. They are few among all.
CREATE INDEX resource_inactive ON resource (tenant, kind, last_modified) WHERE active = 0;
-- An account of the app belongs to one resource of a tenant. Other tenants may have it too.
CREATE UNIQUE INDEX resource_account ON resource (account_id, tenant, kind)
    WHERE account_id IS NOT NULL;
-- Those that are compared with the app. They are few.
CREATE INDEX resource_in_doubt ON resource (tenant, id) WHERE doubt = 1;

-- How many resources of a kind a tenant has.
CREATE TABLE tally (
    tenant INTEGER NOT NULL, -- term
    kind INTEGER NOT NULL, -- term
    total INTEGER NOT NULL,
    age_tail INTEGER NOT NULL, -- those of them after the last age_range
    named INTEGER NOT NULL, -- those of them with a userName
    name_tail INTEGER NOT NULL, -- those of them after the last name_range
    PRIMARY KEY (tenant, kind)
) WITHOUT ROWID;

-- A range of a list by age: neighbours in it. There may be others after the last range, and a short
-- list has no range.
CREATE TABLE age_range (
    tenant INTEGER NOT NULL, -- term
    kind INTEGER NOT NULL, -- term
    level INTEGER NOT NULL, -- 1, or 2: of ranges of level 1
    last INTEGER NOT NULL, -- the seq up to which resources are in it, from that of the range before
    count INTEGER NOT NULL, -- how many they are
    PRIMARY KEY (tenant, kind, level, last)
) WITHOUT ROWID;

-- A range of a list by userName, in the same way.
CREATE TABLE name_range (
    tenant INTEGER NOT NULL, -- term
    kind INTEGER NOT NULL, -- term
    level INTEGER NOT NULL,
    last TEXT NOT NULL, -- the user_name_key up to which resources are in it
    count INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, level, last)
) WITHOUT ROWID;

-- An e-mail address of a resource, which names all of its own in addresses. A user's that is the
-- userName too has no row: resource_user_name leads to it.
CREATE TABLE email (
    tenant INTEGER NOT NULL, -- term
    address_key TEXT NOT NULL,
    resource BLOB NOT NULL, -- SCIM id
    PRIMARY KEY (tenant, address_key, resource)
) WITHOUT ROWID;

-- A user's or a group's membership in a group.
CREATE TABLE member (
    tenant INTEGER NOT NULL, -- term
    group_id BLOB NOT NULL,
    member_id BLOB NOT NULL,
    display TEXT,
    kind INTEGER NOT NULL, -- 0 User, 1 Group: what the member is
    PRIMARY KEY (tenant, group_id, member_id),
    FOREIGN KEY (tenant, group_id) REFERENCES resource (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, member_id) REFERENCES resource (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;
-- The groups of a member.
CREATE INDEX member_of ON member (tenant, member_id, group_id);

-- The account of a resource that does not exist: it was deleted, or was never created.
CREATE TABLE former_account (
    tenant INTEGER NOT NULL, -- term
    resource BLOB NOT NULL, -- SCIM id
    kind INTEGER NOT NULL, -- 0 User, 1 Group
    user_name TEXT NOT NULL, -- a group's displayName
    user_name_key TEXT NOT NULL,
    external_id TEXT,
    account_id TEXT, -- this and what follows as in resource
    membership TEXT,
    data TEXT,
    connected INTEGER NOT NULL,
    protected INTEGER NOT NULL,
    doubt INTEGER NOT NULL,
    late_until TEXT,
    stay INTEGER NOT NULL,
    told TEXT,
    PRIMARY KEY (tenant, resource)
) WITHOUT ROWID;
-- The account that a person who comes back had: by externalId, and then by userName.
CREATE INDEX former_account_external_id ON former_account (tenant, kind, external_id)
    WHERE external_id IS NOT NULL;
CREATE INDEX former_account_user_name ON former_account (tenant, kind, user_name_key);
-- As resource_account and resource_in_doubt.
CREATE UNIQUE INDEX former_account_account ON former_account (account_id, tenant, kind)
    WHERE account_id IS NOT NULL;
CREATE INDEX former_account_in_doubt ON former_account (tenant, resource) WHERE doubt = 1;

-- All accounts.
CREATE VIEW account AS
    SELECT
        tenant, id AS resource, kind, coalesce(user_name, display_name, '') AS user_name, external_id,
        account_id, membership, data, connected, protected, doubt, late_until, stay, told,
        active AS active, 0 AS former
    FROM resource WHERE connected IS NOT NULL
    UNION ALL
    SELECT
        tenant, resource, kind, coalesce(user_name, '') AS user_name, external_id,
        account_id, membership, data, connected, protected, doubt, late_until, stay, told,
        NULL AS active, 1 AS former
    FROM former_account;

-- A membership that the app has unlike the directory, or of which it is not known whether it has it.
-- Without a row, the app has a membership exactly if the directory has it. It outlives the resource
-- of a member whose memberships the app kept.
CREATE TABLE unsettled_member (
    tenant INTEGER NOT NULL, -- term
    group_id BLOB NOT NULL,
    member_id BLOB NOT NULL,
    carried INTEGER NOT NULL, -- whether the app has the membership, as far as known
    doubt INTEGER NOT NULL, -- whether it is not known if the app has it
    late_until TEXT, -- until when a call may still arrive that no attempt waits for
    PRIMARY KEY (tenant, group_id, member_id)
) WITHOUT ROWID;
-- The groups of a member.
CREATE INDEX unsettled_of ON unsettled_member (tenant, member_id, group_id);

-- The journal. Its bodies are in the compact form of body.rs, and its times are milliseconds since 1970.

-- An operation that has not ended: one event on its way from request to outcome.
CREATE TABLE unfinished_operation (
    id BLOB NOT NULL PRIMARY KEY,
    tenant INTEGER NOT NULL, -- term
    app TEXT NOT NULL,
    resource BLOB NOT NULL, -- SCIM id
    resource_kind INTEGER NOT NULL, -- 0 User, 1 Group
    kind TEXT NOT NULL, -- of event, as in wit/types.wit
    state TEXT NOT NULL, -- open, held or failed
    subject TEXT NOT NULL, -- userName or displayName as names are compared: scim/name.rs
    connector TEXT, -- digest of the one that decides
    attempt INTEGER NOT NULL, -- counts from 1 its attempts with facts of their own
    tries INTEGER NOT NULL, -- how often the host tried it by itself and had to stop
    due TEXT, -- when it is tried again
    sealed BLOB, -- the password, encrypted, until it is delivered
    job TEXT, -- the job that it is a step of
    created INTEGER NOT NULL,
    finished INTEGER, -- when it was given up
    body BLOB NOT NULL -- as that of operation, and what a restart must know
);
-- Due operations are found by date, tenant by tenant, and those that take away before all others.
CREATE INDEX unfinished_due ON unfinished_operation (
    tenant,
    CASE kind WHEN 'deactivate' THEN 0 WHEN 'delete' THEN 0 WHEN 'group-delete' THEN 0 ELSE 1 END,
    due,
    id
) WHERE state = 'open';
-- At most one unfinished operation of a resource. SQLite sees that `state = 'open'` alone is enough
-- because this is an OR.
CREATE UNIQUE INDEX unfinished_of_resource ON unfinished_operation (tenant, resource)
    WHERE state = 'open' OR state = 'failed';
CREATE INDEX unfinished_held ON unfinished_operation (tenant, resource, id) WHERE state = 'held';

-- An operation that has ended. Rows are appended, and never change.
CREATE TABLE operation (
    number INTEGER NOT NULL PRIMARY KEY, -- in the order in which they ended
    id BLOB NOT NULL,
    tenant INTEGER NOT NULL, -- term
    app INTEGER NOT NULL, -- term
    resource BLOB NOT NULL, -- SCIM id
    resource_kind INTEGER NOT NULL, -- 0 User, 1 Group
    kind INTEGER NOT NULL, -- of event: its place in wit/types.wit, from 0
    state INTEGER NOT NULL, -- 2 done, 3 refused, 5 superseded, 6 dropped
    connector INTEGER, -- term: the one that decided
    answered INTEGER NOT NULL, -- whether the connector's last answer is in the body
    attempt INTEGER NOT NULL, -- the number of its last attempt
    tries INTEGER NOT NULL, -- how often the host tried it by itself and had to stop
    job BLOB, -- the job that it was a step of
    successor BLOB, -- the operation that superseded it
    created INTEGER NOT NULL,
    finished INTEGER,
    -- subject, fingerprint (of a creation), context and event as the connector was given them, its answer,
    -- note for people, log lines, what its decisions took
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX operation_id ON operation (id);
CREATE INDEX operation_of_tenant ON operation (tenant, id);
CREATE INDEX operation_of_resource ON operation (tenant, resource, id);
CREATE INDEX operation_not_done ON operation (state, id) WHERE state <> 2;
CREATE INDEX operation_of_job ON operation (job, id) WHERE job IS NOT NULL;
-- Those of one kind, such as all deletions; the creation of a group is looked for when it is pushed. Not
-- create, update and group-update, which are most operations.
CREATE INDEX operation_of_kind ON operation (kind, tenant, id) WHERE kind NOT IN (0, 1, 8);

-- A creation whose answer did not reach its sender, who will ask again.
CREATE TABLE unanswered_creation (
    operation BLOB NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- An attempt that ended without being the last of its operation, and what it went by.
CREATE TABLE attempt (
    operation BLOB NOT NULL,
    attempt INTEGER NOT NULL, -- counts from 1
    ended INTEGER NOT NULL,
    -- context and event as the connector was given them, its digest, why the attempt ended
    body BLOB NOT NULL,
    PRIMARY KEY (operation, attempt)
) WITHOUT ROWID;

-- One request to the app and its response, in the order of an attempt.
CREATE TABLE exchange (
    operation BLOB NOT NULL,
    attempt INTEGER NOT NULL, -- of the operation, counts from 1
    n INTEGER NOT NULL, -- counts from 0
    at INTEGER NOT NULL,
    body BLOB NOT NULL, -- the request, and its response unless it is awaited
    -- The response to a try before, after which the request is made again.
    earlier_response BLOB,
    PRIMARY KEY (operation, attempt, n)
) WITHOUT ROWID;

-- The key that this database needs: one row, written at the first start.
CREATE TABLE host_key (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    fingerprint BLOB NOT NULL -- of the file host.key, which is beside the database and not in it
);

-- How many rows share the first columns of an index, in a large directory. Without it SQLite
-- guesses from the number of columns, and goes through all users of a tenant rather than through
-- the few of one address. It is not measured, so that plans never change by themselves.
ANALYZE;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('tenant', 'tenant_of_app', '50000 500 1'),
    ('tenant', 'tenant_in_state', '50000 20000 1'),
    ('job', 'job_of_tenant', '10000 5 1'),
    ('job', 'job_unfinished', '100 50 1'),
    ('resource', 'resource_id', '1000000 200000 1'),
    ('resource', 'resource_order', '1000000 200000 100000'),
    ('resource', 'resource_user_name', '1000000 200000 100000 1'),
    ('resource', 'resource_external_id', '1000000 200000 100000 1'),
    ('resource', 'resource_display_name', '1000000 200000 100000 5'),
    ('resource', 'resource_changed', '1000000 200000 100000 2'),
    ('resource', 'resource_inactive', '50000 10000 5000 2'),
    ('age_range', 'age_range', '10000 2000 1000 900 1'),
    ('name_range', 'name_range', '10000 2000 1000 900 1'),
    ('email', 'email', '1000000 200000 1 1'),
    ('member', 'member', '1000000 200000 1000 1'),
    ('member', 'member_of', '1000000 200000 10 1'),
    ('resource', 'resource_account', '1000000 2 1 1'),
    ('resource', 'resource_in_doubt', '100 20 1'),
    ('unsettled_member', 'unsettled_member', '1000 200 50 1'),
    ('unsettled_member', 'unsettled_of', '1000 200 2 1'),
    ('former_account', 'former_account', '100000 20000 1'),
    ('former_account', 'former_account_external_id', '100000 20000 10000 1'),
    ('former_account', 'former_account_user_name', '100000 20000 10000 1'),
    ('former_account', 'former_account_account', '100000 2 1 1'),
    ('former_account', 'former_account_in_doubt', '100 20 1'),
    ('operation', 'operation_id', '10000000 1'),
    ('operation', 'operation_of_tenant', '10000000 2000000 1'),
    ('operation', 'operation_of_resource', '10000000 2000000 10 1'),
    ('operation', 'operation_of_kind', '1000000 200000 20000 1'),
    ('operation', 'operation_not_done', '10000 2000 1'),
    ('operation', 'operation_of_job', '100000 1000 1'),
    ('unfinished_operation', 'unfinished_due', '1000 200 100 10 1'),
    ('unfinished_operation', 'unfinished_of_resource', '1000 200 1'),
    ('unfinished_operation', 'unfinished_held', '1000 200 1 1');
ANALYZE sqlite_schema;

-- By this number the database is known as muster's: "must" in ASCII. A copy by other means than SQLite's own
-- backup may lack it, and is then put in order before it is used.
PRAGMA application_id = 1836413812;
