CREATE TABLE IF NOT EXISTS shoal_accounts (
	hash       BINARY(16) NOT NULL PRIMARY KEY,
	uploaded   BIGINT     NOT NULL,
	downloaded BIGINT     NOT NULL,
	FOREIGN KEY (hash) REFERENCES shoal_keys (hash) ON DELETE CASCADE
) ENGINE = InnoDB
