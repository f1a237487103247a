-- Accounts, and what is known of their ages: intervals of years and how they
-- are known. No birth date, document or face has a column here, and a test
-- looks for one.
CREATE TABLE age_account (
  id      TEXT PRIMARY KEY,
  created BIGINT,          -- microseconds; NULL is unknown
  country TEXT NOT NULL,   -- ISO 3166-1 alpha-2, or empty
  region  TEXT NOT NULL,   -- ISO 3166-2, or empty
  locale  TEXT NOT NULL,   -- BCP 47, or empty
  changed BIGINT NOT NULL  -- microseconds
);

-- One statement of each source about an account's age.
CREATE TABLE age_signal (
  account    TEXT NOT NULL,
  source     TEXT NOT NULL,
  age_from   BIGINT NOT NULL, -- years, the interval is half-open
  age_to     BIGINT NOT NULL,
  basis      TEXT NOT NULL,
  method     TEXT NOT NULL,
  confidence DOUBLE PRECISION NOT NULL,
  at         BIGINT NOT NULL, -- microseconds
  expires    BIGINT,          -- microseconds; NULL is never
  PRIMARY KEY (account, source)
);
