//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// conformancePatience bounds the suite on all databases.
const conformancePatience = 10 * time.Minute

// TestConformance runs the suite of Shoal's database room on real servers. It
// has rows for those whose variables are set, and for SQLite always.
func TestConformance(t *testing.T) {
	t.Parallel()
	program := filepath.Join(workDir, "database.test")
	build := exec.Command("go", "test", "-c", "-o", program, "./internal/database")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the suite: %v\n%s", err, out)
	}
	net := newNetwork(t)
	variables := map[string]string{mariadb.name: "SHOAL_TEST_MYSQL_DSN", postgresql.name: "SHOAL_TEST_POSTGRES_DSN"}
	var environment []string
	for _, e := range databaseServers {
		d := newDatabase(t, net, e)
		environment = append(environment, variables[e.name]+"="+e.dsn(d.address()))
		t.Logf("%s: %s", e.name, e.version(t))
	}
	suite := net.host(t, "asker").startWith(t, environment, program,
		"-test.run=^TestConformance$", "-test.count=1", "-test.v", fmt.Sprintf("-test.timeout=%v", conformancePatience))
	await(t, conformancePatience+time.Minute, func() error {
		if !suite.ended() {
			return errors.New("the suite has not ended")
		}
		return nil
	})
	output, err := os.ReadFile(suite.log)
	if err != nil {
		t.Fatal(err)
	}
	if !suite.cmd.ProcessState.Success() {
		t.Errorf("the suite fails: %v", suite.cmd.ProcessState)
	}
	for _, never := range []string{"--- SKIP", databasePassword} {
		if strings.Contains(string(output), never) {
			t.Errorf("the suite prints %q", never)
		}
	}
	for _, e := range databaseEngines {
		rows := regexp.MustCompile(`(?m)^ +--- PASS: TestConformance/`+e.driver+`\b.*$`).FindAll(output, -1)
		if len(rows) < 2 { // itself, and what it has
			t.Errorf("the suite has no rows of %s", e.name)
		}
		t.Logf("%s: %d rows passed", e.name, len(rows))
	}
}
