-- Comments: threads, their earlier texts, decisions on them, word lists, and who wants mail about what.
-- Safe under traffic: creates only.
set local lock_timeout = '5s';

create table comments (
    id                bigint      generated always as identity constraint comments_pkey primary key,
    article_id        bigint      not null constraint comments_article_fkey references articles (id) on delete restrict,
    revision_id       bigint      not null constraint comments_revision_fkey references revisions (id) on delete restrict,
    parent_id         bigint      null,
    root_id           bigint      not null,
    depth             integer     not null,
    status            text        not null,
    status_reason     text        null,
    screening         jsonb       not null default '[]',
    version           integer     not null default 1,
    name              text        not null,
    name_skeleton     text        not null,
    address_id        bigint      null constraint comments_address_fkey references addresses (id) on delete restrict,
    reader_id         bigint      null constraint comments_reader_fkey references readers (id) on delete set null,
    browser_id        bigint      null constraint comments_browser_fkey references reader_browsers (id) on delete set null,
    staff_id          bigint      null constraint comments_staff_fkey references staff (id) on delete restrict,
    badge             text        null,
    badge_title       text        not null default '',
    body              text        not null,
    html              text        not null,
    renderer_version  integer     not null,
    submission_key    text        null,
    replay_digest     bytea       null,
    network           text        null,
    network_key       bytea       null,
    public_replies    integer     not null default 0,
    created_at        timestamptz not null,
    published_at      timestamptz null,
    edited_at         timestamptz null,
    status_changed_at timestamptz not null,
    constraint comments_id_article_unique unique (id, article_id),
    constraint comments_parent_fkey foreign key (parent_id, article_id) references comments (id, article_id) on delete restrict,
    constraint comments_status_known check (status in ('held', 'approved', 'spam', 'trash')),
    constraint comments_approved_was_published check (status <> 'approved' or published_at is not null),
    constraint comments_not_approved_has_a_reason check (status = 'approved' or status_reason is not null),
    constraint comments_top_is_its_own_root check ((parent_id is null) = (root_id = id)),
    constraint comments_top_has_depth_none check ((parent_id is null) = (depth = 0)),
    constraint comments_badge_known check (badge in ('author', 'reviewer', 'staff')),
    constraint comments_badge_only_staff check ((badge is not null) = (staff_id is not null)),
    constraint comments_body_length check (char_length(body) between 2 and 5000 or (status = 'trash' and body = '')),
    constraint comments_name_length check (char_length(name) between 1 and 60),
    constraint comments_version_positive check (version > 0 and public_replies >= 0)
);
comment on table comments is 'What readers and staff wrote under articles. moderation/decide.rs is the only writer of status after insert.';
comment on column comments.revision_id is 'The revision of the article that was public when this was written.';
comment on column comments.root_id is 'The top comment of the thread, itself included; set by trigger.';
comment on column comments.status_reason is 'Code of the rule or the reason a person gave; the whole evidence of the rules is in screening.';
comment on column comments.screening is 'List of {"rule", "version", "badge", "sentence", "evidence"}: why it was held, in the order of the rules.';
comment on column comments.version is 'Raised by every decision and edit; a decision on an older version is refused (409).';
comment on column comments.published_at is 'When everyone could first see it. Set and not approved: formerly public, drawn as a tombstone while replies live.';
comment on column comments.public_replies is 'On a top comment: approved replies anywhere in its thread. 0 elsewhere.';
comment on column comments.replay_digest is 'Digest of article, parent, canonical address and body: recognises a second post of the same form.';
comment on column comments.network is 'Shortened for staff to see (/24 or /48); purged on schedule like network_key, the keyed hash used by limits.';
create unique index comments_submission_key_idx on comments (submission_key) where submission_key is not null;
create index comments_replay_digest_idx on comments (replay_digest) where replay_digest is not null;
create index comments_top_idx on comments (article_id, id)
    where parent_id is null and published_at is not null and (status = 'approved' or public_replies > 0);
create index comments_replies_idx on comments (root_id, id)
    where parent_id is not null and published_at is not null;
create index comments_held_idx on comments (id desc) where status = 'held';
create index comments_held_reason_idx on comments (status_reason, id desc) where status = 'held';
create index comments_spam_idx on comments (id desc) where status = 'spam';
create index comments_trash_idx on comments (id desc) where status = 'trash';
create index comments_parent_id_idx on comments (parent_id) where parent_id is not null;
create index comments_address_id_idx on comments (address_id, id desc) where address_id is not null;
create index comments_reader_id_idx on comments (reader_id, id desc) where reader_id is not null;
create index comments_browser_id_idx on comments (browser_id, id desc) where browser_id is not null;
create index comments_staff_id_idx on comments (staff_id, id desc) where staff_id is not null;
create index comments_network_idx on comments (network_key, created_at) where network_key is not null;
create index comments_article_recent_idx on comments (article_id, id desc);
create index comments_revision_id_idx on comments (revision_id);

create function comments_place() returns trigger language plpgsql as $$
begin
    if new.parent_id is null then
        new.root_id := new.id;
        new.depth := 0;
    else
        select root_id, depth + 1 into strict new.root_id, new.depth
            from comments where id = new.parent_id;
    end if;
    return new;
