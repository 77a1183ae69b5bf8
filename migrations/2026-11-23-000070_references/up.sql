-- The library as records: the same work found by title and year, what people edited, kinds of evidence.
-- Safe under traffic: columns with constant defaults; the backfill and the index are over the library, tens of thousands of rows at the most.
set local lock_timeout = '5s';

alter table reference_records
    add column title_digest  bytea  null,
    add column edited_fields text[] not null default '{}',
    add column evidence      text   not null default 'none',
    add constraint reference_records_evidence_known check (evidence in (
        'none', 'guideline', 'meta_analysis', 'systematic_review', 'rct', 'trial', 'cohort', 'case_control',
        'cross_sectional', 'case_report', 'review', 'opinion', 'animal', 'in_vitro'));
comment on column reference_records.title_digest is 'Digest of year and folded title, null where either says too little: finds the same work without an identifier.';
comment on column reference_records.edited_fields is 'Names of CSL-JSON fields a person wrote: an import leaves them alone.';
comment on column reference_records.evidence is 'What kind of study the work is.';
update reference_records
   set title_digest = substring(sha256(convert_to(
           year || ':' || lower(regexp_replace(title, '[^[:alnum:]]', '', 'g')), 'UTF8')) from 1 for 16)
 where year is not null and length(regexp_replace(title, '[^[:alnum:]]', '', 'g')) >= 16;
create index reference_records_title_digest_idx on reference_records (title_digest) where title_digest is not null;
