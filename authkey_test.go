package shoal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

const (
	someKey  = "qkVbNbvlDwXrdzFG-_.~aPcEm3hS9T0u"
	otherKey = "0123456789abcdef"
)

func TestParseAuthKey(t *testing.T) {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	for text, want := range map[string]string{
		"":                         "none",
		"a":                        "invalid",
		strings.Repeat("a", 15):    "invalid",
		strings.Repeat("a", 16):    "key",
		strings.Repeat("a", 64):    "key",
		strings.Repeat("a", 65):    "invalid",
		allowed[:33]:               "key",
		allowed[33:]:               "key",
		strings.Repeat("\x00", 16): "invalid",
		someKey + "\n":             "invalid",
		someKey + "é":              "invalid",
	} {
		if got := kind(shoal.ParseAuthKey([]byte(text))); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	for c := range 256 {
		text := append([]byte(otherKey), byte(c))
		want := "invalid"
		if strings.IndexByte(allowed, byte(c)) >= 0 {
			want = "key"
		}
		if got := kind(shoal.ParseAuthKey(text)); got != want {
			t.Errorf("with the byte %#02x: %s, want %s", c, got, want)
		}
	}

	// Databases hold what keys become, so that must never change.
	got := shoal.ParseAuthKey([]byte(otherKey))
	if want := "9f9f5111f7b27a781f1f1ddde5ebc2dd"; hex.EncodeToString(got[:]) != want {
		t.Errorf("%s became %x, want %s", otherKey, got[:], want)
	}
	if shoal.ParseAuthKey([]byte(strings.ToUpper(otherKey))) == got {
		t.Error("keys are the same whatever the case of their letters")
	}
}

func kind(k shoal.AuthKey) string {
	switch {
	case k.None() && k.Invalid():
		return "both"
	case k.None():
		return "none"
	case k.Invalid():
		return "invalid"
	}
	return "key"
}

func TestAuthKeyOfURL(t *testing.T) {
	const a, b = someKey, otherKey
	for _, tt := range []struct{ target, want string }{
		{"", ""},
		{"/", ""},
		{"/announce", ""},
		{"/scrape", ""},
		{"/announce?info_hash=" + a, ""},
		{"/announce/" + a, a},
		{"/announce/" + a + "/", a},
		{"//announce//" + a + "//", a},
		{"announce/" + a, a},
		{"/scrape/" + a, a},
		{"/" + a + "/announce", a},
		{"/" + a + "/announce/", a},
		{"/" + a + "//announce", a},
		{"/" + a + "/scrape", a},
		{"/" + a, a},
		{a, a},
		{"/" + a + "/", a},
		{"/" + a + "?x=y", a},
		{"?passkey=" + a, a},
		{"/?passkey=" + a, a},
		{"/announce?passkey=" + a, a},
		{"/announce.php?passkey=" + a + "&x=y", a},
		{"/announce?x=y&passkey=" + a, a},
		{"/announce?x&&passkey=" + a + "&", a},
		{"/tracker/announce/" + a, a},
		{"/tracker/" + a + "/announce/more", a},
		{"/announce/" + a + "/more/" + b, a},
		{"/announce/" + a + "/announce", a},

		// The first of several counts, and one that can be a key before others.
		{"/" + b + "/announce/" + a, a},
		{"/announce/" + a + "?passkey=" + b, a},
		{"/" + a + "?passkey=" + b, a},
		{"/announce?passkey=" + a + "&passkey=" + b, a},
		{"/announce?passkey=short&passkey=" + b, "invalid"},
		{"/announce?passkey=&passkey=" + b, ""},
		{"/" + a + "/announce/more", a},
		{"/tracker/announce?passkey=" + a, a},
		{"/announce/more?passkey=" + a, a},
		{"/announce/" + a + "?passkey=short", a},
		{"/announce/" + a + "/announce/" + b, b},

		{"/announce/short", "invalid"},
		{"/tracker/announce", "invalid"},
		{"/announce/announce", "invalid"},
		{"/announce/short?passkey=", "invalid"},
		{"/announce/short?passkey=short", "invalid"},
		{"/announce?passkey=short", "invalid"},
		{"/announce/" + a + "%20", "invalid"},
		{"/announce/" + a + a + a, "invalid"},

		{"/ws", ""},
		{"/announce.php", ""},
		{"/a/" + a, ""},
		{"/Announce/" + a, ""},
		{"/announce?PASSKEY=" + a, ""},
		{"/announce?xpasskey=" + a, ""},
		{"/announce?key=" + a, ""},
		{"/announce?passkey", ""},
		{"/announce?a?passkey=" + a, ""},
	} {
		var want shoal.AuthKey
		switch tt.want {
		case "":
		case "invalid":
			want = shoal.ParseAuthKey([]byte("short"))
		default:
			want = shoal.ParseAuthKey([]byte(tt.want))
		}
		if got := shoal.AuthKeyOfURL([]byte(tt.target)); got != want {
			t.Errorf("%s: got %s %x, want %q", tt.target, kind(got), got[:], tt.want)
		}
	}
}

var naiveKey = regexp.MustCompile(`^[-._~0-9A-Za-z]{16,64}$`)

// naiveAuthKeyOfURL says again, by other means, what AuthKeyOfURL does: none,
// invalid, or the digits of the key.
func naiveAuthKeyOfURL(target string) string {
	path, query, _ := strings.Cut(target, "?")
	segments := slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
	var candidates []string
	asked := -1
	for i, segment := range segments {
		if segment == "announce" || segment == "scrape" {
			asked = i
		}
	}
	if asked >= 0 && asked+1 < len(segments) {
		candidates = append(candidates, segments[asked+1])
	}
	if asked > 0 {
		candidates = append(candidates, segments[asked-1])
	}
	if asked < 0 && len(segments) == 1 && naiveKey.MatchString(segments[0]) {
		candidates = segments
	}
	for _, part := range strings.Split(query, "&") {
		if name, value, ok := strings.Cut(part, "="); ok && name == "passkey" {
			candidates = append(candidates, value)
			break
		}
	}
	for _, candidate := range candidates {
		if naiveKey.MatchString(candidate) {
			return fmt.Sprintf("%x", sha256.Sum256([]byte(candidate)))[:32]
		}
	}
	if strings.Join(candidates, "") != "" {
		return "invalid"
	}
	return "none"
}

func FuzzAuthKeyOfURL(f *testing.F) {
	f.Fuzz(func(t *testing.T, target []byte) {
		before := string(target)
		k := shoal.AuthKeyOfURL(target)
		got := kind(k)
		if got == "key" {
			got = hex.EncodeToString(k[:])
		}
		if want := naiveAuthKeyOfURL(before); got != want {
			t.Errorf("%q: got %s, want %s", before, got, want)
		}
		if string(target) != before {
			t.Errorf("%q was changed to %q", before, target)
		}
	})
}

// The names of the corpus begin with what is found, and all of that is met.
func TestAuthKeyCorpus(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzAuthKeyOfURL", "*"))
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		quoted, ok := strings.CutPrefix(string(text), "go test fuzz v1\n[]byte(")
		quoted, closed := strings.CutSuffix(quoted, ")\n")
		input, err := strconv.Unquote(quoted)
		if !ok || !closed || err != nil {
			t.Fatalf("%s is not one []byte: %v", path, err)
		}
		want, _, _ := strings.Cut(filepath.Base(path), "-")
		if got := kind(shoal.AuthKeyOfURL([]byte(input))); got != want {
			t.Errorf("%s: %q has %s", path, input, got)
		}
		met[want] = true
	}
	for _, want := range []string{"none", "invalid", "key"} {
		if !met[want] {
			t.Errorf("no input of the corpus has %s", want)
		}
	}
}

func ExampleAuthKeyOfURL() {
	key := shoal.ParseAuthKey([]byte("qkVbNbvlDwXrdzFGaPcEm3hS9T0u1Y2Z"))
	for _, target := range []string{
		"/announce/qkVbNbvlDwXrdzFGaPcEm3hS9T0u1Y2Z",
		"/qkVbNbvlDwXrdzFGaPcEm3hS9T0u1Y2Z/announce",
		"/announce?passkey=qkVbNbvlDwXrdzFGaPcEm3hS9T0u1Y2Z",
		"/announce/2short",
		"/announce",
	} {
		k := shoal.AuthKeyOfURL([]byte(target))
		fmt.Println(k == key, k.Invalid(), k.None())
	}
	// Output:
	// true false false
	// true false false
	// true false false
	// false true false
	// false false true
}
