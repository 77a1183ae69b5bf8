-- Destroys data; for tests and for taking back a failed first start.
set local lock_timeout = '5s';
drop table audit_seals;
drop table audit_evidence;
drop table audit_entries;
drop table address_confirmations;
drop table reader_browsers;
drop table readers;
drop table addresses;
drop table sign_in_failures;
drop table staff_links;
drop table staff_sessions;
drop table staff_devices;
drop table staff;
