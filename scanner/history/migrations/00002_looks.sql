-- +goose Up
-- Why a run that measured everything is not published: JSON array of results;
-- empty where nothing stands against it.
ALTER TABLE run ADD COLUMN withheld TEXT NOT NULL DEFAULT '';

-- 0: final; 1: the first look at a service that is to be looked at again;
-- 2: cut short by the end of the run.
ALTER TABLE record ADD COLUMN open INTEGER NOT NULL DEFAULT 0 CHECK (open IN (0, 1, 2));

-- The looks after the first at services whose record is not final yet.
CREATE TABLE look (
    id       INTEGER PRIMARY KEY, -- rises with time
    run      INTEGER NOT NULL REFERENCES run (id),
    service  INTEGER NOT NULL REFERENCES service (id),
    at       INTEGER NOT NULL, -- as in record
    took     INTEGER NOT NULL,
    results  TEXT    NOT NULL,
    evidence BLOB    NOT NULL
);
CREATE INDEX look_by_service ON look (run, service);

-- +goose Down
DROP TABLE look;
ALTER TABLE record DROP COLUMN open;
ALTER TABLE run DROP COLUMN withheld;
