-- Threads by number of replies, page by page, and the replies that changed since a reader began to turn pages.
-- Safe under traffic while the table is young; a site with millions of comments is offline for as long as the
-- indexes take (about a second a million).
set local lock_timeout = '5s';

create index comments_top_replies_idx on comments (article_id, (-public_replies), id)
    where parent_id is null and published_at is not null and (status = 'approved' or public_replies > 0);
create index comments_replies_changed_idx on comments (article_id, status_changed_at)
    where parent_id is not null and published_at is not null;
