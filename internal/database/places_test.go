package database

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
)

// A place is a database that the suite runs on.
type place struct {
	name  string
	fresh func(t *testing.T) Config // a database of its own, empty, that is dropped at the end
	away  func(t *testing.T, c Config) (through Config, wall wall)
}

// A wall stands between a Database and its data.
type wall interface {
	shut()
	open()
	// muffle lets the next n commits through and their answers not. It reports
	// whether that can be.
	muffle(n int) bool
	muffled() int // that are still to come
}

// places returns SQLite and, where the environment names them, servers on which
// the suite may make and drop databases.
func places(t *testing.T) []place {
	all := []place{{"sqlite", freshSQLite, lockSQLite}}
	if dsn := os.Getenv("SHOAL_TEST_MYSQL_DSN"); dsn != "" {
		all = append(all, place{"mysql", func(t *testing.T) Config { return freshMySQL(t, dsn) }, relayMySQL})
	}
	if dsn := os.Getenv("SHOAL_TEST_POSTGRES_DSN"); dsn != "" {
		all = append(all, place{"postgres", func(t *testing.T) Config { return freshPostgres(t, dsn) }, relayPostgres})
	}
	return all
}

func open(t *testing.T, c Config) *Database {
	t.Helper()
	d, err := Open(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func freshSQLite(t *testing.T) Config {
	return Config{"sqlite", filepath.Join(t.TempDir(), "50% odd # name.db")}
}

func freshName() string {
	var b [8]byte
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return "shoal_test_" + hex.EncodeToString(b[:])
}

// around runs one statement now and one at the end of the test.
func around(t *testing.T, driver, dsn, before, after string) {
	t.Helper()
	admin, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(after); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
}

func freshMySQL(t *testing.T, dsn string) Config {
	t.Helper()
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c.DBName = freshName()
	around(t, "mysql", dsn, "CREATE DATABASE "+c.DBName, "DROP DATABASE "+c.DBName)
	return Config{"mysql", c.FormatDSN()}
}

func freshPostgres(t *testing.T, dsn string) Config {
	t.Helper()
	name := freshName()
	around(t, "pgx", dsn, "CREATE SCHEMA "+name, "DROP SCHEMA "+name+" CASCADE")
	return Config{"postgres", withSettings(t, dsn, "search_path", name)}
}

// withSettings adds settings to a DSN of PostgreSQL, in either form.
func withSettings(t *testing.T, dsn string, settings ...string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		for i := 0; i < len(settings); i += 2 {
			dsn += fmt.Sprintf(" %s='%s'", settings[i], settings[i+1])
		}
		return dsn
	}
	query := u.Query()
	for i := 0; i < len(settings); i += 2 {
		query.Set(settings[i], settings[i+1])
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// A sqliteLock is another process that does not let go of the file.
type sqliteLock struct {
	t    *testing.T
	file *sql.DB
	conn *sql.Conn
}

func lockSQLite(t *testing.T, c Config) (Config, wall) {
	t.Helper()
	file, err := openSQLiteFile(c.DSN, "_txlock=immediate", 1)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := file.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		file.Close()
	})
	return c, &sqliteLock{t, file, conn}
}

func (l *sqliteLock) run(text string) {
	if _, err := l.conn.ExecContext(context.Background(), text); err != nil {
		l.t.Error(err)
	}
}

func (l *sqliteLock) shut()           { l.run("BEGIN IMMEDIATE") }
func (l *sqliteLock) open()           { l.run("ROLLBACK") }
func (l *sqliteLock) muffle(int) bool { return false }
func (l *sqliteLock) muffled() int    { return 0 }

func relayMySQL(t *testing.T, c Config) (Config, wall) {
	t.Helper()
	parsed, err := mysql.ParseDSN(c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(t, parsed.Net, parsed.Addr)
	parsed.Net, parsed.Addr = "tcp", r.address()
	return Config{"mysql", parsed.FormatDSN()}, r
}

func relayPostgres(t *testing.T, c Config) (Config, wall) {
	t.Helper()
	parsed, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(int(parsed.Port))
	network, address := "tcp", net.JoinHostPort(parsed.Host, port)
	if strings.HasPrefix(parsed.Host, "/") {
		network, address = "unix", parsed.Host+"/.s.PGSQL."+port
	}
	r := newRelay(t, network, address)
	host, port, err := net.SplitHostPort(r.address())
	if err != nil {
		t.Fatal(err)
	}
	return Config{"postgres", withSettings(t, c.DSN, "host", host, "port", port, "sslmode", "disable")}, r
}

// TestPingOfABrokenFile: a file that is there is no database yet.
func TestPingOfABrokenFile(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(t.Context(), DefaultConfig(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{SQLiteFile, SQLiteFile + "-wal"} {
		noise := make([]byte, 1<<16)
		for i := range noise {
			noise[i] = byte(i * 7)
		}
		if err := os.WriteFile(filepath.Join(dir, name), noise, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Ping(t.Context()); err == nil {
		t.Error("a database whose file was overwritten answers")
	}
}

// TestFileIsRemoved: what is written to a file that nobody will find again is not
// kept, and nobody is told that it is.
func TestFileIsRemoved(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(t.Context(), DefaultConfig(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	name := filepath.Join(dir, SQLiteFile)
	if err := os.Rename(name, name+".old"); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"removed", "replaced"} {
		if err := d.Ping(t.Context()); err == nil {
			t.Errorf("a file that was %s answers", what)
		}
		if err := d.AddKeys(t.Context(), "test", Key{Key: "0123456789abcdef"}); err == nil {
			t.Errorf("a key is kept in a file that was %s", what)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(name+".old", name); err != nil {
		t.Fatal(err)
	}
	if err := d.AddKeys(t.Context(), "test", Key{Key: "0123456789abcdef"}); err != nil {
		t.Errorf("the file is back: %v", err)
	}
}
