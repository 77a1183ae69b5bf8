-- How long held comments waited in the last month, for the sentence their writers read.
-- Safe under traffic while the table of decisions is young; with millions of them a site is offline for as long as
-- the index takes (about a second a million).
set local lock_timeout = '5s';

create index comment_decisions_waits_idx on comment_decisions (decided_at desc)
    where from_status = 'held' and staff_id is not null;
