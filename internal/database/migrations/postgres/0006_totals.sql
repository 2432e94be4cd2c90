CREATE TABLE IF NOT EXISTS shoal_totals (
	name  text   COLLATE "C" NOT NULL PRIMARY KEY,
	value bigint NOT NULL
)
