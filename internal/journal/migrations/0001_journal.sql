-- The log. A row is never changed but by an erasure, and never removed.
CREATE TABLE journal_entry (
  seq            BIGINT PRIMARY KEY,
  key            BYTES NOT NULL UNIQUE, -- type, NUL, event id; a long id hashed
  body           BYTES NOT NULL,        -- keyed digest of the event
  content_digest BYTES,                 -- keyed digest of its content
  type           TEXT NOT NULL,
  outcome        BIGINT NOT NULL,       -- 0 allow … 7 block
  bands          BIGINT NOT NULL,       -- bit n: band n (0 unknown, 1 0-5 … 6 18+) met something other than allow
  actor          TEXT NOT NULL,
  content        TEXT NOT NULL,
  decision       TEXT NOT NULL,         -- JSON, as answered
  input          TEXT NOT NULL,         -- JSON, what Eval saw
  shadow         TEXT                   -- JSON, reasons that shadow rules would have added
);

-- Where to find the entries to which a rule applied: rule:<id>, kind:<kind>.
CREATE TABLE journal_tag (
  tag TEXT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (tag, seq)
) WITHOUT ROWID;

-- How many decisions of one shape each hour had. Every start of the program
-- counts in rows of its own, so that no two wait for each other.
CREATE TABLE journal_rollup (
  hour     BIGINT NOT NULL,  -- seconds since 1970, of the decisions' time
  instance BIGINT NOT NULL,
  digest   BYTES NOT NULL,   -- of type and shape
  type     TEXT NOT NULL,
  shape    TEXT NOT NULL,    -- JSON: outcome, bands, reasons
  n        BIGINT NOT NULL,
  PRIMARY KEY (hour, instance, digest)
) WITHOUT ROWID;

-- Accounts whose names are still to be taken out of older entries.
CREATE TABLE journal_erasure (
  account   TEXT PRIMARY KEY,
  pseudonym TEXT NOT NULL,
  upto      BIGINT NOT NULL, -- the last entry that may name the account
  done      BIGINT NOT NULL  -- the last entry looked at
);

-- Numbers the starts of the program.
CREATE TABLE journal_start (n BIGINT NOT NULL);
INSERT INTO journal_start (n) VALUES (0);
