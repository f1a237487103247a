-- How the people of one age band used the platform on one day: no row is of
-- fewer than ten of them.
CREATE TABLE wellbeing_usage (
  day      BIGINT NOT NULL, -- since 1970, by each person's own clock
  band     BIGINT NOT NULL, -- 0 unknown, 1 0-5 … 6 18+
  people   BIGINT NOT NULL,
  sessions BIGINT NOT NULL,
  seconds  BIGINT NOT NULL,
  night    BIGINT NOT NULL, -- seconds of them between 22:00 and 07:00
  breaks   BIGINT NOT NULL,
  PRIMARY KEY (day, band)
) WITHOUT ROWID;
