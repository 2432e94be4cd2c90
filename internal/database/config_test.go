package database

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
)

func TestConfig(t *testing.T) {
	const secret = "sEcReT"
	tests := []struct {
		config Config
		want   string // key and part of what is allowed; "" where all is fine
	}{
		{DefaultConfig(), ""},
		{Config{"sqlite", "/var/lib/shoal/a.db"}, ""},
		{Config{"sqlite", ":memory:"}, "dsn: a file"},
		{Config{"sqlite", "file:a.db?_pragma=synchronous(OFF)&p=" + secret}, "dsn: a file"},
		{Config{"sqlite", "a.db?_sync=OFF"}, "dsn: a file"},
		{Config{"mysql", "shoal:" + secret + "@tcp(127.0.0.1:3306)/shoal"}, ""},
		{Config{"mysql", "shoal:" + secret + "@unix(/run/mysqld/mysqld.sock)/shoal"}, ""},
		{Config{"mysql", ""}, "dsn: such as"},
		{Config{"mysql", "shoal:" + secret + "@tcp(127.0.0.1:3306)/"}, "name of a database"},
		{Config{"mysql", "shoal:" + secret + "@127.0.0.1:3306/shoal"}, "dsn: such as"},
		{Config{"mysql", "mysql://shoal:" + secret + "@127.0.0.1:3306/shoal"}, "dsn: such as"},
		{Config{"mysql", "shoal:" + secret + "@tcp(127.0.0.1:3306)/shoal?timeout=" + secret}, "dsn: such as"},
		{Config{"postgres", "postgres://shoal:" + secret + "@127.0.0.1/shoal"}, ""},
		{Config{"postgres", ""}, "dsn: such as"},
		{Config{"postgres", "postgresql://shoal:a%2F" + secret + "%40@127.0.0.1,[::1]:5432/shoal?application_name=a%40b"}, ""},
		{Config{"postgres", "postgres:///shoal?host=/run/postgresql"}, ""},
		{Config{"postgres", "host=127.0.0.1 user=shoal@a password=://@/@" + secret}, ""},
		{Config{"postgres", "postgres://shoal:123/456" + secret + "@127.0.0.1/shoal"}, "escape / as %2F"},
		{Config{"postgres", "postgres://shoal:a@b@127.0.0.1/" + secret}, "@ as %40"},
		{Config{"postgres", "postgre://shoal:" + secret + "@127.0.0.1/shoal?sslmode=disable"}, "dsn: such as"},
		{Config{"none", ""}, ""},
		{Config{"none", "postgres://shoal:" + secret + "@127.0.0.1/shoal"}, "dsn: left out"},
		{Config{"", ""}, "driver: sqlite, mysql, postgres or none"},
		{Config{"mariadb", secret}, "driver: sqlite, mysql, postgres or none"},
	}
	for _, test := range tests {
		got := ""
		test.config.Validate(func(key string, value any, allowed string) {
			got += fmt.Sprintf("%s: %s", key, allowed)
			if strings.Contains(fmt.Sprint(value, allowed), secret) {
				t.Errorf("%v: %v is shown", test.config, value)
			}
		})
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%v: %q, want %q", test.config, got, test.want)
		}
	}
}

// TestOpenRefuses has what no other try cures, and shows no password.
func TestOpenRefuses(t *testing.T) {
	const secret = "sEcReT"
	tests := []Config{
		{"none", ""},
		{"oracle", secret},
		{"sqlite", "file:x?p=" + secret},
		{"mysql", ""},
		{"mysql", secret},
		{"mysql", "shoal:" + secret + "@tcp(127.0.0.1:1)"},
		{"mysql", "shoal:" + secret + "@tcp(127.0.0.1:1)/shoal?timeout=" + secret},
		{"mysql", "shoal:" + secret + "@tcp(127.0.0.1:1)/shoal?tls=" + secret},
		{"mysql", "shoal:a/b" + secret + "@carrier(" + secret + ")/shoal"},
		{"postgres", ""},
		{"postgres", "postgres://shoal:" + secret + "@127.0.0.1:x/shoal"},
		{"postgres", "postgres://shoal:%zz" + secret + "@127.0.0.1/shoal"},
		{"postgres", "host=127.0.0.1 password='" + secret},
		{"postgres", "host=127.0.0.1 password=" + secret + " port=" + secret},
	}
	for _, c := range tests {
		d, err := Open(t.Context(), c, t.TempDir())
		if err == nil {
			d.Close()
			t.Errorf("%v is opened", c)
			continue
		}
		if strings.Contains(err.Error(), secret) || !Lasting(err) {
			t.Errorf("%v: lasting %v, %v", c, Lasting(err), err)
		}
	}
}

