//go:build unix

package database

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNarrow opens a file that others may read, and what is beside it, by its
// name and by a link to it.
func TestNarrow(t *testing.T) {
	for _, by := range []string{"shoal.db", "link.db"} {
		t.Run(by, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "shoal.db")
			first := open(t, Config{"sqlite", file}) // keeps the log there
			must(t, first.AddKeys(t.Context(), "tester", Key{Key: keyOf(1)}))
			if by != "shoal.db" {
				must(t, os.Symlink("shoal.db", filepath.Join(dir, by)))
			}
			must(t, os.WriteFile(filepath.Join(dir, "shoal.db.backup"), nil, 0o600))
			wide := []string{"", "-wal", "-shm"}
			for _, end := range append(wide, ".backup") {
				must(t, os.Chmod(file+end, 0o664))
			}
			d := open(t, Config{"sqlite", filepath.Join(dir, by)})
			equal(t, "keys", len(allKeys(t, d)), 1)
			must(t, d.AddKeys(t.Context(), "tester", Key{Key: keyOf(2)}))
			entries, err := os.ReadDir(dir)
			must(t, err)
			narrow := 0
			for _, entry := range entries {
				info, err := entry.Info()
				must(t, err)
				if !info.Mode().IsRegular() {
					continue
				}
				want := os.FileMode(0o600)
				if strings.HasSuffix(entry.Name(), ".backup") {
					want = 0o664 // is not SQLite's
				} else {
					narrow++
				}
				equal(t, entry.Name(), info.Mode().Perm(), want)
			}
			equal(t, "files", narrow, len(wide))
		})
	}
}

// TestNarrowNever has files whose permissions are somebody else's matter, or of
// nobody's use: they stay as they are.
func TestNarrowNever(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o750))
	narrowSQLiteFile(dir)
	narrowSQLiteFile(filepath.Join(dir, "none"))
	info, err := os.Stat(dir)
	must(t, err)
	equal(t, "directory", info.Mode().Perm(), 0o750)
	file := filepath.Join(dir, "read-only")
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.Chmod(file, 0o444))
	narrowSQLiteFile(file)
	info, err = os.Stat(file)
	must(t, err)
	equal(t, "read-only", info.Mode().Perm(), 0o400)
}
