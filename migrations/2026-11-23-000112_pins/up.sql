-- The pinned answer of an article. Safe under traffic: creates only.
set local lock_timeout = '5s';

create table pins (
    article_id bigint      not null constraint pins_pkey primary key
                           constraint pins_article_fkey references articles (id) on delete cascade,
    comment_id bigint      not null,
    pinned_by  bigint      not null constraint pins_pinned_by_fkey references staff (id) on delete restrict,
    pinned_at  timestamptz not null,
    constraint pins_comment_fkey foreign key (comment_id, article_id) references comments (id, article_id) on delete cascade
);
comment on table pins is 'The comment of the team that stands above the threads of its article; gone when the comment is not public any more.';
create unique index pins_comment_id_idx on pins (comment_id);
create index pins_pinned_by_idx on pins (pinned_by);
