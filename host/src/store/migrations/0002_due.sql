-- What is tried next is found by its date, for each tenant by itself, and only the oldest of a
-- resource: two small indexes for what is open, in the place of one that nothing asks for any more.

DROP INDEX operation_open_subject;
CREATE INDEX operation_due ON operation (tenant, due, id) WHERE state = 'open';
CREATE INDEX operation_open_of_resource ON operation (tenant, resource, id) WHERE state = 'open';

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('operation', 'operation_due', '1000 200 10 1'),
    ('operation', 'operation_open_of_resource', '1000 200 2 1');
ANALYZE sqlite_schema;
