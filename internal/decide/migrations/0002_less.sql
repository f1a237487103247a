-- Wishes are kept under a keyed mark and by the day. Those that named their
-- viewer, to the microsecond, are given up.
DELETE FROM decide_less;
