-- An entry is a commit: one row, and what it means to insert it. Every entry of a statement takes
-- effect before the next one, so a batch of commits is one statement, which is one trip to the
-- database and a transaction of its own.
--
-- Columns of parts that an entry does not have are NULL, and its triggers do not run. Those of one
-- entry run in no particular order: foreign keys are looked at when the statement ends, and
-- resources see to their accounts. None may need a table of its own to work in, which would cost
-- as much as the rest of it: so no INSERT … SELECT where the table has triggers, and no IN but
-- where it is rare.
CREATE TEMP VIEW entry AS SELECT
    -- The operation.
    NULL AS operation,
    NULL AS operation_tenant,
    NULL AS app,
    NULL AS operation_resource,
    NULL AS resource_kind,
    NULL AS operation_kind,
    NULL AS state,
    NULL AS subject,
    NULL AS fingerprint,
    NULL AS context,
    NULL AS event,
    NULL AS answer,
    NULL AS note,
    NULL AS connector,
    NULL AS log,
    NULL AS used,
    NULL AS attempts,
    NULL AS due,
    NULL AS sealed,
    NULL AS progress,
    NULL AS batch,
    NULL AS operation_created,
    NULL AS finished,
    NULL AS exchanges, -- JSON array of arrays: operation, n, request, response, at
    NULL AS overtaking, -- what the journal says of operations that were held, where they end now
    -- The resource, or the tenant alone.
    NULL AS tenant,
    NULL AS change, -- insert, update or delete
    NULL AS kind,
    NULL AS id,
    NULL AS expected, -- version, but for an insert
    NULL AS user_name,
    NULL AS user_name_key,
    NULL AS external_id,
    NULL AS display_name,
    NULL AS display_name_key,
    NULL AS addresses,
    NULL AS active,
    NULL AS version,
    NULL AS created,
    NULL AS last_modified,
    NULL AS document,
    -- Members.
    NULL AS leaving, -- JSON array of arrays: group, member
    NULL AS joining, -- JSON array of arrays: tenant, group, member, display, kind
    -- The account.
    NULL AS account_tenant,
    NULL AS account_resource,
    NULL AS account_kind,
    NULL AS account_name,
    NULL AS account_name_key,
    NULL AS account_external_id,
    NULL AS account,
    NULL AS membership,
    NULL AS data,
    NULL AS connected,
    NULL AS protected;

CREATE TEMP TRIGGER entry_operation INSTEAD OF INSERT ON entry
WHEN NEW.operation IS NOT NULL BEGIN
    -- What an operation is about never changes.
    INSERT INTO operation (
        id, tenant, app, resource, resource_kind, kind, state, subject, fingerprint, context,
        event, answer, note, connector, log, used, attempts, due, sealed, progress, batch,
        created, finished
    ) VALUES (
        NEW.operation, NEW.operation_tenant, NEW.app, NEW.operation_resource, NEW.resource_kind,
        NEW.operation_kind, NEW.state, NEW.subject, NEW.fingerprint, NEW.context, NEW.event,
        NEW.answer, NEW.note, NEW.connector, NEW.log, NEW.used, NEW.attempts, NEW.due,
        NEW.sealed, NEW.progress, NEW.batch, NEW.operation_created, NEW.finished
    ) ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, context = excluded.context, event = excluded.event,
        answer = excluded.answer, note = excluded.note, connector = excluded.connector,
        log = excluded.log, used = excluded.used, attempts = excluded.attempts,
        due = excluded.due, sealed = excluded.sealed, progress = excluded.progress, batch = excluded.batch,
        finished = excluded.finished;
END;

CREATE TEMP TRIGGER entry_exchanges INSTEAD OF INSERT ON entry
WHEN NEW.exchanges IS NOT NULL BEGIN
    INSERT INTO exchange (operation, n, request, response, at)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
    FROM json_each(NEW.exchanges)
    WHERE true -- or ON CONFLICT would be read as that of a join
    ON CONFLICT (operation, n) DO UPDATE SET
        request = excluded.request, response = excluded.response, at = excluded.at;
END;

CREATE TEMP TRIGGER entry_overtaking INSTEAD OF INSERT ON entry
WHEN NEW.overtaking IS NOT NULL BEGIN
    UPDATE operation SET
        state = 'dropped', note = NEW.overtaking,
        finished = coalesce(NEW.finished, NEW.operation_created)
    WHERE tenant = NEW.operation_tenant AND resource = NEW.operation_resource AND state = 'held';
END;

