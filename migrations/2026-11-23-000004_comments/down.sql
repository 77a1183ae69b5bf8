-- Destroys data; for tests and for taking back a failed first start.
set local lock_timeout = '5s';
drop table subscriptions;
drop table word_lists;
drop table comment_decisions;
drop table comment_revisions;
drop table comments;
drop function comments_stay();
drop function comments_place();
