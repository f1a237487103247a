-- The vector of the latest decision on each published item, for feeds.
CREATE TABLE decide_content (
  content TEXT PRIMARY KEY,
  seq     BIGINT NOT NULL, -- of the decision
  author  TEXT NOT NULL,   -- keyed mark, not a name
  bands   TEXT NOT NULL,   -- six digits, an outcome each, youngest band first
  kinds   TEXT NOT NULL,   -- kinds of harm of its reasons, comma-separated
  places  TEXT NOT NULL,   -- jurisdictions consulted, comma-separated
  policy  TEXT NOT NULL    -- start of the bundle's digest
) WITHOUT ROWID;

-- What a viewer asked to see less of.
CREATE TABLE decide_less (
  viewer TEXT NOT NULL,
  about  TEXT NOT NULL,    -- item:<id>, author:<mark>, kind:<kind>
  times  BIGINT NOT NULL,
  at     BIGINT NOT NULL,  -- microseconds, of the last time
  PRIMARY KEY (viewer, about)
) WITHOUT ROWID;

-- Events whose content a rule preserves, sealed.
CREATE TABLE decide_preserved (
  seq    BIGINT PRIMARY KEY, -- of the decision
  actor  TEXT NOT NULL,
  sealed BYTES NOT NULL,
  at     BIGINT NOT NULL     -- microseconds
);
CREATE INDEX decide_preserved_actor ON decide_preserved (actor);
