package shoal_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	module    = "github.com/shoal-tracker/shoal"
	longest   = 600 // lines of a file
	generated = "// Code generated "
)

// pkg is one directory of Go files outside tests.
type pkg struct {
	room  string // path in the house; root for the root package
	files []goFile
}

type goFile struct {
	name string
	ast  *ast.File
}

// imports calls see with every import of p and the file that has it.
func (p pkg) imports(see func(file, imported string)) {
	for _, f := range p.files {
		for _, spec := range f.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				panic(err) // the parser has accepted it
			}
			see(f.name, imported)
		}
	}
}

// walk calls see with every file of the house's own module.
func walk(house fs.FS, see func(name string) error) error {
	return fs.WalkDir(house, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return see(name)
		}
		if base := path.Base(name); name != "." && (base == "testdata" || base == ".git" || base == "data") {
			return fs.SkipDir
		}
		if _, err := fs.Stat(house, path.Join(name, "go.mod")); err == nil && name != "." {
			return fs.SkipDir // another module
		}
		return nil
	})
}

func readPackages(house fs.FS) ([]pkg, error) {
	byRoom := map[string]*pkg{}
	err := walk(house, func(name string) error {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(house, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		room := path.Dir(name)
		if room == "." {
			room = "root"
		}
		if byRoom[room] == nil {
			byRoom[room] = &pkg{room: room}
		}
		byRoom[room].files = append(byRoom[room].files, goFile{name, file})
		return nil
	})
	var packages []pkg
	for _, p := range byRoom {
		packages = append(packages, *p)
	}
	slices.SortFunc(packages, func(a, b pkg) int { return strings.Compare(a.room, b.room) })
	return packages, err
}

// checkRooms holds the imports between our own packages to doors.
func checkRooms(_ fs.FS, packages []pkg) (broken []string, err error) {
	for _, p := range packages {
		i := slices.IndexFunc(doors, func(d door) bool { return d.room == p.room })
		if i < 0 {
			broken = append(broken, fmt.Sprintf("%s: a new room needs a row in doors, with a reason", p.room))
			continue
		}
		p.imports(func(file, imported string) {
			other, ours := strings.CutPrefix(imported, module+"/")
			if imported == module {
				other, ours = "root", true
			}
			if ours && !slices.Contains(doors[i].imports, other) {
				broken = append(broken, fmt.Sprintf("%s: %s may not import %s: %s", file, p.room, other, doors[i].reason))
			}
		})
	}
	return broken, nil
}

// checkLibraries holds imports of foreign packages to libraryDoors.
func checkLibraries(_ fs.FS, packages []pkg) (broken []string, err error) {
	for _, p := range packages {
		p.imports(func(file, imported string) {
			host, _, _ := strings.Cut(imported, "/")
			if !strings.Contains(host, ".") || imported == module || strings.HasPrefix(imported, module+"/") {
				return // the standard library, or ours
			}
			i := slices.IndexFunc(libraryDoors, func(d libraryDoor) bool {
				return imported == d.library || strings.HasPrefix(imported, d.library+"/")
			})
			switch {
			case i < 0:
				broken = append(broken, fmt.Sprintf("%s: library %s needs a row in libraryDoors, with a reason", file, imported))
			case !slices.Contains(libraryDoors[i].rooms, p.room):
				broken = append(broken, fmt.Sprintf("%s: library %s has its door elsewhere, in %s: %s",
					file, imported, strings.Join(libraryDoors[i].rooms, ", "), libraryDoors[i].reason))
			}
		})
	}
	return broken, nil
}

// checkQuiet holds imports of the standard library to quietRooms.
func checkQuiet(_ fs.FS, packages []pkg) (broken []string, err error) {
	for _, p := range packages {
		for _, q := range quietRooms {
			if q.room != p.room {
				continue
			}
			p.imports(func(file, imported string) {
				if slices.Contains(q.avoids, imported) {
					broken = append(broken, fmt.Sprintf("%s: %s does without %s: %s", file, p.room, imported, q.reason))
				}
			})
		}
	}
	return broken, nil
}

// checkDocs wants one package doc in every package, in the form godoc expects.
func checkDocs(_ fs.FS, packages []pkg) (broken []string, err error) {
	for _, p := range packages {
		var docs []string
		for _, f := range p.files {
			if f.ast.Doc == nil {
				continue
			}
			docs = append(docs, f.name)
			begin := "Package " + f.ast.Name.Name + " "
			if f.ast.Name.Name == "main" {
				begin = "Command " + path.Base(p.room) + " "
			}
			if !strings.HasPrefix(f.ast.Doc.Text(), begin) {
				broken = append(broken, fmt.Sprintf("%s: the package doc must begin with %q", f.name, begin))
			}
		}
		if len(docs) != 1 {
			broken = append(broken, fmt.Sprintf("%s: one file must have the package doc, %d have: %s", p.room, len(docs), strings.Join(docs, ", ")))
		}
	}
	return broken, nil
}

// Work left undone belongs where work is planned, not into the tree. The words
// are put together so that this file may stand in it.
var undone = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

// vague names say nothing about what is inside.
var vague = words("util utils helper helpers common misc manager managers")

// checkFiles holds every text file to its length, its name and its words.
func checkFiles(house fs.FS, _ []pkg) (broken []string, err error) {
	err = walk(house, func(name string) error {
		if !slices.Contains(words(".go .md .toml .yml .sh .mod"), path.Ext(name)) && name != "Makefile" && name != ".ci/run" {
			return nil
		}
		source, err := fs.ReadFile(house, name)
		if err != nil {
			return err
		}
		if m := undone.Find(source); m != nil {
			broken = append(broken, fmt.Sprintf("%s: %s: finish it or leave it out", name, m))
		}
		if path.Ext(name) != ".go" || bytes.HasPrefix(source, []byte(generated)) {
			return nil
		}
		if n := bytes.Count(source, []byte("\n")); n > longest {
			broken = append(broken, fmt.Sprintf("%s: %d lines, %d at most: it holds more than one thing", name, n, longest))
		}
		for _, part := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("/_.", r) }) {
			if slices.Contains(vague, part) {
				broken = append(broken, fmt.Sprintf("%s: %q says nothing about what is inside", name, part))
			}
		}
		return nil
	})
	return broken, err
}

