-- +goose Up
-- "r6hi": tells this file from any other SQLite database.
PRAGMA application_id = 0x72366869;

-- Inventory and plan texts, which seldom change from night to night.
CREATE TABLE text (
    sha256 TEXT PRIMARY KEY,
    body   BLOB NOT NULL
) WITHOUT ROWID;

-- AUTOINCREMENT: the number of a pruned run is never given again.
CREATE TABLE run (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    started   INTEGER NOT NULL,           -- Unix time, nanoseconds
    finished  INTEGER NOT NULL DEFAULT 0, -- the same; of a running or crashed run the last write
    status    TEXT    NOT NULL CHECK (status IN ('running', 'complete', 'interrupted', 'crashed', 'pruned')),
    kind      TEXT    NOT NULL,
    services  INTEGER NOT NULL DEFAULT 0, -- records stored
    inventory TEXT    REFERENCES text (sha256),
    plan      TEXT    REFERENCES text (sha256),
    header    TEXT    NOT NULL            -- JSON of the whole header as it was at the start
);
CREATE INDEX run_by_kind ON run (kind, status, id);

-- Services ever seen, in the order in which a run is read back.
CREATE TABLE service (
    id     INTEGER PRIMARY KEY,
    agency TEXT    NOT NULL,
    host   TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    port   INTEGER NOT NULL,
    UNIQUE (agency, host, kind, port)
);

-- One service in one run. Evidence is the bulk: it comes last and apart, so
-- that whoever needs only the results does not read it.
CREATE TABLE record (
    id       INTEGER PRIMARY KEY,
    run      INTEGER NOT NULL REFERENCES run (id),
    service  INTEGER NOT NULL REFERENCES service (id),
    at       INTEGER NOT NULL, -- Unix time, nanoseconds
    took     INTEGER NOT NULL, -- nanoseconds
    results  TEXT    NOT NULL, -- JSON array of results without evidence
    evidence BLOB    NOT NULL, -- deflated JSON array, one array of evidence per result; empty when there is none
    UNIQUE (service, run)      -- a service's latest record is the last entry of its part of the index
);
CREATE INDEX record_by_run ON record (run, service);

-- +goose Down
DROP TABLE record;
DROP TABLE service;
DROP TABLE run;
DROP TABLE text;
