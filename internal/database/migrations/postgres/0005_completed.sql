CREATE TABLE IF NOT EXISTS shoal_completed (
	hash      bytea  NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 20),
	completed bigint NOT NULL
)
