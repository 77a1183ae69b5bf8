-- Takes the indexes away; nothing else knows them. Safe under traffic of the release before.
drop index comments_replies_changed_idx;
drop index comments_top_replies_idx;
