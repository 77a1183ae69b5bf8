-- Destroys data; for tests and for taking back a failed first start.
set local lock_timeout = '5s';
drop table mail_messages;
