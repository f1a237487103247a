-- What was done to accounts because of decisions, and was given back.
CREATE TABLE sanction_entry (
  id         TEXT PRIMARY KEY,  -- s_, of the decision, and what it is: the same decision makes the same
  account    TEXT NOT NULL,
  kind       TEXT NOT NULL,     -- strike, notice, friction, restriction, demonetisation or suspension
  decision   TEXT NOT NULL,
  rule       TEXT NOT NULL,
  content    TEXT NOT NULL,     -- whose money is stopped; else empty
  feature    TEXT NOT NULL,     -- restriction: which
  points     BIGINT NOT NULL,   -- strike: weight; of a step of the ladder: from how many on
  because    TEXT NOT NULL,     -- step of the ladder: the strike that led to it
  at         BIGINT NOT NULL,   -- microseconds
  halves     BIGINT NOT NULL,   -- strike: from when on it weighs half; else 0
  until      BIGINT,            -- NULL: it has no end of its own
  confirmed  BIGINT,            -- suspension: when a person confirmed it
  confirmer  TEXT NOT NULL,
  undone     BIGINT,
  undoer     TEXT NOT NULL,
  why        TEXT NOT NULL      -- of the undoing, or of the confirmation
);
CREATE INDEX sanction_entry_account ON sanction_entry (account, at);
CREATE INDEX sanction_entry_rule ON sanction_entry (rule, at);

-- Effects that wait for a person.
CREATE TABLE sanction_waiting (
  id       TEXT PRIMARY KEY,    -- as the entry would have it
  rule     TEXT NOT NULL,
  class    TEXT NOT NULL,       -- sanction or label
  account  TEXT NOT NULL,
  decision TEXT NOT NULL,
  kind     TEXT NOT NULL,       -- of effect
  what     TEXT NOT NULL,       -- JSON: the consequence as it would have been carried out
  at       BIGINT NOT NULL,
  state    TEXT NOT NULL,       -- waiting, released or dropped
  ended    BIGINT               -- when it was released or dropped
);
CREATE INDEX sanction_waiting_rule ON sanction_waiting (rule, state, at);
CREATE INDEX sanction_waiting_account ON sanction_waiting (account);

-- Whom a rule sanctioned on a day, each account once. Marks are keyed digests.
CREATE TABLE sanction_day (
  day   BIGINT NOT NULL,        -- days since 1970
  rule  TEXT NOT NULL,
  class TEXT NOT NULL,
  mark  BIGINT NOT NULL,
  at    BIGINT NOT NULL,
  PRIMARY KEY (day, rule, class, mark)
) WITHOUT ROWID;
CREATE INDEX sanction_day_at ON sanction_day (at);

-- The same of days that are over, counted.
CREATE TABLE sanction_past (
  day   BIGINT NOT NULL,
  rule  TEXT NOT NULL,
  class TEXT NOT NULL,
  n     BIGINT NOT NULL,
  PRIMARY KEY (day, rule, class)
) WITHOUT ROWID;

-- Rules whose sanctions wait, and rules that a person had go on.
CREATE TABLE sanction_breaker (
  rule   TEXT NOT NULL,
  class  TEXT NOT NULL,
  holds  BOOLEAN NOT NULL,
  since  BIGINT NOT NULL,
  why    TEXT NOT NULL,
  person TEXT NOT NULL,         -- empty: it holds by itself
  day    BIGINT NOT NULL,       -- gone on: on which day,
  base   BIGINT NOT NULL,       -- and how many it had sanctioned by then
  PRIMARY KEY (rule, class)
);

-- What persons did to many sanctions at once.
CREATE TABLE sanction_action (
  id       TEXT PRIMARY KEY,
  rule     TEXT NOT NULL,
  act      TEXT NOT NULL,       -- release, drop or undo
  since    BIGINT NOT NULL,     -- undo: of what was done from then on
  upto     BIGINT NOT NULL,     -- and of nothing later than the action
  person   TEXT NOT NULL,
  why      TEXT NOT NULL,
  at       BIGINT NOT NULL,
  ended    BIGINT,
  accounts BIGINT NOT NULL,     -- as counted before
  effects  BIGINT NOT NULL
);
CREATE INDEX sanction_action_at ON sanction_action (at);
