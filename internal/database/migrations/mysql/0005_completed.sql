CREATE TABLE IF NOT EXISTS shoal_completed (
	hash      BINARY(20) NOT NULL PRIMARY KEY,
	completed BIGINT     NOT NULL
) ENGINE = InnoDB
