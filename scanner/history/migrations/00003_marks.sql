-- +goose Up
-- One number for each record of a run, derived by the rules of some version: what saves reading a year of records again, and
-- what tells how a run was judged under rules that hold no more. It can be made anew from the records, and goes with them.
CREATE TABLE mark (
    run   INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    rules INTEGER NOT NULL,
    body  BLOB    NOT NULL, -- deflated pairs of varints: service id less the one before, number
    PRIMARY KEY (run, rules)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE mark;
