-- Reports by readers: what they say is wrong with a public comment, and how many of them are open.
-- Safe under traffic: a table of its own, a column with a constant default, an index over rows that there are none of.
set local lock_timeout = '5s';

alter table comments add column open_reports integer not null default 0
    constraint comments_open_reports_not_negative check (open_reports >= 0);
comment on column comments.open_reports is 'Rows of reports about it that nobody has dealt with; changed under the comment''s lock.';
create index comments_reported_idx on comments ((-open_reports), id)
    where status = 'approved' and open_reports > 0;

create table reports (
    id           bigint      generated always as identity (start with 1001) constraint reports_pkey primary key,
    comment_id   bigint      not null constraint reports_comment_fkey references comments (id) on delete cascade,
    reason       text        not null,
    words        text        not null default '',
    is_proved    boolean     not null,
    reader_id    bigint      null constraint reports_reader_fkey references readers (id) on delete set null,
    network_key  bytea       null,
    created_at   timestamptz not null,
    closed_at    timestamptz null,
    closed_by    bigint      null constraint reports_closed_by_fkey references staff (id) on delete restrict,
    decision_id  bigint      null constraint reports_decision_fkey references comment_decisions (id) on delete set null,
    outcome      text        null,
    constraint reports_reason_known check (reason in ('spam', 'unsafe', 'abuse', 'private', 'illegal', 'other')),
    constraint reports_words_length check (char_length(words) <= 500),
    constraint reports_reader_is_proved check (reader_id is null or is_proved),
    constraint reports_outcome_known check (outcome in ('kept', 'spam', 'removed', 'withdrawn')),
    constraint reports_closed_has_an_outcome check ((closed_at is null) = (outcome is null))
);
comment on table reports is 'What readers say is wrong with a comment. The id is the number a reporter is told.';
comment on column reports.words is 'The reporter''s own words; erased some time after the report was dealt with.';
comment on column reports.is_proved is 'Whether it came from a reader who had confirmed an address; stays when the reader is erased.';
comment on column reports.network_key is 'Keyed hash, for the one report of a network and its pace; purged on schedule.';
comment on column reports.decision_id is 'The decision that closed it: undoing that opens it again.';
create unique index reports_comment_reader_idx on reports (comment_id, reader_id) where reader_id is not null;
create unique index reports_comment_network_idx on reports (comment_id, network_key) where not is_proved and network_key is not null;
create index reports_comment_id_idx on reports (comment_id, id);
create index reports_reader_id_idx on reports (reader_id) where reader_id is not null;
create index reports_network_idx on reports (network_key, created_at) where network_key is not null;
create index reports_closed_by_idx on reports (closed_by) where closed_by is not null;
create index reports_decision_id_idx on reports (decision_id) where decision_id is not null;
create index reports_words_idx on reports (closed_at) where closed_at is not null and words <> '';
create index reports_created_at_idx on reports (created_at) where network_key is not null;
