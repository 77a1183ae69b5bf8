-- Destroys data; for tests and for taking back a failed first start.
set local lock_timeout = '5s';
drop table redirects;
drop table corrections;
drop table article_headings;
drop table revision_media;
drop table revision_citations;
drop table revision_credits;
drop table revision_renderings;
alter table article_drafts drop constraint article_drafts_base_revision_fkey;
alter table articles drop constraint articles_published_revision_fkey;
drop table revisions;
drop table article_drafts;
drop table articles;
drop table reference_records;
drop table media;
drop table topics;
