-- Search: what readers can find, kept apart from the texts so that nothing held, withdrawn or unpublished is in it.
-- Safe under traffic: new tables are filled first and the triggers come last, so that writers wait for an instant only;
-- what is published in between is put in by the nightly mending.
set local lock_timeout = '5s';

create table article_search (
    article_id bigint   not null constraint article_search_pkey primary key
                        constraint article_search_article_fkey references articles (id) on delete cascade,
    config     text     not null,
    title      text     not null,
    body       text     not null,
    near       text     not null,
    vector     tsvector not null
);
comment on table article_search is 'Published articles and house pages as the search knows them; written by search_put_article alone.';
comment on column article_search.config is 'Text search configuration the row was made with; another one than the site''s language asks for is mended at night.';
comment on column article_search.body is 'The text as readers see it, without marks of citations, at most 200,000 characters.';
comment on column article_search.near is 'Title, address, dek and headings: what "Did you mean" looks at.';
create index article_search_vector_idx on article_search using gin (vector);

create table comment_search (
    comment_id bigint   not null constraint comment_search_pkey primary key
                        constraint comment_search_comment_fkey references comments (id) on delete cascade,
    article_id bigint   not null constraint comment_search_article_fkey references articles (id) on delete cascade,
    config     text     not null,
    body       text     not null,
    vector     tsvector not null
);
comment on table comment_search is 'Approved comments as the search knows them; written by trigger alone.';
create index comment_search_vector_idx on comment_search using gin (vector);
create index comment_search_article_id_idx on comment_search (article_id);

-- What people on the team answered this week, for the front page: never the whole of a busy site's comments.
create index comments_answers_idx on comments (created_at desc, id desc) where staff_id is not null and status = 'approved';

