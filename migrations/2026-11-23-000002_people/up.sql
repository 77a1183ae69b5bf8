-- People: staff with their sessions and links, readers with their addresses and browsers, and the audit log that names them.
-- Safe under traffic: creates only.
set local lock_timeout = '5s';

create table staff (
    id                  bigint      generated always as identity constraint staff_pkey primary key,
    email               text        null,
    email_canonical     text        null,
    name                text        not null,
    name_skeleton       text        not null,
    slug                text        not null,
    title               text        not null default '',
    credentials         text        not null default '',
    bio                 text        not null default '',
    role                text        not null,
    state               text        not null,
    password_hash       text        null,
    password_changed_at timestamptz null,
    comment_mail        text        not null default 'each',
    created_at          timestamptz not null,
    last_seen_at        timestamptz null,
    constraint staff_role_known check (role in ('owner', 'administrator', 'editor', 'author', 'reviewer', 'moderator')),
    constraint staff_state_known check (state in ('invited', 'active', 'suspended', 'profile')),
    constraint staff_active_can_sign_in check (state <> 'active' or (email_canonical is not null and password_hash is not null)),
    constraint staff_email_both_or_none check ((email is null) = (email_canonical is null)),
    constraint staff_comment_mail_known check (comment_mail in ('none', 'each', 'digest')),
    constraint staff_name_length check (char_length(name) between 1 and 60),
    constraint staff_title_length check (char_length(title) <= 120 and char_length(credentials) <= 200)
);
comment on table staff is 'People on the team: those who sign in, and profiles (state profile) that are only credited on articles.';
comment on column staff.name_skeleton is 'Unicode confusables skeleton of the name, lower case: guests may not use a name with the same one (requirements D7).';
comment on column staff.comment_mail is 'Mail about answers to this person and comments on their articles: none, each, digest.';
create unique index staff_email_canonical_idx on staff (email_canonical) where email_canonical is not null;
create unique index staff_name_skeleton_idx on staff (name_skeleton);
create unique index staff_slug_idx on staff (slug);
create unique index staff_one_owner_idx on staff (role) where role = 'owner';

