-- Takes back what 000070 added.
alter table reference_records drop column evidence, drop column edited_fields, drop column title_digest;
