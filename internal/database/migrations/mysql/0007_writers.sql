CREATE TABLE IF NOT EXISTS shoal_writers (
	writer   VARBINARY(64) NOT NULL PRIMARY KEY,
	sequence BIGINT        NOT NULL,
	written  BIGINT        NOT NULL
) ENGINE = InnoDB
