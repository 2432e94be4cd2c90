CREATE TABLE IF NOT EXISTS shoal_completed (
	hash      BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 20),
	completed INTEGER NOT NULL
) STRICT, WITHOUT ROWID
