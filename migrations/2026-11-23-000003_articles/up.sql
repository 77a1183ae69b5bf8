-- Articles: topics, media, references, articles with working copies, immutable revisions and all they hold.
-- Safe under traffic: creates only.
set local lock_timeout = '5s';

create table topics (
    id          bigint      generated always as identity constraint topics_pkey primary key,
    parent_id   bigint      null constraint topics_parent_fkey references topics (id) on delete restrict,
    slug        text        not null,
    name        text        not null,
    description text        not null default '',
    position    integer     not null default 0,
    created_at  timestamptz not null,
    constraint topics_slug_is_a_slug check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and char_length(slug) <= 80),
    constraint topics_name_length check (char_length(name) between 1 and 80),
    constraint topics_not_their_own_parent check (parent_id <> id)
);
create unique index topics_slug_idx on topics (slug);
create index topics_parent_id_idx on topics (parent_id) where parent_id is not null;

create table media (
    id           bigint      generated always as identity constraint media_pkey primary key,
    hash         text        not null,
    name         text        not null,
    content_type text        not null,
    width        integer     null,
    height       integer     null,
    size_bytes   bigint      not null,
    alt          text        null,
    decorative   boolean     not null default false,
    caption      text        not null default '',
    credit       text        not null default '',
    created_by   bigint      null constraint media_created_by_fkey references staff (id) on delete set null,
    created_at   timestamptz not null,
    constraint media_hash_is_sha256_hex check (hash ~ '^[0-9a-f]{64}$'),
    constraint media_name_is_plain check (name ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    constraint media_type_known check (content_type in ('image/svg+xml', 'image/png', 'image/jpeg', 'image/webp', 'image/avif', 'image/gif')),
    constraint media_size_positive check (size_bytes > 0 and width > 0 and height > 0),
    constraint media_decorative_has_no_alt check (not decorative or alt is null)
);
comment on table media is 'Files of articles, kept once by content; the bytes are in the media store under their hash.';
comment on column media.alt is 'Description for people who cannot see it; null with decorative false means: not decided yet.';
create unique index media_hash_idx on media (hash);
create index media_created_by_idx on media (created_by) where created_by is not null;

create table reference_records (
    id               bigint      generated always as identity constraint reference_records_pkey primary key,
    key              text        not null,
    csl              jsonb       not null,
    title            text        not null,
    year             integer     null,
    doi              text        null,
    pmid             text        null,
    pmcid            text        null,
    isbn             text        null,
    trusted          boolean     not null default false,
    retraction       text        not null default 'none',
    retraction_year  integer     null,
    retraction_note  text        not null default '',
    version          integer     not null default 1,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    constraint reference_records_key_is_a_key check (key ~ '^[A-Za-z0-9][A-Za-z0-9_:./+-]{0,79}$'),
    constraint reference_records_csl_is_an_object check (jsonb_typeof(csl) = 'object'),
    constraint reference_records_retraction_known check (retraction in ('none', 'retracted', 'concern', 'corrected')),
    constraint reference_records_doi_is_lower check (doi = lower(doi))
);
comment on table reference_records is 'The library: one record per cited work ("references" is a reserved word of SQL). csl is the CSL-JSON item.';
create unique index reference_records_key_idx on reference_records (key);
create unique index reference_records_doi_idx on reference_records (doi) where doi is not null;
create unique index reference_records_pmid_idx on reference_records (pmid) where pmid is not null;

create table articles (
    id                    bigint      generated always as identity constraint articles_pkey primary key,
    kind                  text        not null default 'article',
    state                 text        not null default 'draft',
    slug                  text        not null,
    published_revision_id bigint      null,
    first_published_at    timestamptz null,
    published_at          timestamptz null,
    updated_at            timestamptz null,
    withdrawn_at          timestamptz null,
    withdrawn_reason      text        not null default '',
    comments_mode         text        not null default 'open',
    comments_closed_at    timestamptz null,
    moderation_mode       text        null,
    comment_count         integer     not null default 0,
    created_by            bigint      null constraint articles_created_by_fkey references staff (id) on delete set null,
    created_at            timestamptz not null,
    constraint articles_kind_known check (kind in ('article', 'page')),
    constraint articles_state_known check (state in ('draft', 'in_review', 'scheduled', 'published', 'withdrawn', 'trash')),
    constraint articles_slug_is_a_slug check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and char_length(slug) <= 120),
    constraint articles_published_has_a_revision check (state <> 'published' or (published_revision_id is not null and published_at is not null and first_published_at is not null and updated_at is not null)),
    constraint articles_withdrawn_has_a_date check ((state = 'withdrawn') = (withdrawn_at is not null)),
    constraint articles_comments_mode_known check (comments_mode in ('open', 'closed', 'off')),
    constraint articles_closed_has_a_date check ((comments_mode = 'closed') = (comments_closed_at is not null)),
    constraint articles_moderation_mode_known check (moderation_mode in ('none', 'newcomers', 'everyone')),
    constraint articles_comment_count_not_negative check (comment_count >= 0)
);
comment on column articles.kind is 'article, or page: house pages such as About, which are in no list or feed.';
comment on column articles.published_revision_id is 'The revision readers see. The working copy is in article_drafts.';
comment on column articles.updated_at is 'When readers last saw a change that was more than cosmetic.';
comment on column articles.comment_count is 'Comments everyone can see; changed only in transactions that change what the public sees, recounted nightly.';
comment on column articles.moderation_mode is 'Who waits on this article; null: as the site says.';
create unique index articles_slug_idx on articles (slug);
create index articles_listing_idx on articles (published_at desc, id desc) where state = 'published' and kind = 'article';
create index articles_state_idx on articles (state, id desc);
create index articles_created_by_idx on articles (created_by) where created_by is not null;
create index articles_published_revision_id_idx on articles (published_revision_id) where published_revision_id is not null;

