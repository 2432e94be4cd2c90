//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// databaseEngine is a kind of database that Shoal keeps keys and counts in.
type databaseEngine struct {
	name   string
	driver string // as Shoal names it
	port   uint16 // 0: a file of Shoal's own
	// make fills an empty directory, as the user that the server runs as.
	make func(t *testing.T, h *host, dir string)
	// serve is the command line of the server.
	serve func(dir string) []string
	ready string // what it says when it takes connections
	// dsn is of a user who may make databases.
	dsn func(at netip.AddrPort) string
}

var (
	sqlite  = databaseEngine{name: "SQLite", driver: "sqlite"}
	mariadb = databaseEngine{
		name: "MariaDB", driver: "mysql", port: 3306,
		make: makeMariaDB, serve: serveMariaDB, ready: "ready for connections",
		dsn: func(at netip.AddrPort) string {
			return fmt.Sprintf("shoal:%s@tcp(%s)/shoal", databasePassword, at)
		},
	}
	postgresql = databaseEngine{
		name: "PostgreSQL", driver: "postgres", port: 5432,
		make: makePostgreSQL, serve: servePostgreSQL, ready: "ready to accept connections",
		dsn: func(at netip.AddrPort) string {
			return fmt.Sprintf("postgres://shoal:%s@%s/postgres?sslmode=disable", databasePassword, at)
		},
	}

	databaseServers = []databaseEngine{mariadb, postgresql}
	databaseEngines = append([]databaseEngine{sqlite}, databaseServers...)
)

// databasePassword must not be found in anything that Shoal prints.
const databasePassword = "Pa55-of-the-database"

// postgresPrograms are not in the path: several versions may be installed.
const postgresPrograms = "/usr/lib/postgresql/*/bin/postgres"

// nobody is who the servers run as: they refuse to be root.
const nobody = 65534

// database is a server that has a host to itself.
type database struct {
	databaseEngine
	host *host
	dir  string
	proc *process
}

// newDatabase makes an empty one and starts it.
func newDatabase(t *testing.T, n *network, e databaseEngine) *database {
	t.Helper()
	d := &database{databaseEngine: e, host: n.host(t, strings.ToLower(e.name)), dir: t.TempDir()}
	// Tests make their directories for root alone.
	if err := os.Chmod(filepath.Dir(d.dir), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(d.dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	d.make(t, d.host, d.dir)
	d.start(t)
	return d
}

// start returns when the server takes connections.
func (d *database) start(t *testing.T) {
	t.Helper()
	args := asNobody(d.serve(d.dir)...)
	d.proc = d.host.start(t, args[0], args[1:]...)
	await(t, time.Minute, func() error {
		if words, err := os.ReadFile(d.proc.log); err != nil || !bytes.Contains(words, []byte(d.ready)) {
			return errors.Join(err, fmt.Errorf("%s does not say that it is %s", d.name, d.ready))
		}
		return nil
	}, d.proc)
}

// kill ends every process of the server at once, as the end of its container
// does.
func (d *database) kill(t *testing.T) {
	t.Helper()
	d.host.clear(t)
	<-d.proc.done
}

// address is where the server listens.
func (d *database) address() netip.AddrPort { return netip.AddrPortFrom(d.host.v4, d.port) }

// settings is the section of Shoal's configuration for a database at an
// address.
func (e databaseEngine) settings(at netip.AddrPort) string {
	if e.port == 0 {
		return ""
	}
	return fmt.Sprintf("[database]\ndriver = %q\ndsn = %q\n", e.driver, e.dsn(at))
}

// storing returns settings for an engine, whose server, if it has one, was
// started for them. d is nil if it has none.
func storing(t *testing.T, n *network, e databaseEngine) (d *database, settings string) {
	t.Helper()
	if e.port == 0 {
		return nil, ""
	}
	d = newDatabase(t, n, e)
	return d, e.settings(d.address())
}

// asNobody is a command line that gives up root, without another process.
func asNobody(args ...string) []string {
	id := strconv.Itoa(nobody)
	return append([]string{"setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups"}, args...)
}

// prepareDatabase runs a program that ends, as nobody.
func prepareDatabase(t *testing.T, h *host, args ...string) {
	t.Helper()
	args = asNobody(args...)
	if r := h.run(t, nil, args[0], args[1:]...); r.code != 0 {
		t.Fatalf("%q exited with %d:\n%s%s", args, r.code, r.stdout, r.stderr)
	}
}

func makeMariaDB(t *testing.T, h *host, dir string) {
	t.Helper()
	prepareDatabase(t, h, "mariadb-install-db", "--no-defaults", "--datadir="+filepath.Join(dir, "data"),
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
		"--innodb-log-file-size=32M",
		"--tmpdir="+dir) // its own: a server that starts removes the temporary tables of others
	// Run at each start, before anyone is let in.
	statements := []string{
		"CREATE DATABASE IF NOT EXISTS shoal",
		fmt.Sprintf("CREATE USER IF NOT EXISTS 'shoal'@'%%' IDENTIFIED BY '%s'", databasePassword),
		"GRANT ALL PRIVILEGES ON *.* TO 'shoal'@'%' WITH GRANT OPTION",
	}
	file := filepath.Join(dir, "init.sql")
	put(t, file, []byte(strings.Join(statements, ";\n")+";\n"))
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
}

// serveMariaDB commits to the disk before it answers, which is its default, and
// is told so all the same.
func serveMariaDB(dir string) []string {
	return []string{
		"mariadbd", "--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--tmpdir=" + dir,
		"--socket=socket", "--pid-file=pid", "--bind-address=*", "--skip-name-resolve", "--skip-log-bin",
		"--innodb-flush-log-at-trx-commit=1", "--innodb-log-file-size=32M", "--innodb-buffer-pool-size=64M",
		"--init-file=" + filepath.Join(dir, "init.sql"),
	}
}

// postgresProgram is one of the newest version that is installed.
func postgresProgram(name string) string {
	found, err := filepath.Glob(postgresPrograms)
	if err != nil || len(found) == 0 {
		return name // which will not be found, and say so
	}
	return filepath.Join(filepath.Dir(found[len(found)-1]), name)
}

func makePostgreSQL(t *testing.T, h *host, dir string) {
	t.Helper()
	password := filepath.Join(dir, "password")
	put(t, password, []byte(databasePassword))
	if err := os.Chmod(password, 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	prepareDatabase(t, h, postgresProgram("initdb"), "--pgdata="+data, "--username=shoal", "--pwfile="+password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8")
	access := filepath.Join(data, "pg_hba.conf")
	was, err := os.ReadFile(access)
	if err != nil {
		t.Fatal(err)
	}
	put(t, access, append(was, "host all all 10.77.0.0/24 scram-sha-256\n"...))
}

func servePostgreSQL(dir string) []string {
	return []string{
		postgresProgram("postgres"), "-D", filepath.Join(dir, "data"), "-h", "*", "-k", "",
		"-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "shared_buffers=32MB",
		"-c", "dynamic_shared_memory_type=mmap", "-c", "logging_collector=off",
	}
}

// version is what the server's program says of itself.
func (e databaseEngine) version(t *testing.T) string {
	t.Helper()
	program := "mariadbd"
	if e.name == postgresql.name {
		program = postgresProgram("postgres")
	}
	out, err := exec.Command(program, "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("%s --version: %v\n%s", program, err, out)
	}
	return strings.TrimSpace(string(out))
}
