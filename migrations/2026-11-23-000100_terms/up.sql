-- Terms: tags and series of articles, as part of the version that carries them, and what search knows of tags.
-- Safe under traffic: new tables, columns with a constant default, one function exchanged.
set local lock_timeout = '5s';

create table terms (
    id         bigint      generated always as identity constraint terms_pkey primary key,
    kind       text        not null,
    slug       text        not null,
    name       text        not null,
    folded     text        not null,
    created_at timestamptz not null,
    constraint terms_kind_known check (kind in ('tag', 'series')),
    constraint terms_slug_is_a_slug check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and char_length(slug) <= 120),
    constraint terms_name_length check (char_length(name) between 1 and 120),
    constraint terms_id_kind_key unique (id, kind)
);
comment on table terms is 'Tags and series by name. Made by the first version that carries one; never by a working copy.';
comment on column terms.folded is 'The name as words in small letters without accents: the same for names a reader takes for one.';
create unique index terms_slug_idx on terms (kind, slug);
create unique index terms_folded_idx on terms (kind, folded);

create table revision_terms (
    revision_id bigint  not null constraint revision_terms_revision_fkey references revisions (id) on delete restrict,
    term_id     bigint  not null,
    kind        text    not null,
    position    integer not null,
    constraint revision_terms_pkey primary key (revision_id, term_id),
    constraint revision_terms_term_fkey foreign key (term_id, kind) references terms (id, kind) on delete restrict,
    constraint revision_terms_position_positive check (position > 0)
);
comment on table revision_terms is 'Tags of a revision in order, and the series it is a part of.';
comment on column revision_terms.position is 'Of a tag: its place among the tags. Of a series: the number of the part.';
create index revision_terms_term_id_idx on revision_terms (term_id, kind);
create unique index revision_terms_series_idx on revision_terms (revision_id) where kind = 'series';

alter table article_drafts
    add column tags        text[]  not null default '{}',
    add column series      text    not null default '',
    add column series_part integer null,
    add constraint article_drafts_tags_count check (cardinality(tags) <= 12),
    add constraint article_drafts_series_length check (char_length(series) <= 120),
    add constraint article_drafts_series_part_positive check (series_part > 0),
    add constraint article_drafts_series_has_a_part check ((series = '') = (series_part is null));

create or replace function search_put_article(id bigint) returns void language plpgsql as $$
declare
    config constant regconfig := search_site_config();
begin
    insert into article_search (article_id, config, title, body, near, vector)
    select a.id, config::text, r.title, t.body,
           concat_ws(' ', r.title, replace(a.slug, '-', ' '), r.dek,
                     (select string_agg(heading ->> 'text', ' ') from jsonb_array_elements(h.outline) as heading), n.names),
           search_vector(config, r.title, concat_ws(' ', r.dek, array_to_string(r.takeaways, ' '), n.names), t.body)
      from articles a
      join revisions r on r.id = a.published_revision_id
      join revision_renderings h on h.revision_id = r.id
     cross join lateral (select left(search_plain(left(h.html, 2000000)), 200000) as body) t
     cross join lateral (select string_agg(terms.name, ' ' order by p.kind, p.position) as names
                           from revision_terms p join terms on terms.id = p.term_id where p.revision_id = r.id) n
     where a.id = search_put_article.id and a.state = 'published'
        on conflict (article_id) do update
       set config = excluded.config, title = excluded.title, body = excluded.body, near = excluded.near, vector = excluded.vector;
    if not found then
        delete from article_search s where s.article_id = search_put_article.id;
    end if;
end
$$;
comment on column article_search.near is 'Title, address, dek, headings, tags and series: what "Did you mean" looks at.';
