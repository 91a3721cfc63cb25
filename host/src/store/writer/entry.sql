-- An entry is a commit: one row, and what it means to insert it. Every entry of a statement takes
-- effect before the next one, so a batch of commits is one statement, which is one trip to the
-- database and a transaction of its own.
--
-- Columns of parts that an entry does not have are NULL, and its triggers do not run. Those of one
-- entry run in no particular order: foreign keys are looked at when the statement ends, and
-- resources see to their accounts. An entry with parts that need an order has the column ordered,
-- and then only the last trigger runs for it, which inserts the rest as an entry in between. None may
-- need a table of its own to work in, which would cost as much as the rest of it: so no INSERT … SELECT
-- where the table has triggers, and no IN but where it is rare.
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
    NULL AS attempt,
    NULL AS tries,
    NULL AS due,
    NULL AS sealed,
    NULL AS progress,
    NULL AS job,
    NULL AS operation_created,
    NULL AS finished,
    NULL AS successor,
    -- JSON array of arrays: operation, attempt, n, request, response, earlier_response, at
    NULL AS exchanges,
    -- The resource, or the tenant alone.
    NULL AS tenant,
    NULL AS change, -- insert, update, delete, or delete-kept: with what is known of its groups kept
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
    NULL AS protected,
    NULL AS doubt,
    NULL AS late_until,
    NULL AS stay,
    NULL AS told,
    -- JSON object of the parts that need an order: now, supersedes (array of resources), attempt
    -- (array of its columns), moved_from, unique_display_name (boolean), groups (lost, kept, group-lost
    -- or group-gone), and arrays of arrays that begin with
    -- group and member: unsettled (carried), doubted (late_until), settled (carried, stay).
    NULL AS ordered;

CREATE TEMP TRIGGER entry_operation INSTEAD OF INSERT ON entry
WHEN NEW.operation IS NOT NULL AND NEW.ordered IS NULL BEGIN
    -- What an operation is about never changes.
    INSERT INTO operation (
        id, tenant, app, resource, resource_kind, kind, state, subject, fingerprint, context,
        event, answer, note, connector, log, used, attempt, tries, due, sealed, progress,
        job, created, finished, successor
    ) VALUES (
        NEW.operation, NEW.operation_tenant, NEW.app, NEW.operation_resource, NEW.resource_kind,
        NEW.operation_kind, NEW.state, NEW.subject, NEW.fingerprint, NEW.context, NEW.event,
        NEW.answer, NEW.note, NEW.connector, NEW.log, NEW.used, NEW.attempt, NEW.tries,
        NEW.due, NEW.sealed, NEW.progress, NEW.job, NEW.operation_created, NEW.finished,
        NEW.successor
    ) ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, context = excluded.context, event = excluded.event,
        answer = excluded.answer, note = excluded.note, connector = excluded.connector,
        log = excluded.log, used = excluded.used, attempt = excluded.attempt,
        tries = excluded.tries, due = excluded.due, sealed = excluded.sealed,
        progress = excluded.progress, job = excluded.job, finished = excluded.finished,
        successor = excluded.successor;
END;

-- A resource counts when the operation of the job is done: also if the job was cancelled during its calls.
CREATE TEMP TRIGGER entry_of_job INSTEAD OF INSERT ON entry
WHEN NEW.job IS NOT NULL AND NEW.state = 'done' AND NEW.ordered IS NULL BEGIN
    UPDATE job SET done = done + 1 WHERE id = NEW.job;
END;

CREATE TEMP TRIGGER entry_exchanges INSTEAD OF INSERT ON entry
WHEN NEW.exchanges IS NOT NULL AND NEW.ordered IS NULL BEGIN
    INSERT INTO exchange (operation, attempt, n, request, response, earlier_response, at)
    SELECT
        value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
    FROM json_each(NEW.exchanges)
    WHERE true -- or ON CONFLICT would be read as that of a join
    ON CONFLICT (operation, attempt, n) DO UPDATE SET
        request = excluded.request, response = excluded.response,
        earlier_response = coalesce(excluded.earlier_response, earlier_response), at = excluded.at;
END;

