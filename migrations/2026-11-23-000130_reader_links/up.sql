-- Links a reader asks for by mail: to what is kept about their address, and to which mails they want.
-- Safe under traffic: a table of its own.
set local lock_timeout = '5s';

create table reader_links (
    id         bigint      generated always as identity constraint reader_links_pkey primary key,
    address_id bigint      not null constraint reader_links_address_fkey references addresses (id) on delete cascade,
    purpose    text        not null,
    stage      text        not null,
    token_hash bytea       not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz null,
    constraint reader_links_purpose_known check (purpose in ('data', 'preferences')),
    constraint reader_links_stage_known check (stage in ('mailed', 'opened')),
    constraint reader_links_token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
comment on table reader_links is 'Doors to pages about one address: a mailed link works once, and its press opens a short-lived one, behind which the page is.';
comment on column reader_links.used_at is 'When a mailed link was pressed, or an opened one was closed.';
create unique index reader_links_token_hash_idx on reader_links (token_hash);
create index reader_links_address_id_idx on reader_links (address_id);
create index reader_links_expires_at_idx on reader_links (expires_at);
