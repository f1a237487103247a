-- API keys. Times are microseconds since 1970; 0 is never.
CREATE TABLE keys_key (
	id        TEXT PRIMARY KEY,
	name      TEXT NOT NULL,
	roles     TEXT NOT NULL, -- separated by commas
	hash      BYTES NOT NULL, -- SHA-256 of the whole key
	created   BIGINT NOT NULL,
	last_used BIGINT NOT NULL,
	revoked   BIGINT NOT NULL
);
