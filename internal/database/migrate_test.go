package database

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

func versions(t *testing.T, d *Database) (n, most int) {
	t.Helper()
	must(t, d.write.QueryRowContext(t.Context(), "SELECT COUNT(*), MAX(version) FROM shoal_version").Scan(&n, &most))
	return n, most
}

func testMigrateTogether(t *testing.T, p place) {
	c := p.fresh(t)
	var nodes sync.WaitGroup
	for i := range 6 {
		nodes.Go(func() {
			d, err := Open(t.Context(), c, "")
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			if err := d.AddKeys(t.Context(), "tester", Key{Key: keyOf(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	d := open(t, c)
	n, most := versions(t, d)
	all, err := migrations(p.name)
	must(t, err)
	equal(t, "migrations", fmt.Sprint(n, most), fmt.Sprint(len(all), len(all)))
	equal(t, "keys", len(allKeys(t, d)), 6)
}

// testMigrationCutShort has the last table without the note that it is there, as
// a node may leave it that dies between the two.
func testMigrationCutShort(t *testing.T, p place) {
	c := p.fresh(t)
	d := open(t, c)
	must(t, d.Write(t.Context(), "w", 1, &Batch{Totals: map[string]uint64{"x": 1}}))
	must(t, d.Note(t.Context(), "tester", ActionReload, "", 1))
	_, most := versions(t, d)
	_, err := d.write.Exec(fmt.Sprintf("DELETE FROM shoal_version WHERE version = %d", most))
	must(t, err)
	again := open(t, c)
	n, _ := versions(t, again)
	equal(t, "migrations", n, most)
	must(t, again.Note(t.Context(), "tester", ActionReload, "", 1))
	must(t, again.Write(t.Context(), "w", 1, &Batch{Totals: map[string]uint64{"x": 1}}))
	x, err := again.Total(t.Context(), "x")
	must(t, err)
	equal(t, "total", x, 1)
	equal(t, "changes", len(allChanges(t, again)), 2) // the table was not made anew
}

func testNewer(t *testing.T, p place) {
	c := p.fresh(t)
	d := open(t, c)
	_, most := versions(t, d)
	_, err := d.write.Exec(fmt.Sprintf("INSERT INTO shoal_version (version, applied) VALUES (%d, 1)", most+1))
	must(t, err)
	newer, err := Open(t.Context(), c, "")
	if err == nil {
		newer.Close()
		t.Fatal("opened")
	}
	for _, want := range []string{fmt.Sprintf("version %d", most+1), fmt.Sprintf("up to %d", most), "newer Shoal"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	equal(t, "lasting", Lasting(err), true)
}

// testOlder begins with the tables that each older release had, with rows in
// them.
func testOlder(t *testing.T, p place) {
	all, err := migrations(p.name)
	must(t, err)
	for had := range len(all) {
		c := p.fresh(t)
		d := open(t, c)
		for i := len(all) - 1; i >= had; i-- {
			table := strings.Fields(all[i].text)[5]
			_, err := d.write.Exec("DROP TABLE " + table)
			must(t, err)
		}
		_, err := d.write.Exec(fmt.Sprintf("DELETE FROM shoal_version WHERE version > %d", had))
		must(t, err)
		if had > 0 {
			must(t, d.change(t.Context(), func(tx *transaction) error { // without a log of changes, which came later
				hash := shoal.ParseAuthKey([]byte(keyOf(1)))
				_, err := tx.exec(t.Context(), "INSERT INTO shoal_keys (passkey, hash, label, created, expires) VALUES (?, ?, ?, ?, ?)",
					keyOf(1), hash[:], "of old", int64(1), int64(0))
				return err
			}))
		}
		d = open(t, c)
		equal(t, "keys", len(allKeys(t, d)), min(had, 1))
		must(t, d.AddAllowed(t.Context(), "tester", hashOf(1)))
		must(t, d.Write(t.Context(), "w", uint64(time.Now().Unix()), &Batch{Totals: map[string]uint64{"x": 1}}))
	}
}

// TestMigrations holds the folders to the same names: a release has one version
// of the tables, whatever keeps them.
func TestMigrations(t *testing.T) {
	names := map[string][]string{}
	must(t, fs.WalkDir(migrationFiles, "migrations", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			dialect := path.Base(path.Dir(name))
			names[dialect] = append(names[dialect], entry.Name())
		}
		return err
	}))
	equal(t, "folders", len(names), len(dialects))
	for name := range dialects {
		if !slices.Equal(names[name], names["sqlite"]) {
			t.Errorf("%s has %v, sqlite %v", name, names[name], names["sqlite"])
		}
		all, err := migrations(name)
		must(t, err)
		if len(all) == 0 {
			t.Errorf("%s has none", name)
		}
		for _, m := range all {
			if !strings.Contains(m.text, " IF NOT EXISTS ") || strings.Contains(m.text, ";") {
				t.Errorf("%s, version %d: must be one statement that can be run again", name, m.version)
			}
		}
	}
}
