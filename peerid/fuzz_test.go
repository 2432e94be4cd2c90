package peerid

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/shoal-tracker/shoal"
)

// The oracle below reads the same IDs a second time, with regular expressions
// and every row in turn, and spells the common versions with ParseUint.

var (
	versionForm  = regexp.MustCompile(`^[0-9A-Za-z.]{0,16}$|^[0-9.]{1,10} (alpha|beta|dev|rc|debug)( [0-9])?$`)
	mainlineForm = regexp.MustCompile(`^([MQ])([0-9]{1,2})-([0-9]{1,2})-([0-9]{1,2})-`)
	shadowForm   = regexp.MustCompile(`^([AOQRSTU])([0-9A-Za-z]{2}---|[0-9A-Za-z]{3}--|[0-9A-Za-z]{4}-|[0-9A-Za-z]{5}---)`)

	// The first form that matches counts.
	dashedForms = []form{
		{`^-BOW...-`, bitsOnWheels},
		{`^-FG[0-9]{4}`, flashGet},
		{`^-G3`, g3},
		{`^-ML[0-9]`, mlDonkey},
		{`^-NE[0-9]{4}`, nextEvolution},
		{`^-RN[0-9]`, rain},
		{`^-TS0008-`, torrentStream},
		{`^-TS....-`, torrentStorm},
		{`^-aria2-`, aria2},
	}
	oddForms = []form{
		{`^[0-9][0-9]RS`, rufus},
		{`^\x00[\x02\x03]BS`, bitSpirit},
		{`^AP[0-9]\.`, allPeers},
		{`^....btfans`, simpleBT},
		{`^.....Azureus`, vuze},
		{`^.....BTuga`, bTuga},
	}
	shadowClients = map[string]client{"A": abc, "O": osprey, "Q": btQueue, "R": tribler, "S": shadows, "T": bitTornado, "U": upnp}
)

type form struct {
	pattern string
	client  client
}

// matchAny returns the client of the form that s is in.
func matchAny(forms []form, s string) client {
	for _, f := range forms {
		if regexp.MustCompile(`(?s)` + f.pattern).MatchString(s) {
			return f.client
		}
	}
	return unknown
}

// naive returns the client of id, and its version where it is of a convention
// that the oracle knows.
func naive(id string) (c client, version string, known bool) {
	if id[0] == '-' {
		for _, row := range azureus {
			if id[1:3] == row.code && id[7] == '-' {
				version, known = naiveVersion(row.version, id[3:7])
				return row.client, version, known
			}
		}
		return matchAny(dashedForms, latin(id)), "", false
	}
	if m := mainlineForm.FindStringSubmatch(latin(id)); m != nil {
		c = bitTorrent
		if m[1] == "Q" {
			c = queenBee
		}
		return c, m[2] + "." + m[3] + "." + m[4], true
	}
	for _, row := range prefixes {
		form := fmt.Sprintf(`^%s[0-9]{%d}`, regexp.QuoteMeta(row.begins), row.digits)
		if !regexp.MustCompile(form).MatchString(latin(id)) {
			continue
		}
		if row.client == bitComet && id[6:10] == "LORD" {
			return bitLord, "", false
		}
		version, known = naiveVersion(row.version, id[len(row.begins):])
		return row.client, version, known
	}
	if c = matchAny(oddForms, latin(id)); c != unknown {
		return c, "", false
	}
	if m := shadowForm.FindStringSubmatch(latin(id)); m != nil {
		const values = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		var parts []string
		for _, b := range strings.TrimRight(m[2], "-") {
			parts = append(parts, strconv.Itoa(strings.IndexRune(values, b)))
		}
		return shadowClients[m[1]], strings.Join(parts, "."), true
	}
	return unknown, "", true
}

// latin makes every byte one rune, so that a dot in a form is one byte.
func latin(id string) string {
	var s strings.Builder
	for i := range len(id) {
		s.WriteRune(rune(id[i]))
	}
	return s.String()
}

func naiveVersion(how convention, v string) (version string, known bool) {
	var parts []string
	for i := range 4 {
		n, err := strconv.ParseUint(v[i:i+1], 36, 8)
		if err != nil {
			return "", how == plain || how == four || how == decimal || how == pairs
		}
		parts = append(parts, strconv.FormatUint(n, 10))
	}
	major, errMajor := strconv.ParseUint(v[:2], 10, 8)
	minor, errMinor := strconv.ParseUint(v[2:4], 10, 8)
	notDecimal := errMajor != nil || errMinor != nil
	switch {
	case how == silent:
		return "", true
	case how == plain && parts[3] == "0":
		return strings.Join(parts[:3], "."), true
	case how == plain, how == four:
		return strings.Join(parts, "."), true
	case (how == decimal || how == pairs) && notDecimal:
		return "", true
	case how == decimal:
		return fmt.Sprintf("%d.%02d", major, minor), true
	case how == pairs:
		return fmt.Sprintf("%d.%d", major, minor), true
	}
	return "", false
}

func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		var id shoal.PeerID
		copy(id[:], b)
		got := Parse(id)

		c, version, known := naive(string(id[:]))
		if got.Name != names[c] {
			t.Errorf("got %q, want %q", got.Name, names[c])
		}
		if known && got.Version != version {
			t.Errorf("got %s %q, want %q", got.Name, got.Version, version)
		}
		if !versionForm.MatchString(got.Version) || len(got.Version) > versionRoom {
			t.Errorf("the version is %q", got.Version)
		}
		if got.Name == "" && got.Version != "" {
			t.Errorf("version %q of nobody", got.Version)
		}
		for _, r := range got.String() {
			if !unicode.IsPrint(r) {
				t.Errorf("%q is not printable", got.String())
			}
		}
		index := Index(id)
		if index > MaxIndex || (index != 0 && Name(index) != got.Name) || (index == 0 && c != unknown && c <= MaxIndex) {
			t.Errorf("index %d is of %q, want %q", index, Name(index), got.Name)
		}
	})
}

// The committed corpus meets every convention, with and without a version to
// read, so that a run without fuzzing compares each with the oracle.
func TestCorpusMeetsEveryConvention(t *testing.T) {
	type reading struct {
		convention convention
		empty      bool
	}
	met := map[reading]bool{}
	files, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzParse", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, literal, _ := strings.Cut(strings.TrimSpace(string(text)), "[]byte(")
		b, err := strconv.Unquote(strings.TrimSuffix(literal, ")"))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var id shoal.PeerID
		copy(id[:], b)
		met[reading{identify(&id).version, Parse(id).Version == ""}] = true
	}
	for how := silent; how <= wheels; how++ {
		if how != silent && !met[reading{how, false}] {
			t.Errorf("no input has a version of convention %d", how)
		}
		// Digits are looked for before these are recognised at all.
		if how != pair && how != build && how != debugged && how != base64 && !met[reading{how, true}] {
			t.Errorf("no input breaks convention %d", how)
		}
	}
}
