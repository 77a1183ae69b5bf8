-- What screening and the desk look up on every comment: the same text elsewhere, and questions nobody answered.
-- Safe under traffic: a column without default; the indexes are on a table that is young.
set local lock_timeout = '5s';

alter table comments add column text_digest bytea null;
comment on column comments.text_digest is 'Digest of the folded text (case, spacing, look-alike letters gone), null for short ones: finds the same text elsewhere.';
create index comments_text_digest_idx on comments (text_digest, created_at) where text_digest is not null;
create index comments_question_idx on comments (id)
    where status = 'approved' and staff_id is null and body like '%?';
create index comment_decisions_bulk_id_idx on comment_decisions (bulk_id) where bulk_id is not null;
