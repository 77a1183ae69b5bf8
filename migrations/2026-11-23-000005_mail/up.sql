-- Mail: the outbox. One row and one job per recipient. Safe under traffic: creates only.
set local lock_timeout = '5s';

create table mail_messages (
    id             bigint      generated always as identity constraint mail_messages_pkey primary key,
    kind           text        not null,
    unique_key     text        not null,
    message_id     text        not null,
    recipient      text        not null,
    address_id     bigint      null constraint mail_messages_address_fkey references addresses (id) on delete cascade,
    staff_id       bigint      null constraint mail_messages_staff_fkey references staff (id) on delete cascade,
    comment_id     bigint      null constraint mail_messages_comment_fkey references comments (id) on delete set null,
    subject        text        not null,
    body_text      text        not null,
    body_html      text        not null,
    headers        jsonb       not null default '{}',
    state          text        not null default 'queued',
    attempts       integer     not null default 0,
    last_error     text        null,
    created_at     timestamptz not null,
    next_try_at    timestamptz null,
    finished_at    timestamptz null,
    constraint mail_messages_state_known check (state in ('queued', 'sent', 'failed', 'withdrawn')),
    constraint mail_messages_finished_when_over check ((state = 'queued') = (finished_at is null)),
    constraint mail_messages_headers_is_an_object check (jsonb_typeof(headers) = 'object')
);
comment on table mail_messages is 'The outbox: each mail as it was or will be sent. Bodies are erased some days after the end.';
comment on column mail_messages.unique_key is 'What the mail is about and for whom, such as reply:381:12: the same mail is never queued twice.';
comment on column mail_messages.message_id is 'Derived from unique_key, so that a retry after a lost answer carries the same one.';
comment on column mail_messages.last_error is 'The server''s answer, shortened, with addresses taken out.';
create unique index mail_messages_unique_key_idx on mail_messages (unique_key);
create index mail_messages_state_idx on mail_messages (state, id desc);
create index mail_messages_address_id_idx on mail_messages (address_id) where address_id is not null;
create index mail_messages_staff_id_idx on mail_messages (staff_id) where staff_id is not null;
create index mail_messages_comment_id_idx on mail_messages (comment_id) where comment_id is not null;
