-- Takes the column and the indexes away; nothing else knows them. Safe under traffic of the release before.
drop index comment_decisions_bulk_id_idx;
drop index comments_question_idx;
drop index comments_text_digest_idx;
alter table comments drop column text_digest;