CREATE TEMP TRIGGER entry_insert INSTEAD OF INSERT ON entry
WHEN NEW.change = 'insert' AND NEW.ordered IS NULL BEGIN
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
WHEN NEW.change = 'update' AND NEW.ordered IS NULL BEGIN
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
WHEN (NEW.change = 'delete' OR NEW.change = 'delete-kept') AND NEW.ordered IS NULL BEGIN
    -- A group changes when one of its members is deleted, but the deletion does not hold the group's
    -- lock. So it is counted in departures, and the group's version stays.
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
    DELETE FROM unsettled_member WHERE tenant = NEW.tenant AND group_id = NEW.id;
    DELETE FROM unsettled_member
    WHERE NEW.change = 'delete' AND tenant = NEW.tenant AND member_id = NEW.id;
END;

CREATE TEMP TRIGGER entry_leaving INSTEAD OF INSERT ON entry
WHEN NEW.leaving IS NOT NULL AND NEW.ordered IS NULL BEGIN
    SELECT RAISE(ABORT, 'who leaves is in no tenant') WHERE NEW.tenant IS NULL;
    DELETE FROM member WHERE (tenant, group_id, member_id) IN (
        SELECT NEW.tenant, value ->> 0, value ->> 1 FROM json_each(NEW.leaving)
    );
END;

CREATE TEMP TRIGGER entry_joining INSTEAD OF INSERT ON entry
WHEN NEW.joining IS NOT NULL AND NEW.ordered IS NULL BEGIN
    INSERT INTO member (tenant, group_id, member_id, display, kind)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
    FROM json_each(NEW.joining)
    WHERE true
    ON CONFLICT (tenant, group_id, member_id) DO UPDATE SET
        display = excluded.display, kind = excluded.kind;
END;

CREATE TEMP TRIGGER entry_account INSTEAD OF INSERT ON entry
WHEN NEW.account_tenant IS NOT NULL AND NEW.ordered IS NULL BEGIN
    -- The WHERE below skips a row that stays as it is, so that its page is not written.
    INSERT INTO account (
        tenant, resource, kind, user_name, user_name_key, external_id, account_id, membership,
        data, connected, protected, doubt, late_until, stay, told, former
    ) VALUES (
        NEW.account_tenant, NEW.account_resource, NEW.account_kind, NEW.account_name,
        NEW.account_name_key, NEW.account_external_id, NEW.account, NEW.membership, NEW.data,
        NEW.connected, NEW.protected, NEW.doubt, NEW.late_until, NEW.stay, NEW.told,
        NOT EXISTS (
            SELECT 1 FROM resource r
            WHERE r.tenant = NEW.account_tenant AND r.id = NEW.account_resource
        )
    ) ON CONFLICT (tenant, resource) DO UPDATE SET
        user_name = excluded.user_name, membership = excluded.membership, data = excluded.data,
        connected = excluded.connected, protected = excluded.protected,
        -- A doubt that came after the row was read stays: it has raised the counter.
        doubt = excluded.doubt OR account.stay > excluded.stay,
        late_until = excluded.late_until,
        -- A group change that began during a leave cannot know whether its calls came before the leave
        -- or after it.
        stay = max(account.stay, excluded.stay)
            + (NEW.operation_kind IS 'deactivate' AND NEW.state IS 'done'),
        told = excluded.told
    WHERE user_name IS NOT excluded.user_name OR membership IS NOT excluded.membership
        OR data IS NOT excluded.data OR connected IS NOT excluded.connected
        OR protected IS NOT excluded.protected OR doubt IS NOT excluded.doubt
        OR late_until IS NOT excluded.late_until OR stay IS NOT excluded.stay
        OR told IS NOT excluded.told
        OR (NEW.operation_kind IS 'deactivate' AND NEW.state IS 'done');
    -- A statement of its own, for the same reason as in entry_update.
    UPDATE account SET
        kind = NEW.account_kind, user_name_key = NEW.account_name_key,
        external_id = NEW.account_external_id, account_id = NEW.account
    WHERE tenant = NEW.account_tenant AND resource = NEW.account_resource
        AND (kind IS NOT NEW.account_kind OR user_name_key IS NOT NEW.account_name_key
             OR external_id IS NOT NEW.account_external_id OR account_id IS NOT NEW.account);
END;

