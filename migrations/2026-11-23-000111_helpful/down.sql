-- Takes the votes away. Safe under traffic of the release before.
drop table helpful_votes;
drop function helpful_votes_count();
drop index comments_top_helpful_idx;
alter table comments drop column helpful;