CREATE TEMP TRIGGER entry_insert INSTEAD OF INSERT ON entry
WHEN NEW.change = 'insert' BEGIN
    INSERT INTO resource (
        tenant, kind, id, user_name, user_name_key, external_id, display_name, display_name_key,
        addresses, active, version, created, last_modified, document
    ) VALUES (
        NEW.tenant, NEW.kind, NEW.id, NEW.user_name, NEW.user_name_key, NEW.external_id,
        NEW.display_name, NEW.display_name_key, NEW.addresses, NEW.active, NEW.version,
        NEW.created, NEW.last_modified, NEW.document
    );
END;

CREATE TEMP TRIGGER entry_update INSTEAD OF INSERT ON entry
WHEN NEW.change = 'update' BEGIN
    UPDATE resource SET
        active = NEW.active, version = NEW.version, last_modified = NEW.last_modified,
        document = NEW.document
    WHERE tenant = NEW.tenant AND id = NEW.id AND kind = NEW.kind AND version = NEW.expected;
    SELECT RAISE(ABORT, 'stale') WHERE changes() = 0;
    -- A statement of its own, since SQLite rewrites each index whose columns are named, even if they
    -- do not change.
    UPDATE resource SET
        user_name = NEW.user_name, user_name_key = NEW.user_name_key,
        external_id = NEW.external_id, display_name = NEW.display_name,
        display_name_key = NEW.display_name_key, addresses = NEW.addresses
    WHERE tenant = NEW.tenant AND id = NEW.id
        AND (user_name IS NOT NEW.user_name OR external_id IS NOT NEW.external_id
             OR display_name IS NOT NEW.display_name OR addresses IS NOT NEW.addresses);
END;

CREATE TEMP TRIGGER entry_delete INSTEAD OF INSERT ON entry
WHEN NEW.change = 'delete' BEGIN
    -- Those who have it as a member are others afterwards, and are not written by who is in their
    -- lanes: so it is counted apart from their versions.
    UPDATE resource SET
        departures = departures + 1,
        last_modified = max(
            last_modified, coalesce(NEW.finished, NEW.operation_created, last_modified)
        )
    WHERE tenant = NEW.tenant AND id IN (
        SELECT group_id FROM member WHERE tenant = NEW.tenant AND member_id = NEW.id
    );
    DELETE FROM resource
    WHERE tenant = NEW.tenant AND id = NEW.id AND kind = NEW.kind AND version = NEW.expected;
    SELECT RAISE(ABORT, 'stale') WHERE changes() = 0;
END;

CREATE TEMP TRIGGER entry_leaving INSTEAD OF INSERT ON entry
WHEN NEW.leaving IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'who leaves is in no tenant') WHERE NEW.tenant IS NULL;
    DELETE FROM member WHERE (tenant, group_id, member_id) IN (
        SELECT NEW.tenant, value ->> 0, value ->> 1 FROM json_each(NEW.leaving)
    );
END;

CREATE TEMP TRIGGER entry_joining INSTEAD OF INSERT ON entry
WHEN NEW.joining IS NOT NULL BEGIN
    INSERT INTO member (tenant, group_id, member_id, display, kind)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
    FROM json_each(NEW.joining)
    WHERE true
    ON CONFLICT (tenant, group_id, member_id) DO UPDATE SET
        display = excluded.display, kind = excluded.kind;
END;

CREATE TEMP TRIGGER entry_account INSTEAD OF INSERT ON entry
WHEN NEW.account_tenant IS NOT NULL BEGIN
    -- What stays as it is dirties no page.
    INSERT INTO account (
        tenant, resource, kind, user_name, user_name_key, external_id, account_id, membership,
        data, connected, protected, former
    ) VALUES (
        NEW.account_tenant, NEW.account_resource, NEW.account_kind, NEW.account_name,
        NEW.account_name_key, NEW.account_external_id, NEW.account, NEW.membership, NEW.data,
        NEW.connected, NEW.protected,
        NOT EXISTS (
            SELECT 1 FROM resource r
            WHERE r.tenant = NEW.account_tenant AND r.id = NEW.account_resource
        )
    ) ON CONFLICT (tenant, resource) DO UPDATE SET
        user_name = excluded.user_name, membership = excluded.membership, data = excluded.data,
        connected = excluded.connected, protected = excluded.protected
    WHERE user_name IS NOT excluded.user_name OR membership IS NOT excluded.membership
        OR data IS NOT excluded.data OR connected IS NOT excluded.connected
        OR protected IS NOT excluded.protected;
    -- Apart, as above.
    UPDATE account SET
        kind = NEW.account_kind, user_name_key = NEW.account_name_key,
        external_id = NEW.account_external_id, account_id = NEW.account
    WHERE tenant = NEW.account_tenant AND resource = NEW.account_resource
        AND (kind IS NOT NEW.account_kind OR user_name_key IS NOT NEW.account_name_key
             OR external_id IS NOT NEW.account_external_id OR account_id IS NOT NEW.account);
END;
