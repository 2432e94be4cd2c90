CREATE TABLE IF NOT EXISTS shoal_writers (
	writer   text   COLLATE "C" NOT NULL PRIMARY KEY,
	sequence bigint NOT NULL,
	written  bigint NOT NULL
)
