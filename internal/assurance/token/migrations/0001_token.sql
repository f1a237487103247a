-- Age tokens: the keys that sign them, and what was spent. No account, grant,
-- address or time stands beside a token here, and issuing and redeeming have
-- no id in common: a test lists the columns.

-- An issuer's keys. Of one name the highest generation signs and is accepted;
-- an earlier one was withdrawn.
CREATE TABLE token_key (
  name       TEXT NOT NULL,   -- over-18.strict.2026-11
  generation BIGINT NOT NULL, -- 1, 2 …
  public     BYTES NOT NULL,  -- SubjectPublicKeyInfo
  sealed     BYTES NOT NULL,  -- PKCS #8, AES-256-GCM under a secret outside of the database
  PRIMARY KEY (name, generation)
) WITHOUT ROWID;

-- What was spent, until its epoch lapses.
CREATE TABLE token_spent (
  epoch     BIGINT NOT NULL, -- months since the year 0
  nullifier BYTES NOT NULL,  -- 16 bytes, keyed
  PRIMARY KEY (epoch, nullifier)
) WITHOUT ROWID;

-- Proves that the secret which keys the nullifiers is still the same: with
-- another one, every token could be spent again.
CREATE TABLE token_seal (
  id    BIGINT PRIMARY KEY, -- 1
  proof BYTES NOT NULL
);

-- Every directory of an issuer that was seen: its own, and others'. Two
-- different ones at a time would tell people apart.
CREATE TABLE token_directory (
  issuer TEXT NOT NULL,
  at     BIGINT NOT NULL, -- microseconds: since when it is in force here
  digest BYTES NOT NULL,  -- SHA-256 of body
  body   TEXT NOT NULL,
  PRIMARY KEY (issuer, at)
) WITHOUT ROWID;