create table staff_devices (
    id           bigint      generated always as identity constraint staff_devices_pkey primary key,
    staff_id     bigint      not null constraint staff_devices_staff_fkey references staff (id) on delete cascade,
    token_hash   bytea       not null,
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    constraint staff_devices_token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
comment on table staff_devices is 'Browsers a person has signed in from (cookie stet_device): they get past the account ceiling on sign-in attempts.';
create unique index staff_devices_token_hash_idx on staff_devices (token_hash);
create index staff_devices_staff_id_idx on staff_devices (staff_id);

create table staff_sessions (
    id           bigint      generated always as identity constraint staff_sessions_pkey primary key,
    staff_id     bigint      not null constraint staff_sessions_staff_fkey references staff (id) on delete cascade,
    token_hash   bytea       not null,
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at   timestamptz not null,
    ended_at     timestamptz null,
    network      text        null,
    browser      text        null,
    constraint staff_sessions_token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
comment on table staff_sessions is 'Cookie stet_session: 256 random bits, kept here as SHA-256 only.';
comment on column staff_sessions.network is 'Shortened for people to see (/24 or /48), purged on schedule.';
create unique index staff_sessions_token_hash_idx on staff_sessions (token_hash);
create index staff_sessions_staff_id_idx on staff_sessions (staff_id);

create table staff_links (
    id         bigint      generated always as identity constraint staff_links_pkey primary key,
    staff_id   bigint      null constraint staff_links_staff_fkey references staff (id) on delete cascade,
    purpose    text        not null,
    token_hash bytea       not null,
    created_at timestamptz not null,
    expires_at timestamptz null,
    used_at    timestamptz null,
    constraint staff_links_purpose_known check (purpose in ('setup', 'invite', 'reset')),
    constraint staff_links_setup_has_no_person check ((purpose = 'setup') = (staff_id is null)),
    constraint staff_links_token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
comment on table staff_links is 'One-time links by purpose. A setup link has no person and no end; it works until the site has an owner.';
create unique index staff_links_token_hash_idx on staff_links (token_hash);
create index staff_links_staff_id_idx on staff_links (staff_id);

create table sign_in_failures (
    id          bigint      generated always as identity constraint sign_in_failures_pkey primary key,
    account_key bytea       not null,
    network_key bytea       not null,
    failed_at   timestamptz not null
);
comment on table sign_in_failures is 'Throttles of requirements S11. Both keys are keyed hashes; rows older than a day are purged.';
create index sign_in_failures_account_idx on sign_in_failures (account_key, failed_at);
create index sign_in_failures_network_idx on sign_in_failures (network_key, failed_at);

create table addresses (
    id                   bigint      generated always as identity constraint addresses_pkey primary key,
    canonical            text        not null,
    email                text        not null,
    created_at           timestamptz not null,
    confirmed_at         timestamptz null,
    confirmation_sent_at timestamptz null,
    mail_stopped_at      timestamptz null,
    constraint addresses_canonical_length check (char_length(canonical) between 3 and 254)
);
comment on table addresses is 'E-mail addresses as readers typed them. Nothing but one confirmation mail goes to an address until confirmed_at is set.';
comment on column addresses.canonical is 'Lower case, NFKC, domain in punycode: the form that is unique and compared.';
comment on column addresses.mail_stopped_at is 'Every mail to this address was stopped by its owner, or bounced for good.';
create unique index addresses_canonical_idx on addresses (canonical);

create table readers (
    id         bigint      generated always as identity constraint readers_pkey primary key,
    address_id bigint      not null constraint readers_address_fkey references addresses (id) on delete cascade,
    trust      text        not null default 'new',
    created_at timestamptz not null,
    constraint readers_trust_known check (trust in ('new', 'trusted', 'always_hold'))
);
comment on table readers is 'A person who proved an address. Trust, edit rights and subscriptions follow the reader; facts shown to staff follow the address.';
create unique index readers_address_id_idx on readers (address_id);

create table reader_browsers (
    id           bigint      generated always as identity constraint reader_browsers_pkey primary key,
    token_hash   bytea       not null,
    reader_id    bigint      null constraint reader_browsers_reader_fkey references readers (id) on delete cascade,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    revoked_at   timestamptz null,
    constraint reader_browsers_token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
comment on table reader_browsers is 'Cookie stet_reader: set on posting, hashed at rest, 30 days. Lets a writer see their own held comment.';
create unique index reader_browsers_token_hash_idx on reader_browsers (token_hash);
create index reader_browsers_reader_id_idx on reader_browsers (reader_id) where reader_id is not null;
create index reader_browsers_expires_at_idx on reader_browsers (expires_at);

create table address_confirmations (
    id         bigint      generated always as identity constraint address_confirmations_pkey primary key,
    address_id bigint      not null constraint address_confirmations_address_fkey references addresses (id) on delete cascade,
    token_hash bytea       not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz null,
    constraint address_confirmations_token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
create unique index address_confirmations_token_hash_idx on address_confirmations (token_hash);
create index address_confirmations_address_id_idx on address_confirmations (address_id, created_at);

create table audit_entries (
    id           bigint      generated always as identity constraint audit_entries_pkey primary key,
    at           timestamptz not null,
    actor        text        not null,
    staff_id     bigint      null constraint audit_entries_staff_fkey references staff (id) on delete restrict,
    action       text        not null,
    subject      text        not null,
    subject_id   bigint      null,
    detail       jsonb       not null,
    digest       bytea       not null,
    constraint audit_entries_actor_known check (actor in ('staff', 'reader', 'system', 'console')),
    constraint audit_entries_staff_when_staff check ((actor = 'staff') = (staff_id is not null)),
    constraint audit_entries_action_is_a_code check (action ~ '^[a-z_]+(\.[a-z_]+)*$'),
    constraint audit_entries_digest_is_sha256 check (octet_length(digest) = 32)
);
comment on table audit_entries is 'Who did what to which record: ids and codes only. Never changed, never deleted by the application (requirements S16).';
comment on column audit_entries.digest is 'SHA-256 over the row''s own fields, written with it; seals chain these.';
create index audit_entries_subject_idx on audit_entries (subject, subject_id, id);
create index audit_entries_staff_id_idx on audit_entries (staff_id, id) where staff_id is not null;
create trigger audit_entries_are_final before update or delete on audit_entries
    for each row execute function refuse_change();
create trigger audit_entries_are_not_truncated before truncate on audit_entries
    for each statement execute function refuse_change();

create table audit_evidence (
    entry_id  bigint      not null constraint audit_evidence_pkey primary key
                          constraint audit_evidence_entry_fkey references audit_entries (id) on delete restrict,
    evidence  text        null,
    erased_at timestamptz null,
    constraint audit_evidence_erased_or_kept check ((evidence is null) = (erased_at is not null))
);
comment on table audit_evidence is 'Words a decision was based on, apart from the log so that they can be erased.';

create table audit_seals (
    id             bigint      generated always as identity constraint audit_seals_pkey primary key,
    first_entry_id bigint      not null constraint audit_seals_first_fkey references audit_entries (id) on delete restrict,
    last_entry_id  bigint      not null constraint audit_seals_last_fkey references audit_entries (id) on delete restrict,
    entry_count    bigint      not null,
    previous_hash  bytea       not null,
    hash           bytea       not null,
    sealed_at      timestamptz not null,
    constraint audit_seals_hashes_are_sha256 check (octet_length(previous_hash) = 32 and octet_length(hash) = 32),
    constraint audit_seals_range_in_order check (first_entry_id <= last_entry_id and entry_count > 0)
);
comment on table audit_seals is 'The hash chain over the log, made in batches by the worker: hash = SHA-256(previous hash, digests of the range in id order).';
create unique index audit_seals_first_idx on audit_seals (first_entry_id);
create unique index audit_seals_last_idx on audit_seals (last_entry_id);
create trigger audit_seals_are_final before update or delete on audit_seals
    for each row execute function refuse_change();

-- The application's role may add to the log and read it, nothing else. Where there is no such role
-- (one role for everything), the triggers above refuse the change.
do $$
begin
    if exists (select from pg_roles where rolname = 'stet_app') and current_user <> 'stet_app' then
        revoke update, delete, truncate on audit_entries, audit_seals from stet_app;
        revoke delete, truncate on audit_evidence from stet_app;
    end if;
end
$$;
