-- The transaction that wrote an entry and its rows. A place is taken again once PostgreSQL has pruned the
-- version that lay there, even by a later version of the same row with the same value; only a version that
-- this transaction wrote is the one that the entry is about. Entries of before are undone by key.

ALTER TABLE amend.journal ADD COLUMN written_by xid;
