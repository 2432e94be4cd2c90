package database

// Config is the [database] section.
type Config struct {
	// Where keys, lists and counts are kept: sqlite, mysql (MariaDB too),
	// postgres, or none, for a tracker without memory.
	Driver string `toml:"driver"`

	// How to reach it. sqlite: a file; "" is shoal.db in data_dir. mysql:
	// "shoal:PASSWORD@tcp(127.0.0.1:3306)/shoal". postgres:
	// "postgres://shoal:PASSWORD@127.0.0.1:5432/shoal". It is never logged.
	DSN string `toml:"dsn"`
}

// DefaultConfig returns the defaults: SQLite, in data_dir.
func DefaultConfig() Config { return Config{Driver: "sqlite"} }

// What a DSN looks like.
const (
	sqliteDSN   = `a file, such as "/var/lib/shoal/shoal.db", or "" for shoal.db in data_dir`
	mysqlDSN    = `such as "shoal:PASSWORD@tcp(127.0.0.1:3306)/shoal", with the name of a database behind the slash`
	postgresDSN = `such as "postgres://shoal:PASSWORD@127.0.0.1:5432/shoal" or "host=127.0.0.1 user=shoal password=PASSWORD dbname=shoal"`

	postgresEscaped = "a URL with one @ at most, in front of the host: in a user or password, escape / as %2F, ? as %3F, # as %23 and @ as %40"
)

// hidden stands where a DSN would.
const hidden = "(not shown)"

// Validate reports every value that is out of range. Values of dsn, which hold
// passwords, are not among what it reports.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	dsn := hidden
	if c.DSN == "" {
		dsn = ""
	}
	switch c.Driver {
	case "sqlite":
		if !isFileName(c.DSN) {
			report("dsn", dsn, sqliteDSN)
		}
	case "mysql":
		if parseMySQL(c.DSN) == nil {
			report("dsn", dsn, mysqlDSN)
		}
	case "postgres":
		if allowed := refusedPostgres(c.DSN); allowed != "" { // the rest can hang on files, which are looked at by Open
			report("dsn", dsn, allowed)
		}
	case "none":
		if c.DSN != "" {
			report("dsn", dsn, `left out, as long as driver is "none"`)
		}
	default:
		report("driver", c.Driver, "sqlite, mysql, postgres or none")
	}
}
