-- Votes of readers that a comment helped, their number on the comment, and the index of threads by it.
-- Safe under traffic while the table of comments is young; with millions of them a site is offline for as long as
-- the index takes (about a second a million).
set local lock_timeout = '5s';

alter table comments add column helpful integer not null default 0
    constraint comments_helpful_not_negative check (helpful >= 0);
comment on column comments.helpful is 'Confirmed readers it helped; kept by the trigger on helpful_votes.';
create index comments_top_helpful_idx on comments (article_id, (-helpful), id)
    where parent_id is null and published_at is not null and (status = 'approved' or public_replies > 0);

create table helpful_votes (
    id         bigint      generated always as identity constraint helpful_votes_pkey primary key,
    comment_id bigint      not null,
    article_id bigint      not null,
    reader_id  bigint      not null constraint helpful_votes_reader_fkey references readers (id) on delete cascade,
    cast_at    timestamptz not null,
    ended_at   timestamptz null,
    constraint helpful_votes_comment_fkey foreign key (comment_id, article_id) references comments (id, article_id) on delete cascade
);
comment on table helpful_votes is 'Which reader a comment helped. One that was taken back is kept for a day, for readers in the middle of an order.';
create unique index helpful_votes_one_idx on helpful_votes (comment_id, reader_id) where ended_at is null;
create index helpful_votes_comment_id_idx on helpful_votes (comment_id);
create index helpful_votes_reader_id_idx on helpful_votes (reader_id, comment_id);
create index helpful_votes_changed_idx on helpful_votes (article_id, (coalesce(ended_at, cast_at)));
create index helpful_votes_ended_idx on helpful_votes (ended_at) where ended_at is not null;

create function helpful_votes_count() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        update comments set helpful = helpful + 1 where id = new.comment_id;
    else
        update comments set helpful = helpful - 1 where id = old.comment_id;
    end if;
    return null;
end
$$;
comment on function helpful_votes_count() is 'Keeps comments.helpful, also when a reader is erased with their votes.';
create trigger helpful_votes_are_counted after insert on helpful_votes
    for each row execute function helpful_votes_count();
create trigger helpful_votes_are_taken_off after update of ended_at on helpful_votes
    for each row when (old.ended_at is null and new.ended_at is not null) execute function helpful_votes_count();
create trigger helpful_votes_go_with_their_reader after delete on helpful_votes
    for each row when (old.ended_at is null) execute function helpful_votes_count();
