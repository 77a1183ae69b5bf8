-- Takes tags and series away.
set local lock_timeout = '5s';

create or replace function search_put_article(id bigint) returns void language plpgsql as $$
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
comment on column article_search.near is 'Title, address, dek and headings: what "Did you mean" looks at.';

alter table article_drafts
    drop column tags,
    drop column series,
    drop column series_part;
drop table revision_terms;
drop table terms;
