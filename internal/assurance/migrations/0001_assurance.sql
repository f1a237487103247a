-- Age checks under way, and what may be issued after them. Nobody's name,
-- birth date, document, face or address has a column here, nor what a check
-- found: that is one row of age_signal. A test lists every column there is.

-- A check that somebody was asked for. The row is gone soon after it ends.
CREATE TABLE assurance_session (
  id         TEXT PRIMARY KEY,
  account    TEXT NOT NULL,    -- whose age it is about; empty: nobody's, or it has passed
  profile    TEXT NOT NULL,
  flow       TEXT NOT NULL,    -- what binds the answer to who began: page, platform or nothing
  return_url TEXT NOT NULL,
  tokens     BIGINT NOT NULL,  -- to be granted when it succeeds
  browser    TEXT NOT NULL,    -- digest of the secret of the browser that opened the page
  state      TEXT NOT NULL,    -- open, passed, under, ended
  class      BIGINT NOT NULL,  -- how well the age was assured; 0 while it was not
  attempts   BIGINT NOT NULL,  -- answers that did not decide it
  expires    BIGINT NOT NULL   -- microseconds
);
CREATE INDEX assurance_session_expires ON assurance_session (expires);
CREATE INDEX assurance_session_account ON assurance_session (account);

-- A question to a wallet: for some minutes, to be answered once.
CREATE TABLE assurance_request (
  id       TEXT PRIMARY KEY,
  session  TEXT NOT NULL,
  kind     TEXT NOT NULL,      -- how it is asked
  seed     BYTES,              -- of nonce and keys; NULL once it was answered
  finding  TEXT NOT NULL,      -- method and answer, from when the wallet answered until the browser comes back
  code     TEXT NOT NULL,      -- digest of the code that the browser comes back with
  typed    TEXT NOT NULL,      -- keyed digest of the number that is typed instead, where the wallet is on another device
  expires  BIGINT NOT NULL
);
CREATE INDEX assurance_request_session ON assurance_request (session);
CREATE INDEX assurance_request_expires ON assurance_request (expires);

-- Leave to have tokens issued.
CREATE TABLE assurance_grant (
  id        TEXT PRIMARY KEY,  -- digest of its secret
  over      BIGINT NOT NULL,   -- years
  class     BIGINT NOT NULL,
  remaining BIGINT NOT NULL,
  expires   BIGINT NOT NULL    -- the end of a day
);

-- What happened how often: all that is kept of attempts.
CREATE TABLE assurance_count (
  day     TEXT NOT NULL,
  profile TEXT NOT NULL,
  method  TEXT NOT NULL,
  outcome TEXT NOT NULL,
  n       BIGINT NOT NULL,
  PRIMARY KEY (day, profile, method, outcome)
);

-- Appeals against what is held of an age, decided by a person. In their own
-- words nobody says anything: they would say who they are.
CREATE TABLE assurance_appeal (
  id         TEXT PRIMARY KEY,
  account    TEXT NOT NULL,    -- empty once it was decided
  profile    TEXT NOT NULL,
  ground     TEXT NOT NULL,    -- one of a list
  state      TEXT NOT NULL,    -- open, over, under, dismissed
  opened     BIGINT NOT NULL,  -- the begin of a day
  decided    BIGINT,           -- the begin of a day; NULL while it is open
  decided_by TEXT NOT NULL     -- the key of the person who decided
);
CREATE INDEX assurance_appeal_account ON assurance_appeal (account);

-- A guardian's consent for an account. Of the guardian nothing is kept.
CREATE TABLE assurance_consent (
  account   TEXT NOT NULL,
  purpose   TEXT NOT NULL,   -- service or third_party
  means     TEXT NOT NULL,   -- how it was made sure that a guardian consented
  since     BIGINT NOT NULL, -- the begin of a day
  withdrawn BIGINT,          -- the begin of a day; NULL while it holds
  PRIMARY KEY (account, purpose)
);