create table article_drafts (
    article_id       bigint      not null constraint article_drafts_pkey primary key
                                 constraint article_drafts_article_fkey references articles (id) on delete cascade,
    revision         integer     not null default 1,
    base_revision_id bigint      null,
    title            text        not null default '',
    slug             text        not null,
    dek              text        not null default '',
    takeaways        text[]      not null default '{}',
    body             text        not null default '',
    topic_id         bigint      null constraint article_drafts_topic_fkey references topics (id) on delete set null,
    lead_media_id    bigint      null constraint article_drafts_lead_media_fkey references media (id) on delete restrict,
    credits          jsonb       not null default '[]',
    language         text        not null default 'en',
    description      text        not null default '',
    saved_by         bigint      null constraint article_drafts_saved_by_fkey references staff (id) on delete set null,
    saved_at         timestamptz not null,
    constraint article_drafts_title_length check (char_length(title) <= 200),
    constraint article_drafts_dek_length check (char_length(dek) <= 400),
    constraint article_drafts_takeaways_count check (cardinality(takeaways) <= 7),
    constraint article_drafts_body_length check (char_length(body) <= 1000000),
    constraint article_drafts_credits_is_a_list check (jsonb_typeof(credits) = 'array'),
    constraint article_drafts_slug_length check (char_length(slug) <= 120)
);
comment on table article_drafts is 'The working copy: one a article, overwritten by every save.';
comment on column article_drafts.revision is 'Save counter, raised by every save; the form carries the one it was opened with.';
comment on column article_drafts.credits is 'List of {"staff_id": 1, "role": "author"} in order.';
create index article_drafts_topic_id_idx on article_drafts (topic_id) where topic_id is not null;
create index article_drafts_lead_media_id_idx on article_drafts (lead_media_id) where lead_media_id is not null;
create index article_drafts_saved_by_idx on article_drafts (saved_by) where saved_by is not null;

create table revisions (
    id             bigint      generated always as identity constraint revisions_pkey primary key,
    article_id     bigint      not null constraint revisions_article_fkey references articles (id) on delete restrict,
    number         integer     not null,
    cause          text        not null,
    note           text        not null default '',
    title          text        not null,
    slug           text        not null,
    dek            text        not null,
    takeaways      text[]      not null,
    body           text        not null,
    topic_id       bigint      null constraint revisions_topic_fkey references topics (id) on delete restrict,
    lead_media_id  bigint      null constraint revisions_lead_media_fkey references media (id) on delete restrict,
    language       text        not null,
    description    text        not null,
    findings       jsonb       not null default '[]',
    override_reason text       not null default '',
    made_by        bigint      null constraint revisions_made_by_fkey references staff (id) on delete restrict,
    made_at        timestamptz not null,
    constraint revisions_cause_known check (cause in ('save', 'publish', 'schedule', 'restore', 'merge', 'import', 'source')),
    constraint revisions_number_positive check (number > 0),
    constraint revisions_findings_is_a_list check (jsonb_typeof(findings) = 'array')
);
comment on table revisions is 'A whole, immutable snapshot of an article: text, fields, credits, cited records.';
comment on column revisions.made_by is 'Null: made by the system (a cited source changed).';
create unique index revisions_article_number_idx on revisions (article_id, number);
create index revisions_topic_id_idx on revisions (topic_id) where topic_id is not null;
create index revisions_lead_media_id_idx on revisions (lead_media_id) where lead_media_id is not null;
create index revisions_made_by_idx on revisions (made_by) where made_by is not null;
create trigger revisions_are_final before update or delete on revisions
    for each row execute function refuse_change();

alter table articles add constraint articles_published_revision_fkey
    foreign key (published_revision_id) references revisions (id) on delete restrict;
