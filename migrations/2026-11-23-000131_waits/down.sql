-- Takes the index away. Safe under traffic of the release before.
drop index comment_decisions_waits_idx;
