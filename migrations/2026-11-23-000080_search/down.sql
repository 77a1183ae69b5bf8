-- Takes search away, with the extensions it brought; those that were there before stay.
set local lock_timeout = '5s';
drop trigger comments_are_searched on comments;
drop trigger comments_new_are_searched on comments;
drop trigger articles_are_searched on articles;
drop function comment_search_follows();
drop function article_search_follows();
drop function search_mend(integer);
drop function search_put_comment(bigint);
drop function search_put_article(bigint);
drop function search_near(text, integer);
drop function search_prepare();
drop function search_site_config();
drop function search_config(text);
drop function search_vector(regconfig, text, text, text);
drop table comment_search;
drop table article_search;
drop function search_plain(text);
drop index comments_answers_idx;
do $$
declare
    made record;
begin
    for made in select cfgname from pg_ts_config where cfgname like 'stet\_%' loop
        execute format('drop text search configuration %I', made.cfgname);
    end loop;
end
$$;
drop schema if exists stet_extensions cascade;
