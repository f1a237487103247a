-- Decisions that a person must look at now: a life may be at risk. No row
-- names anybody; the decision does, to those who may read it.
CREATE TABLE urgent_entry (
  id           TEXT PRIMARY KEY,  -- u_, of the decision
  decision     TEXT NOT NULL,
  rule         TEXT NOT NULL,
  kind         TEXT NOT NULL,     -- of harm; may be empty
  at           BIGINT NOT NULL,   -- microseconds, as all times
  due          BIGINT NOT NULL,   -- until when a person must have acknowledged it, then resolved it
  state        TEXT NOT NULL,     -- open, acknowledged or resolved
  level        BIGINT NOT NULL,   -- how often it has been paged for
  next         BIGINT NOT NULL,   -- when the clock pages again
  delivered    BIGINT,            -- when a pager last took a page
  acknowledged BIGINT,
  acknowledger TEXT NOT NULL,
  resolved     BIGINT,
  resolver     TEXT NOT NULL,
  outcome      TEXT NOT NULL
);
CREATE INDEX urgent_entry_state ON urgent_entry (state, due);
