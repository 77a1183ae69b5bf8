-- Takes the reports away, and with them what readers said. Safe under traffic of the release before.
drop table reports;
drop index comments_reported_idx;
alter table comments drop column open_reports;