// TestOpenUnescaped has passwords that a URL cannot have as they are: no part of
// them is shown.
func TestOpenUnescaped(t *testing.T) {
	for _, c := range []Config{
		{"postgres", "postgres://shoal:123/456sEcReT@127.0.0.1:1/shoal"},
		{"postgres", "postgresql://shoal:123/456sEcReT@127.0.0.1:1/shoal?sslmode=disable"},
		{"postgres", "postgres://shoal:/456sEcReT@127.0.0.1:1/shoal"},
		{"postgres", "postgres://shoal:123?456sEcReT@127.0.0.1:1/shoal"},
		{"postgres", "postgres://shoal:123?456=sEcReT@127.0.0.1:1/shoal"},
		{"postgres", "postgres://shoal:123#456sEcReT@127.0.0.1:1/shoal"},
		{"postgres", "postgres://shoal:123@456sEcReT@127.0.0.1:1/shoal"},
		{"postgres", "postgres://shoal:123@456/sEcReT@127.0.0.1:1/shoal"},
		{"postgres", "postgres://shoal:123@456?sslmode=sEcReT@127.0.0.1:1/shoal"},
		{"postgres", " postgres://shoal:123:456sEcReT@127.0.0.1:1/shoal?sslmode=disable"},
		{"postgres", "POSTGRES://shoal:123:456sEcReT@127.0.0.1:1/shoal?sslmode=disable"},
	} {
		reported := ""
		c.Validate(func(key string, value any, allowed string) { reported += fmt.Sprint(key, " ", value, " ", allowed) })
		d, err := Open(t.Context(), c, "")
		if err == nil {
			d.Close()
			t.Errorf("%v is opened", c)
			continue
		}
		if !Lasting(err) || !strings.Contains(err.Error(), "dsn must be ") || reported == "" {
			t.Errorf("%v: lasting %v, %v, %q", c, Lasting(err), err, reported)
		}
		for _, part := range []string{"123", "456", "sEcReT"} {
			if strings.Contains(err.Error()+reported, part) {
				t.Errorf("%v: %v, %q", c, err, reported)
			}
		}
	}
}

// TestOpenUnreached has servers that may be there later.
func TestOpenUnreached(t *testing.T) {
	const secret = "sEcReT"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := listener.Addr().String()
	listener.Close()
	for _, c := range []Config{
		{"mysql", "shoal:" + secret + "@tcp(" + address + ")/shoal"},
		{"postgres", "postgres://shoal:" + secret + "@" + address + "/shoal?sslmode=disable"},
		{"sqlite", filepath.Join(t.TempDir(), "missing", "shoal.db")},
	} {
		d, err := Open(t.Context(), c, "")
		if err == nil {
			d.Close()
			t.Errorf("%s is opened", c.Driver)
			continue
		}
		if strings.Contains(err.Error(), secret) || Lasting(err) || !strings.Contains(err.Error(), c.Driver) || strings.ContainsAny(err.Error(), "\n\t") {
			t.Errorf("lasting %v: %v", Lasting(err), err)
		}
	}
}

// testPasswords logs in with wrong ones: the server is there, and says no.
func testPasswords(t *testing.T, p place) {
	const secret = "sEcReT"
	c := p.fresh(t)
	switch p.name {
	case "mysql":
		parsed, err := mysql.ParseDSN(c.DSN)
		must(t, err)
		parsed.User, parsed.Passwd = "shoal_nobody", secret
		c.DSN = parsed.FormatDSN()
	case "postgres":
		parsed, err := pgx.ParseConfig(c.DSN)
		must(t, err)
		u := url.URL{Scheme: "postgres", User: url.UserPassword("shoal_nobody", secret), Host: net.JoinHostPort(parsed.Host, fmt.Sprint(parsed.Port)), Path: parsed.Database}
		c.DSN = u.String()
	default:
		return // has none
	}
	d, err := Open(t.Context(), c, "")
	if err == nil {
		d.Close()
		t.Fatal("opened")
	}
	if text := err.Error(); strings.Contains(text, secret) || !strings.Contains(text, "shoal_nobody") {
		t.Error(text)
	}
}

func TestSQLiteFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	d, err := Open(t.Context(), DefaultConfig(), dir)
	must(t, err)
	must(t, d.AddKeys(t.Context(), "tester", Key{Key: keyOf(1)}))
	for _, setting := range []struct{ name, want string }{
		{"journal_mode", "wal"}, {"synchronous", "2"}, {"foreign_keys", "1"}, {"busy_timeout", "5000"},
	} {
		var got string
		must(t, d.write.QueryRow("PRAGMA "+setting.name).Scan(&got))
		equal(t, setting.name, got, setting.want)
	}
	if _, err := d.read.Exec("DELETE FROM shoal_keys"); err == nil {
		t.Error("the connections for reading write")
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) < 3 {
		t.Errorf("%v: where is the log?", entries)
	}
	for _, entry := range append([]os.DirEntry{}, entries...) {
		info, err := entry.Info()
		must(t, err)
		if !strings.HasPrefix(entry.Name(), "shoal.db") {
			t.Errorf("%s is made too", entry.Name())
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode())
		}
	}
	must(t, d.Close())
	must(t, os.WriteFile(filepath.Join(dir, "shoal.db"), []byte(strings.Repeat("this is something else. ", 100)), 0o600))
	if d, err = Open(t.Context(), DefaultConfig(), dir); err == nil {
		d.Close()
		t.Error("another file is opened")
	} else if !strings.Contains(err.Error(), "shoal.db") {
		t.Errorf("%v: which file?", err)
	}
}