-- The text of HTML that our sanitiser wrote: blocks are divided, marks of citations left out, the five entities read.
-- Three patterns and not one with |: PostgreSQL takes the longest match of an alternation, whatever its parts ask for.
create function search_plain(html text) returns text language sql immutable strict parallel safe as $$
    select replace(replace(replace(replace(replace(replace(
               regexp_replace(
                   regexp_replace(
                       regexp_replace(regexp_replace(regexp_replace(replace(html, U&'\2060', ''),
                           '<span class="cite.*?</span>', '', 'g'), '<sup class="note-mark.*?</sup>', '', 'g'), '<caption.*?</caption>', '', 'g'),
                       '</?(p|li|h[1-6]|t[dhr]|div|section|aside|blockquote|figcaption|figure|br|table|[uod]l|d[td]|pre|details|summary)(\s[^>]*)?/?>', ' ', 'g'),
                   '<[^>]*>', '', 'g'),
               '&nbsp;', ' '), '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&amp;', '&')
$$;

-- A tsvector holds one megabyte: a text that does not fit is found by its beginning.
create function search_vector(config regconfig, title text, lead text, body text) returns tsvector language plpgsql immutable as $$
begin
    return setweight(to_tsvector(config, title), 'A') || setweight(to_tsvector(config, lead), 'B')
        || to_tsvector(config, body);
exception when program_limit_exceeded then
    return setweight(to_tsvector(config, left(title, 200)), 'A') || setweight(to_tsvector(config, left(lead, 2000)), 'B')
        || to_tsvector(config, left(body, 40000));
end
$$;

-- The configuration of a language (BCP 47): its stemmer after unaccent; words as they are for languages without one.
-- Called immutable, as the configurations are made once: a query is then read once, not for every row it is compared with.
create function search_config(language text) returns regconfig language plpgsql immutable as $$
begin
    return case lower(split_part(language, '-', 1))
        when 'ar' then 'stet_arabic'::regconfig
        when 'hy' then 'stet_armenian'::regconfig
        when 'eu' then 'stet_basque'::regconfig
        when 'ca' then 'stet_catalan'::regconfig
        when 'da' then 'stet_danish'::regconfig
        when 'nl' then 'stet_dutch'::regconfig
        when 'en' then 'stet_english'::regconfig
        when 'fi' then 'stet_finnish'::regconfig
        when 'fr' then 'stet_french'::regconfig
        when 'de' then 'stet_german'::regconfig
        when 'el' then 'stet_greek'::regconfig
        when 'hi' then 'stet_hindi'::regconfig
        when 'hu' then 'stet_hungarian'::regconfig
        when 'id' then 'stet_indonesian'::regconfig
        when 'ga' then 'stet_irish'::regconfig
        when 'it' then 'stet_italian'::regconfig
        when 'lt' then 'stet_lithuanian'::regconfig
        when 'ne' then 'stet_nepali'::regconfig
        when 'nb' then 'stet_norwegian'::regconfig
        when 'nn' then 'stet_norwegian'::regconfig
        when 'no' then 'stet_norwegian'::regconfig
        when 'pt' then 'stet_portuguese'::regconfig
        when 'ro' then 'stet_romanian'::regconfig
        when 'ru' then 'stet_russian'::regconfig
        when 'sr' then 'stet_serbian'::regconfig
        when 'es' then 'stet_spanish'::regconfig
        when 'sv' then 'stet_swedish'::regconfig
        when 'ta' then 'stet_tamil'::regconfig
        when 'tr' then 'stet_turkish'::regconfig
        when 'yi' then 'stet_yiddish'::regconfig
        else 'stet_simple'::regconfig
    end;
end
$$;

create function search_site_config() returns regconfig language plpgsql stable as $$
begin
    return search_config(coalesce((select value ->> 'language' from settings where key = 'site'), 'en'));
end
$$;

-- Makes what search needs beyond the tables: the extensions where the server has them and lets us, a configuration for
-- each language, help with typing mistakes. May be called again: after an extension was installed it makes the rest.
create function search_prepare() returns void language plpgsql as $prepare$
declare
    extension text;
    home text;
    known record;
begin
    foreach extension in array array['unaccent', 'pg_trgm'] loop
        if not exists (select from pg_extension where extname = extension) then
            begin
                create schema if not exists stet_extensions;
                grant usage on schema stet_extensions to public;
                execute format('create extension %I schema stet_extensions', extension);
            exception when others then
                raise warning 'search works without the extension %: %', extension, sqlerrm;
            end;
        end if;
    end loop;

    select n.nspname into home from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'unaccent';
    for known in
        select c.cfgname as name from pg_ts_config c where c.cfgnamespace = 'pg_catalog'::regnamespace
    loop
        if not exists (select from pg_ts_config where cfgname = 'stet_' || known.name) then
            execute format('create text search configuration %I (copy = pg_catalog.%I)', 'stet_' || known.name, known.name);
        end if;
        if home is not null then
            execute format(
                'alter text search configuration %I alter mapping for hword, hword_part, word with %I.unaccent, %s',
                'stet_' || known.name, home, case known.name when 'simple' then 'simple' else known.name || '_stem' end);
        end if;
    end loop;

    select n.nspname into home from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
    if home is null then
        create or replace function search_near(wanted text, at_most integer)
            returns table (article_id bigint, closeness real) language sql stable as $near$
                select 0::bigint, 0::real where false
            $near$;
    else
        execute format('create index if not exists article_search_near_idx on article_search using gist (near %I.gist_trgm_ops)', home);
        execute format($create$
            create or replace function search_near(wanted text, at_most integer)
                returns table (article_id bigint, closeness real) language sql stable as $near$
                    select s.article_id, 1 - (wanted operator(%1$I.<<->) s.near)
                      from article_search s order by wanted operator(%1$I.<<->) s.near limit at_most
                $near$
            $create$, home);
    end if;
    -- What was put in with fewer helps is put in again by the nightly mending.
    update article_search set config = '';
    update comment_search set config = '';
end
$prepare$;
comment on function search_prepare() is 'Call again as the owner of the tables after installing unaccent or pg_trgm.';
select search_prepare();

create function search_put_article(id bigint) returns void language plpgsql as $$
declare
    config constant regconfig := search_site_config();
begin
    insert into article_search (article_id, config, title, body, near, vector)
    select a.id, config::text, r.title, t.body,
           concat_ws(' ', r.title, replace(a.slug, '-', ' '), r.dek,
                     (select string_agg(heading ->> 'text', ' ') from jsonb_array_elements(h.outline) as heading)),
           search_vector(config, r.title, concat_ws(' ', r.dek, array_to_string(r.takeaways, ' ')), t.body)
      from articles a
      join revisions r on r.id = a.published_revision_id
      join revision_renderings h on h.revision_id = r.id
     cross join lateral (select left(search_plain(left(h.html, 2000000)), 200000) as body) t
     where a.id = search_put_article.id and a.state = 'published'
        on conflict (article_id) do update
       set config = excluded.config, title = excluded.title, body = excluded.body, near = excluded.near, vector = excluded.vector;
    if not found then
        delete from article_search s where s.article_id = search_put_article.id;
    end if;
end
$$;

create function search_put_comment(wanted bigint) returns void language plpgsql as $$
declare
    config constant regconfig := search_site_config();
begin
    insert into comment_search (comment_id, article_id, config, body, vector)
    select c.id, c.article_id, config::text, t.body, to_tsvector(config, t.body)
      from comments c
     cross join lateral (select search_plain(c.html) as body) t
     where c.id = wanted and c.status = 'approved'
        on conflict (comment_id) do update set config = excluded.config, body = excluded.body, vector = excluded.vector;
    if not found then
        delete from comment_search s where s.comment_id = wanted;
    end if;
end
$$;

-- What the triggers missed, and what was made for another language: at most so many, answers how many.
create function search_mend(at_most integer) returns bigint language sql as $$
    with site as (select search_site_config()::text as config),
    articles_wrong as (
        select coalesce(a.id, s.article_id) as id
          from (select id from articles where state = 'published') a
          full join article_search s on s.article_id = a.id
         where s.article_id is null or a.id is null or s.config <> (select config from site)
         limit at_most),
    comments_wrong as (
        select coalesce(c.id, s.comment_id) as id
          from (select id from comments where status = 'approved') c
          full join comment_search s on s.comment_id = c.id
         where s.comment_id is null or c.id is null or s.config <> (select config from site)
         limit at_most)
    select (select count(search_put_article(id)::text) from articles_wrong)
         + (select count(search_put_comment(id)::text) from comments_wrong)
$$;

select search_put_article(id) from articles where state = 'published';
select search_put_comment(id) from comments where status = 'approved';

-- Last in its transaction: the version's rendering is written before or after the article, as its verb likes.
create function article_search_follows() returns trigger language plpgsql as $$
begin
    perform search_put_article(new.id);
    return null;
end
$$;
create constraint trigger articles_are_searched after insert or update of state, published_revision_id, slug on articles
    deferrable initially deferred for each row
    when (new.published_revision_id is not null) execute function article_search_follows();

create function comment_search_follows() returns trigger language plpgsql as $$
begin
    perform search_put_comment(new.id);
    return null;
end
$$;
create trigger comments_new_are_searched after insert on comments
    for each row when (new.status = 'approved') execute function comment_search_follows();
create trigger comments_are_searched after update of status, html on comments
    for each row when ((old.status = 'approved' or new.status = 'approved')
                       and (old.status, old.html) is distinct from (new.status, new.html))
    execute function comment_search_follows();
