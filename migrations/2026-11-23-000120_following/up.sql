-- How often an address wants mail, what waits for its next digest, addresses that mail cannot reach. Safe under traffic: constant defaults, else creates only.
set local lock_timeout = '5s';

alter table addresses
    add column mail_frequency text        not null default 'instant',
    add column bounced_at     timestamptz null,
    add column bounce_code    text        not null default '',
    add constraint addresses_mail_frequency_known check (mail_frequency in ('instant', 'hourly', 'daily', 'weekly')),
    add constraint addresses_bounce_has_code check ((bounced_at is not null) or bounce_code = '');
comment on column addresses.mail_frequency is 'One mail a comment, or a digest.';
comment on column addresses.bounced_at is 'When mail to it came back for good, or its owner complained to their provider: nothing is sent there until it is confirmed anew.';
comment on column addresses.bounce_code is 'Why: a status code such as 5.1.1, or complaint; never the server''s words.';
comment on column addresses.mail_stopped_at is 'Every mail to this address was stopped by its owner.';

create table digest_items (
    id         bigint      generated always as identity constraint digest_items_pkey primary key,
    address_id bigint      null constraint digest_items_address_fkey references addresses (id) on delete cascade,
    staff_id   bigint      null constraint digest_items_staff_fkey references staff (id) on delete cascade,
    comment_id bigint      not null constraint digest_items_comment_fkey references comments (id) on delete cascade,
    due_at     timestamptz not null,
    mail_id    bigint      null constraint digest_items_mail_fkey references mail_messages (id) on delete cascade,
    constraint digest_items_one_recipient check (num_nonnulls(address_id, staff_id) = 1)
);
comment on table digest_items is 'Comments that wait for a digest, or stand in one (mail_id).';
create unique index digest_items_of_address_idx on digest_items (address_id, comment_id) where address_id is not null;
create unique index digest_items_of_staff_idx on digest_items (staff_id, comment_id) where staff_id is not null;
create index digest_items_comment_id_idx on digest_items (comment_id);
create index digest_items_mail_id_idx on digest_items (mail_id) where mail_id is not null;
create index digest_items_due_idx on digest_items (due_at) where mail_id is null;
