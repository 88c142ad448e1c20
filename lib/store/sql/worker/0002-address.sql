-- The address under which an assignment came: its reports name it, also after this host has got another one.
ALTER TABLE assignment ADD COLUMN address TEXT;
