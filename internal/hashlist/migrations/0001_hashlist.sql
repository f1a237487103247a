-- Where all banks stand together: one row.
CREATE TABLE hashlist_state (
  id       BIGINT PRIMARY KEY, -- 1
  database TEXT NOT NULL,      -- random: a snapshot of another database is not of use
  seq      BIGINT NOT NULL,    -- number of the last change
  next     BIGINT NOT NULL     -- number of the next entry
);
INSERT INTO hashlist_state (id, database, seq, next) VALUES (1, '', 0, 1);

CREATE TABLE hashlist_bank (
  id             BIGINT PRIMARY KEY,
  key            TEXT UNIQUE,   -- the name as HMA writes it; NULL once the bank is removed
  name           TEXT NOT NULL, -- as its maker wrote it
  kind           TEXT NOT NULL,
  source         TEXT NOT NULL,
  classification TEXT NOT NULL,
  distance       BIGINT NOT NULL,
  ratio          DOUBLE PRECISION NOT NULL,
  note           TEXT NOT NULL,
  version        BIGINT NOT NULL, -- changes of the bank and its entries
  entries        BIGINT NOT NULL, -- that are not removed
  created        BIGINT NOT NULL,
  updated        BIGINT NOT NULL
);

-- What is known. The hashes of a number never change, so that what has the
-- number may be remembered; an entry whose hashes change gets a new number.
CREATE TABLE hashlist_entry (
  bank           BIGINT NOT NULL,
  num            BIGINT NOT NULL,
  key            BYTES,           -- 16 bytes that stand for bank and id; NULL if another number has them now
  id             TEXT,            -- NULL if it is called by its hash
  hashes         BYTES NOT NULL,  -- as hash.go packs them
  quality        BIGINT NOT NULL, -- of the PDQ hash; 0 is not known
  classification TEXT,            -- NULL is the bank's, as for source
  source         TEXT,
  note           TEXT,
  verdict        BIGINT NOT NULL, -- 0 none, 1 confirmed, 2 denied
  until          BIGINT,          -- disabled until then
  quarantined    BIGINT,
  removed        BIGINT,          -- since when it is of no use
  added          BIGINT NOT NULL,
  updated        BIGINT NOT NULL,
  seq            BIGINT NOT NULL, -- number of the change that made it what it is
  PRIMARY KEY (bank, num)
) WITHOUT ROWID;

CREATE UNIQUE INDEX hashlist_entry_key ON hashlist_entry (key);
CREATE INDEX hashlist_entry_seq ON hashlist_entry (seq, bank, num);
CREATE INDEX hashlist_entry_removed ON hashlist_entry (removed) WHERE removed IS NOT NULL;

-- Where an exchange client goes on.
CREATE TABLE hashlist_cursor (
  bank     BIGINT NOT NULL,
  exchange TEXT NOT NULL,
  cursor   TEXT NOT NULL,
  updated  BIGINT NOT NULL,
  PRIMARY KEY (bank, exchange)
) WITHOUT ROWID;

-- What people said of entries, to be sent back to where they came from.
CREATE TABLE hashlist_feedback (
  id      BIGINT PRIMARY KEY,
  bank    BIGINT NOT NULL,
  num     BIGINT NOT NULL,
  verdict TEXT NOT NULL,
  note    TEXT NOT NULL,
  who     TEXT NOT NULL, -- id of the key
  at      BIGINT NOT NULL,
  sent    BIGINT         -- NULL until its source has it
);
CREATE INDEX hashlist_feedback_unsent ON hashlist_feedback (bank, id) WHERE sent IS NULL;

-- How often entries matched, by hour.
CREATE TABLE hashlist_hit (
  num   BIGINT NOT NULL,
  hour  BIGINT NOT NULL, -- since 1970
  times BIGINT NOT NULL,
  PRIMARY KEY (num, hour)
) WITHOUT ROWID;
CREATE INDEX hashlist_hit_hour ON hashlist_hit (hour);
