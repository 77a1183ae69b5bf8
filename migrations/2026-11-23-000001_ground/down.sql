-- Leaves an empty database. Destroys data; for tests and for taking back a failed first start.
set local lock_timeout = '5s';
drop table jobs;
drop table settings;
drop function refuse_change();
