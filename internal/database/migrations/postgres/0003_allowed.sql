CREATE TABLE IF NOT EXISTS shoal_allowed (
	hash    bytea  NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 20),
	created bigint NOT NULL
)
