-- How a run walked and what that did to the files. Columns as in the domain, as JSON.

ALTER TABLE amend_run ADD COLUMN walk TEXT;
ALTER TABLE amend_run ADD COLUMN effect TEXT;
ALTER TABLE amend_run ADD COLUMN footprint TEXT;