CREATE TEMP TRIGGER entry_ordered INSTEAD OF INSERT ON entry
WHEN NEW.ordered IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'what is ordered is in no tenant') WHERE NEW.tenant IS NULL;
    -- Before the operation is inserted, because the unique index allows one unfinished operation of a
    -- resource. Two statements, so that each uses its partial index.
    UPDATE operation SET
        state = 'superseded', successor = NEW.operation, due = NULL, sealed = NULL,
        finished = coalesce(NEW.ordered ->> 'now', NEW.operation_created)
    WHERE tenant = NEW.operation_tenant
        AND resource IN (SELECT value FROM json_each(NEW.ordered, '$.supersedes'))
        AND (state = 'open' OR state = 'failed') AND id <> NEW.operation;
    UPDATE operation SET
        state = 'superseded', successor = NEW.operation, due = NULL, sealed = NULL,
        finished = coalesce(NEW.ordered ->> 'now', NEW.operation_created)
    WHERE tenant = NEW.operation_tenant
        AND resource IN (SELECT value FROM json_each(NEW.ordered, '$.supersedes'))
        AND state = 'held' AND id <> NEW.operation;
    -- A name that the resource has already is not looked at: others may have it from before.
    SELECT RAISE(ABORT, 'name taken')
    WHERE NEW.ordered ->> 'unique_display_name' AND NEW.display_name_key IS NOT (
        SELECT r.display_name_key FROM resource r WHERE r.tenant = NEW.tenant AND r.id = NEW.id
    ) AND EXISTS (
        SELECT 1 FROM resource r
        WHERE r.tenant = NEW.tenant AND r.kind = NEW.kind
            AND r.display_name_key = NEW.display_name_key AND r.id <> NEW.id
    );
    -- Before the account is written, because an account of the app is in one row.
    DELETE FROM account
    WHERE tenant = NEW.account_tenant AND resource = NEW.ordered ->> 'moved_from';
    UPDATE OR REPLACE unsettled_member SET member_id = NEW.account_resource
    WHERE tenant = NEW.account_tenant AND member_id = NEW.ordered ->> 'moved_from';
    UPDATE OR REPLACE unsettled_member SET group_id = NEW.account_resource
    WHERE tenant = NEW.account_tenant AND group_id = NEW.ordered ->> 'moved_from';
    -- Before the resource goes, and its memberships with it.
    INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
    SELECT tenant, group_id, member_id, 1, 1, NULL FROM member
    WHERE NEW.ordered ->> 'groups' = 'kept' AND tenant = NEW.tenant AND member_id = NEW.id
    ON CONFLICT DO NOTHING;
    DELETE FROM unsettled_member
    WHERE NEW.ordered ->> 'groups' = 'kept' AND tenant = NEW.tenant AND member_id = NEW.id
        AND carried = 0 AND doubt = 0
        AND (late_until IS NULL OR late_until <= NEW.ordered ->> 'now');
    -- All parts that need no order.
    INSERT INTO entry VALUES (
        NEW.operation, NEW.operation_tenant, NEW.app, NEW.operation_resource, NEW.resource_kind,
        NEW.operation_kind, NEW.state, NEW.subject, NEW.fingerprint, NEW.context, NEW.event,
        NEW.answer, NEW.note, NEW.connector, NEW.log, NEW.used, NEW.attempt, NEW.tries, NEW.due,
        NEW.sealed, NEW.progress, NEW.job, NEW.operation_created, NEW.finished, NEW.successor,
        NEW.exchanges, NEW.tenant, NEW.change, NEW.kind, NEW.id, NEW.expected, NEW.user_name,
        NEW.user_name_key, NEW.external_id, NEW.display_name, NEW.display_name_key, NEW.addresses,
        NEW.active, NEW.version, NEW.created, NEW.last_modified, NEW.document, NEW.leaving,
        NEW.joining, NEW.account_tenant, NEW.account_resource, NEW.account_kind, NEW.account_name,
        NEW.account_name_key, NEW.account_external_id, NEW.account, NEW.membership, NEW.data,
        NEW.connected, NEW.protected, NEW.doubt, NEW.late_until, NEW.stay, NEW.told, NULL
    );
    INSERT INTO attempt (operation, attempt, context, event, connector, note, ended)
    SELECT it ->> 0, it ->> 1, it ->> 2, it ->> 3, it ->> 4, it ->> 5, it ->> 6
    FROM (SELECT NEW.ordered -> 'attempt' AS it) WHERE it ->> 0 IS NOT NULL
    ON CONFLICT (operation, attempt) DO UPDATE SET
        context = excluded.context, event = excluded.event, connector = excluded.connector,
        note = excluded.note, ended = excluded.ended;
    -- In doubt, since some apps only hide the groups of an account that is not a member, and show them
    -- when it is one again.
    INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
    SELECT tenant, group_id, member_id, 0, 1, NULL FROM member
    WHERE NEW.ordered ->> 'groups' = 'lost' AND tenant = NEW.account_tenant
        AND member_id = NEW.account_resource
    ON CONFLICT DO NOTHING;
    UPDATE unsettled_member SET carried = 0, doubt = 1
    WHERE NEW.ordered ->> 'groups' = 'lost' AND tenant = NEW.account_tenant
        AND member_id = NEW.account_resource;
    INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
    SELECT tenant, group_id, member_id, 0, 0, NULL FROM member
    WHERE NEW.ordered ->> 'groups' = 'group-lost' AND tenant = NEW.account_tenant
        AND group_id = NEW.account_resource
    ON CONFLICT DO UPDATE SET carried = 0;
    DELETE FROM unsettled_member
    WHERE NEW.ordered ->> 'groups' = 'group-gone' AND tenant = NEW.account_tenant
        AND group_id = NEW.account_resource;
    INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
    SELECT NEW.tenant, value ->> 0, value ->> 1, value ->> 2, 0, NULL
    FROM json_each(NEW.ordered, '$.unsettled')
    WHERE true
    ON CONFLICT DO NOTHING;
    INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
    SELECT
        NEW.tenant, value ->> 0, value ->> 1, EXISTS (
            SELECT 1 FROM member m
            WHERE m.tenant = NEW.tenant AND m.group_id = value ->> 0 AND m.member_id = value ->> 1
        ), 1, value ->> 2
    FROM json_each(NEW.ordered, '$.doubted')
    WHERE true
    ON CONFLICT DO UPDATE SET
        doubt = 1,
        late_until = coalesce(max(late_until, excluded.late_until), late_until, excluded.late_until);
    -- Members that agree with the directory are skipped if nothing is known of them.
    INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
    SELECT NEW.tenant, it.group_id, it.member_id, it.carried, NOT it.stays, NULL
    FROM (
        SELECT
            value ->> 0 AS group_id, value ->> 1 AS member_id, value ->> 2 AS carried,
            -- What an account in doubt was told may be lost.
            value ->> 3 IS NULL OR value ->> 3 = coalesce((
                SELECT iif(a.doubt, -1, a.stay) FROM account a
                WHERE a.tenant = NEW.tenant AND a.resource = value ->> 1
            ), 0) AS stays
        FROM json_each(NEW.ordered, '$.settled')
    ) it
    WHERE NOT it.stays OR it.carried IS NOT EXISTS (
        SELECT 1 FROM member m
        WHERE m.tenant = NEW.tenant AND m.group_id = it.group_id AND m.member_id = it.member_id
    ) OR EXISTS (
        SELECT 1 FROM unsettled_member u
        WHERE u.tenant = NEW.tenant AND u.group_id = it.group_id AND u.member_id = it.member_id
    )
    ON CONFLICT DO UPDATE SET
        carried = excluded.carried,
        doubt = excluded.doubt OR late_until IS NOT NULL
            AND coalesce(late_until > NEW.ordered ->> 'now', 1),
        late_until = CASE WHEN coalesce(late_until > NEW.ordered ->> 'now', 1) THEN late_until END;
    -- What is known of the members of the lists and is as the directory has it.
    DELETE FROM unsettled_member WHERE (tenant, group_id, member_id) IN (
        SELECT u.tenant, u.group_id, u.member_id
        FROM (
            SELECT value FROM json_each(NEW.ordered, '$.unsettled')
            UNION ALL SELECT value FROM json_each(NEW.ordered, '$.settled')
        ) it CROSS JOIN unsettled_member u
        WHERE u.tenant = NEW.tenant AND u.group_id = it.value ->> 0 AND u.member_id = it.value ->> 1
            AND u.doubt = 0 AND u.carried = EXISTS (
                SELECT 1 FROM member m
                WHERE m.tenant = u.tenant AND m.group_id = u.group_id AND m.member_id = u.member_id
            )
    );
END;
