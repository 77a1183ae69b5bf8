-- Ground: settings, the job queue and the audit log. First migration of an empty database; nothing can be in the way.
set local lock_timeout = '5s';

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% of % is refused: rows of this table are written once', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end
$$;
comment on function refuse_change() is 'Trigger of tables whose rows are immutable: revisions, audit entries, seals.';

create table settings (
    key        text        not null constraint settings_pkey primary key,
    value      jsonb       not null,
    updated_at timestamptz not null,
    constraint settings_key_is_a_word check (key ~ '^[a-z][a-z0-9_.]{0,63}$')
);
comment on table settings is 'What the owner sets in the desk, one row a subject; the shape of each value is in src/settings.rs.';

create table jobs (
    id           bigint      generated always as identity constraint jobs_pkey primary key,
    kind         text        not null,
    payload      jsonb       not null,
    unique_key   text        null,
    state        text        not null default 'waiting',
    run_at       timestamptz not null,
    attempts     integer     not null default 0,
    attempts_max integer     not null,
    leased_until timestamptz null,
    leased_by    text        null,
    last_error   text        null,
    created_at   timestamptz not null,
    finished_at  timestamptz null,
    constraint jobs_state_known check (state in ('waiting', 'running', 'done', 'gave_up')),
    constraint jobs_lease_while_running check ((state = 'running') = (leased_until is not null)),
    constraint jobs_finished_when_over check ((state in ('done', 'gave_up')) = (finished_at is not null)),
    constraint jobs_attempts_bounded check (attempts >= 0 and attempts_max > 0)
);
comment on table jobs is 'Work for later. Claimed with FOR UPDATE SKIP LOCKED and a lease; a lease that ran out is claimed again.';
comment on column jobs.unique_key is 'At most one job ever carries a key: a second enqueue of the same thing does nothing.';
comment on column jobs.last_error is 'A code and a sentence for staff; never an address, a text or a token.';
create unique index jobs_unique_key_idx on jobs (unique_key) where unique_key is not null;
create index jobs_due_idx on jobs (kind, run_at, id) where state = 'waiting';
create index jobs_leases_idx on jobs (leased_until) where state = 'running';
create index jobs_finished_idx on jobs (finished_at) where finished_at is not null;
