-- Run by the owner of the database, after `vlens-batch register init`. The role sees no table: it may call the register's functions.
CREATE ROLE vlens_sender NOLOGIN;
GRANT USAGE ON SCHEMA vlens_batch TO vlens_sender;

-- One for each person; set its password with \password mona
CREATE ROLE mona LOGIN CONNECTION LIMIT 4 IN ROLE vlens_sender;
CREATE ROLE omar LOGIN CONNECTION LIMIT 4 IN ROLE vlens_sender;