// TestHouseFails proves that each rule can be broken and that nothing else is
// reported with it.
func TestHouseFails(t *testing.T) {
	const doc = "// Package p is a test.\npackage p\n"
	tests := []struct {
		name, file, source string
		want               string // part of the one line reported; "": nothing is
	}{
		{"fine", "udptracker/a.go", doc + `import _ "` + module + `"`, ""},
		{"unknown room", "internal/attic/a.go", doc, "internal/attic: a new room"},
		{"wrong way", "a.go", doc + `import _ "` + module + `/bencode"`, "root may not import bencode"},
		{"transport to transport", "internal/httpserver/a.go", doc + `import _ "` + module + `/internal/udpserver"`, "internal/httpserver may not import internal/udpserver"},
		{"past app", "cmd/shoal/a.go", "// Command shoal is a test.\npackage main\n" + `import _ "` + module + `/internal/swarm"`, "cmd/shoal may not import internal/swarm"},
		{"on one platform only", "internal/packetio/a_windows.go", doc + `import _ "` + module + `/internal/swarm"`, "internal/packetio may not import internal/swarm"},
		{"unknown library", "internal/app/a.go", doc + `import _ "example.org/left/pad"`, "example.org/left/pad needs a row"},
		{"library of another room", "internal/swarm/a.go", doc + `import _ "golang.org/x/sys/unix"`, "golang.org/x/sys/unix has its door elsewhere"},
		{"library with the beginning of another", "internal/packetio/a.go", doc + `import _ "golang.org/x/system"`, "golang.org/x/system needs a row"},
		{"log in the swarm", "internal/swarm/a.go", doc + `import _ "log/slog"`, "internal/swarm does without log/slog"},
		{"socket in a wire format", "bencode/a.go", doc + `import _ "net"`, "bencode does without net"},
		{"address in a wire format", "udptracker/a.go", doc + `import _ "net/netip"`, ""},
		{"no package doc", "bencode/a.go", "package p\n", "bencode: one file must have the package doc"},
		{"odd package doc", "bencode/a.go", "// Reads things.\npackage p\n", "must begin with"},
		{"long file", "bencode/a.go", doc + strings.Repeat("\n", longest), "602 lines"},
		{"long test", "bencode/a_test.go", doc + strings.Repeat("\n", longest), "602 lines"},
		{"long generated file", "bencode/a.go", generated + "by x. DO NOT EDIT.\n\n" + doc + strings.Repeat("\n", longest), ""},
		{"left undone", "bencode/a.go", doc + "// TO" + "DO: all\n", "finish it"},
		{"left undone in prose", "docs/a.md", "XX" + "X\n", "finish it"},
		{"word inside a word", "docs/a.md", "%XX and XX" + "XXXX\n", ""},
		{"vague file", "bencode/utils.go", doc, `"utils" says nothing`},
		{"vague folder", "bencode/common/a_test.go", doc, `"common" says nothing`},
		{"another module", "tools/a.go", "package p // TO" + "DO\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			house := fstest.MapFS{
				"go.mod":       {Data: []byte("module " + module + "\n")},
				"tools/go.mod": {Data: []byte("module " + module + "/tools\n")},
				test.file:      {Data: []byte(test.source)},
			}
			packages, err := readPackages(house)
			if err != nil {
				t.Fatal(err)
			}
			var broken []string
			for _, check := range checks {
				b, err := check.run(house, packages)
				if err != nil {
					t.Fatal(err)
				}
				broken = append(broken, b...)
			}
			switch {
			case test.want == "" && len(broken) > 0:
				t.Errorf("broken by nothing: %q", broken)
			case test.want != "" && (len(broken) != 1 || !strings.Contains(broken[0], test.want)):
				t.Errorf("reported %q, want one line with %q", broken, test.want)
			}
		})
	}
}

// TestHouseReasons wants every row to say why and to name rooms that exist in
// the plan, once each.
func TestHouseReasons(t *testing.T) {
	rooms := map[string]bool{}
	for _, d := range doors {
		if d.reason == "" || rooms[d.room] {
			t.Errorf("doors: %s has no reason or a second row", d.room)
		}
		for _, imported := range d.imports {
			if !rooms[imported] {
				t.Errorf("doors: %s imports %s, which must stand above it: imports go one way", d.room, imported)
			}
		}
		rooms[d.room] = true
	}
	for _, d := range libraryDoors {
		if d.reason == "" {
			t.Errorf("libraryDoors: %s has no reason", d.library)
		}
		for _, room := range d.rooms {
			if !rooms[room] {
				t.Errorf("libraryDoors: %s names %s, which has no row in doors", d.library, room)
			}
		}
	}
	for _, q := range quietRooms {
		if q.reason == "" || !rooms[q.room] {
			t.Errorf("quietRooms: %s has no reason or no row in doors", q.room)
		}
	}
}