alter table article_drafts add constraint article_drafts_base_revision_fkey
    foreign key (base_revision_id) references revisions (id) on delete restrict;
create index article_drafts_base_revision_id_idx on article_drafts (base_revision_id) where base_revision_id is not null;

create table revision_renderings (
    revision_id      bigint      not null constraint revision_renderings_pkey primary key
                                 constraint revision_renderings_revision_fkey references revisions (id) on delete restrict,
    renderer_version integer     not null,
    html             text        not null,
    outline          jsonb       not null,
    products         jsonb       not null default '[]',
    action           jsonb       null,
    word_count       integer     not null,
    rendered_at      timestamptz not null,
    constraint revision_renderings_word_count_not_negative check (word_count >= 0)
);
comment on table revision_renderings is 'The sanitised HTML of a revision, apart from it so that a new renderer can write it again.';

create table revision_credits (
    revision_id bigint   not null constraint revision_credits_revision_fkey references revisions (id) on delete restrict,
    staff_id    bigint   not null constraint revision_credits_staff_fkey references staff (id) on delete restrict,
    role        text     not null,
    position    smallint not null,
    constraint revision_credits_pkey primary key (revision_id, staff_id, role),
    constraint revision_credits_role_known check (role in ('author', 'reviewer', 'editor', 'contributor'))
);
comment on table revision_credits is 'Authorship: who is credited on a revision, in order.';
create index revision_credits_staff_id_idx on revision_credits (staff_id, role);

create table revision_citations (
    revision_id  bigint  not null constraint revision_citations_revision_fkey references revisions (id) on delete restrict,
    reference_id bigint  not null constraint revision_citations_reference_fkey references reference_records (id) on delete restrict,
    number       integer not null,
    marks        text[]  not null,
    csl          jsonb   not null,
    constraint revision_citations_pkey primary key (revision_id, reference_id),
    constraint revision_citations_number_positive check (number > 0)
);
comment on table revision_citations is 'Citations in use: the numbered reference list of a revision, with the record as it was cited.';
comment on column revision_citations.marks is 'Ids of the marks in the text, in order: the targets of the back links.';
create unique index revision_citations_number_idx on revision_citations (revision_id, number);
create index revision_citations_reference_id_idx on revision_citations (reference_id);

create table revision_media (
    revision_id bigint not null constraint revision_media_revision_fkey references revisions (id) on delete restrict,
    media_id    bigint not null constraint revision_media_media_fkey references media (id) on delete restrict,
    constraint revision_media_pkey primary key (revision_id, media_id)
);
create index revision_media_media_id_idx on revision_media (media_id);

create table article_headings (
    article_id bigint  not null constraint article_headings_article_fkey references articles (id) on delete cascade,
    anchor     text    not null,
    text       text    not null,
    alias_of   text    null,
    constraint article_headings_pkey primary key (article_id, anchor)
);
comment on table article_headings is 'Anchors given to headings, kept over edits; a renamed heading keeps its old anchor as an alias.';

create table corrections (
    id           bigint      generated always as identity constraint corrections_pkey primary key,
    article_id   bigint      not null constraint corrections_article_fkey references articles (id) on delete restrict,
    revision_id  bigint      not null constraint corrections_revision_fkey references revisions (id) on delete restrict,
    class        text        not null,
    text         text        not null,
    made_by      bigint      null constraint corrections_made_by_fkey references staff (id) on delete set null,
    published_at timestamptz not null,
    constraint corrections_class_known check (class in ('correction', 'update', 'clarification')),
    constraint corrections_text_length check (char_length(text) between 1 and 2000)
);
create index corrections_article_id_idx on corrections (article_id, published_at desc);
create index corrections_revision_id_idx on corrections (revision_id);
create index corrections_made_by_idx on corrections (made_by) where made_by is not null;

create table redirects (
    id         bigint      generated always as identity constraint redirects_pkey primary key,
    path       text        not null,
    article_id bigint      null constraint redirects_article_fkey references articles (id) on delete cascade,
    target     text        null,
    created_by bigint      null constraint redirects_created_by_fkey references staff (id) on delete set null,
    created_at timestamptz not null,
    constraint redirects_one_target check ((article_id is null) <> (target is null)),
    constraint redirects_path_is_a_path check (path ~ '^/' and char_length(path) <= 2000),
    constraint redirects_target_is_our_path check (target ~ '^/([^/]|$)')
);
comment on table redirects is 'Old whole paths: to an article by id (an address it had before) or to a path of this site; never elsewhere.';
create unique index redirects_path_idx on redirects (path);
create index redirects_article_id_idx on redirects (article_id) where article_id is not null;
create index redirects_created_by_idx on redirects (created_by) where created_by is not null;
