-- One row that Writable writes, to know that writing works.
CREATE TABLE db_probe (
	id    BIGINT PRIMARY KEY,
	times BIGINT NOT NULL
);
