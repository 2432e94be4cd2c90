CREATE TABLE IF NOT EXISTS shoal_keys (
	passkey text   COLLATE "C" NOT NULL PRIMARY KEY,
	hash    bytea  NOT NULL UNIQUE CHECK (octet_length(hash) = 16),
	label   text   NOT NULL,
	created bigint NOT NULL,
	expires bigint NOT NULL
)
