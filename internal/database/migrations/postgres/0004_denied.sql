CREATE TABLE IF NOT EXISTS shoal_denied (
	hash    bytea  NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 20),
	reason  text   NOT NULL,
	created bigint NOT NULL,
	expires bigint NOT NULL
)
