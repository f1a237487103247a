-- What is known of content and accounts beyond any one event.
CREATE TABLE label_label (
  id      TEXT NOT NULL,
  about   TEXT NOT NULL,   -- content or actor
  kind    TEXT NOT NULL,
  source  TEXT NOT NULL,
  expires BIGINT,          -- microseconds; NULL is never
  at      BIGINT NOT NULL, -- microseconds, of the last time it was put
  PRIMARY KEY (id, about, kind, source)
);

-- To find what other instances have labelled lately.
CREATE INDEX label_label_at ON label_label (at);
