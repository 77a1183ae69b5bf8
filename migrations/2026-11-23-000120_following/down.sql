-- Takes digests and bounces away; who wanted a digest gets each mail again. Safe under traffic of the release before.
set local lock_timeout = '5s';

drop table digest_items;
alter table addresses
    drop constraint addresses_mail_frequency_known,
    drop constraint addresses_bounce_has_code,
    drop column mail_frequency,
    drop column bounced_at,
    drop column bounce_code;
comment on column addresses.mail_stopped_at is 'Every mail to this address was stopped by its owner, or bounced for good.';
