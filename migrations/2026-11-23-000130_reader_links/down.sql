-- Takes the links away: those that were mailed stop working. Safe under traffic of the release before.
drop table reader_links;