end
$$;
comment on function comments_place() is 'Gives a new comment its thread and depth from its parent, so that they cannot disagree.';
create trigger comments_are_placed before insert on comments
    for each row execute function comments_place();

create function comments_stay() returns trigger language plpgsql as $$
begin
    raise exception 'a comment does not move: article, parent, thread and depth are given once'
        using errcode = 'restrict_violation';
end
$$;
create trigger comments_stay_in_place before update of article_id, parent_id, root_id, depth on comments
    for each row when (old.article_id <> new.article_id or old.parent_id is distinct from new.parent_id
                       or old.root_id <> new.root_id or old.depth <> new.depth)
    execute function comments_stay();

create table comment_revisions (
    id         bigint      generated always as identity constraint comment_revisions_pkey primary key,
    comment_id bigint      not null constraint comment_revisions_comment_fkey references comments (id) on delete cascade,
    version    integer     not null,
    body       text        not null,
    staff_id   bigint      null constraint comment_revisions_staff_fkey references staff (id) on delete restrict,
    made_at    timestamptz not null
);
comment on table comment_revisions is 'Texts a comment had before it was edited, for moderators; staff_id: the moderator who replaced it, null: its writer.';
create unique index comment_revisions_comment_version_idx on comment_revisions (comment_id, version);
create index comment_revisions_staff_id_idx on comment_revisions (staff_id) where staff_id is not null;

create table comment_decisions (
    id              bigint      generated always as identity constraint comment_decisions_pkey primary key,
    comment_id      bigint      not null constraint comment_decisions_comment_fkey references comments (id) on delete cascade,
    from_status     text        not null,
    from_reason     text        null,
    to_status       text        not null,
    reason          text        null,
    version         integer     not null,
    staff_id        bigint      null constraint comment_decisions_staff_fkey references staff (id) on delete restrict,
    reply_id        bigint      null constraint comment_decisions_reply_fkey references comments (id) on delete set null,
    submission_key  text        null,
    bulk_id         bigint      null,
    undoes_id       bigint      null constraint comment_decisions_undoes_fkey references comment_decisions (id) on delete cascade,
    decided_at      timestamptz not null,
    undone_at       timestamptz null,
    constraint comment_decisions_from_known check (from_status in ('held', 'approved', 'spam', 'trash')),
    constraint comment_decisions_to_known check (to_status in ('held', 'approved', 'spam', 'trash'))
);
comment on table comment_decisions is 'Every change of status after insert: what undo takes back and what a stale form is shown.';
comment on column comment_decisions.staff_id is 'Null: the writer withdrew it, or the system acted.';
comment on column comment_decisions.version is 'Version of the comment this decision made.';
create index comment_decisions_comment_id_idx on comment_decisions (comment_id, id desc);
create index comment_decisions_staff_id_idx on comment_decisions (staff_id, id desc) where staff_id is not null;
create index comment_decisions_reply_id_idx on comment_decisions (reply_id) where reply_id is not null;
create index comment_decisions_undoes_id_idx on comment_decisions (undoes_id) where undoes_id is not null;
create unique index comment_decisions_submission_key_idx on comment_decisions (submission_key, comment_id) where submission_key is not null;

create table word_lists (
    id         bigint      generated always as identity constraint word_lists_pkey primary key,
    name       text        not null,
    outcome    text        not null,
    words      text[]      not null,
    version    integer     not null default 1,
    updated_by bigint      null constraint word_lists_updated_by_fkey references staff (id) on delete set null,
    updated_at timestamptz not null,
    constraint word_lists_outcome_known check (outcome in ('hold', 'spam')),
    constraint word_lists_name_length check (char_length(name) between 1 and 60),
    constraint word_lists_size check (cardinality(words) <= 20000)
);
create unique index word_lists_name_idx on word_lists (name);
create index word_lists_updated_by_idx on word_lists (updated_by) where updated_by is not null;

create table subscriptions (
    id         bigint      generated always as identity constraint subscriptions_pkey primary key,
    address_id bigint      not null constraint subscriptions_address_fkey references addresses (id) on delete cascade,
    scope      text        not null,
    article_id bigint      not null constraint subscriptions_article_fkey references articles (id) on delete cascade,
    comment_id bigint      null constraint subscriptions_comment_fkey references comments (id) on delete cascade,
    created_at timestamptz not null,
    ended_at   timestamptz null,
    constraint subscriptions_scope_known check (scope in ('replies', 'thread', 'article')),
    constraint subscriptions_article_has_no_comment check ((scope = 'article') = (comment_id is null))
);
comment on table subscriptions is 'Who wants mail: about replies to a comment, a thread (its top comment) or an article. No mail before the address is confirmed.';
create unique index subscriptions_open_idx on subscriptions (address_id, scope, article_id, comment_id) nulls not distinct where ended_at is null;
create index subscriptions_comment_id_idx on subscriptions (comment_id) where comment_id is not null;
create index subscriptions_article_id_idx on subscriptions (article_id);
