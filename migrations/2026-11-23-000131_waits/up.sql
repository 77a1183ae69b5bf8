-- How long held comments waited in the last month, for the sentence their writers read.
-- Safe under traffic while the table of decisions is young; with millions of them decisions wait for as long as
-- the index takes.
set local lock_timeout = '5s';

create index comment_decisions_waits_idx on comment_decisions (decided_at desc)
    where from_status = 'held' and staff_id is not null;
