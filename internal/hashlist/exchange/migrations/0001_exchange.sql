-- How each configured exchange fares. Where it goes on is hashlist's to keep,
-- with the entries.
CREATE TABLE exchange_sync (
  name       TEXT PRIMARY KEY,
  holder     TEXT NOT NULL,   -- who is at it now; '' is nobody
  held_until BIGINT NOT NULL, -- microseconds, as all times: a holder that died loses it
  due        BIGINT NOT NULL, -- when the next sync is to begin
  shrink     BOOLEAN NOT NULL, -- the next believes a list that has lost more than half
  begun      BIGINT NOT NULL, -- the last sync; 0 is never
  succeeded  BIGINT NOT NULL, -- the last that did
  failed     BIGINT NOT NULL,
  error      TEXT NOT NULL,   -- of the last sync; '' if it succeeded
  counts     TEXT NOT NULL    -- what the last sync did, as JSON
);
