CREATE TABLE IF NOT EXISTS shoal_accounts (
	hash       bytea  NOT NULL PRIMARY KEY REFERENCES shoal_keys (hash) ON DELETE CASCADE,
	uploaded   bigint NOT NULL,
	downloaded bigint NOT NULL
)
