-- Whoever has ever blocked or muted anybody. Everybody else need not be asked.
CREATE TABLE contact_account (
  account TEXT   NOT NULL PRIMARY KEY,
  unknown BIGINT NOT NULL, -- stance towards all whom the account does not know
  at      BIGINT NOT NULL  -- microseconds, of the last change
);

-- To find what other instances have written lately.
CREATE INDEX contact_account_at ON contact_account (at);

-- Whom an account has blocked or muted.
CREATE TABLE contact_block (
  account TEXT   NOT NULL,
  other   TEXT   NOT NULL,
  stance  BIGINT NOT NULL, -- 1 mute, 2 block
  at      BIGINT NOT NULL, -- microseconds
  PRIMARY KEY (account, other)
);

-- To forget somebody in others' lists.
CREATE INDEX contact_block_other ON contact_block (other);
