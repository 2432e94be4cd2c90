package httptracker

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func FuzzParseAnnounce(f *testing.F) {
	f.Fuzz(func(t *testing.T, query []byte) {
		got, form := stale(), Form{Dictionary: true, NoPeerID: true}
		before := string(query)
		failure := ParseAnnounce(query, &got, &form)
		want, wantForm, wantFailure := naiveAnnounce(before)
		if failure != wantFailure {
			t.Fatalf("%q: %v, the naive parser says %v", query, failure, wantFailure)
		}
		if string(query) != before {
			t.Fatalf("%q was changed to %q", before, query)
		}
		if got.Addr.Addr() != stale().Addr.Addr() {
			t.Fatalf("%q: the address became %v", query, got.Addr)
		}
		if failure == shoal.OK && (got != want || form != wantForm) {
			t.Fatalf("%q:\n got %+v %+v\nwant %+v %+v", query, got, form, want, wantForm)
		}
		if key := Passkey(query); failure == shoal.OK && key != want.AuthKey {
			t.Fatalf("%q: Passkey is %x, want %x", query, key, want.AuthKey)
		}
	})
}

func FuzzParseScrape(f *testing.F) {
	f.Fuzz(func(t *testing.T, query []byte) {
		got, failure := ParseScrape(query, nil)
		want, wantFailure := naiveScrape(string(query))
		if failure != wantFailure || !slices.Equal(got, want) {
			t.Fatalf("%q:\n got %v, %v\nwant %v, %v", query, got, failure, want, wantFailure)
		}
		wantKey := shoal.AuthKey{}
		for _, pair := range naiveQuery(string(query)) {
			if pair[0] == "passkey" {
				wantKey = shoal.ParseAuthKey([]byte(naiveUnescape(pair[1])))
				break
			}
		}
		if key := Passkey(query); key != wantKey {
			t.Fatalf("%q: Passkey is %x, want %x", query, key, wantKey)
		}
	})
}

func FuzzParseAnnounceReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := ParseAnnounceReply(body)
		want, ok := naiveAnnounceReply(string(body))
		if ok != (err == nil) {
			t.Fatalf("%q: %v, the naive reader says ok=%v", body, err, ok)
		}
		if ok && !sameReply(got, want) {
			t.Fatalf("%q:\n got %+v\nwant %+v", body, got, want)
		}
	})
}

func FuzzParseScrapeReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := ParseScrapeReply(body)
		want, ok := naiveScrapeReply(string(body))
		if ok != (err == nil) {
			t.Fatalf("%q: %v, the naive reader says ok=%v", body, err, ok)
		}
		if ok && !sameScrapeReply(got, want) {
			t.Fatalf("%q:\n got %+v\nwant %+v", body, got, want)
		}
	})
}

func TestCorpusReachesEveryFailure(t *testing.T) {
	announces, scrapes := map[shoal.Failure]bool{}, map[shoal.Failure]bool{}
	for _, query := range corpus(t, "FuzzParseAnnounce") {
		var req shoal.AnnounceRequest
		var form Form
		announces[ParseAnnounce([]byte(query), &req, &form)] = true
	}
	for _, query := range corpus(t, "FuzzParseScrape") {
		_, failure := ParseScrape([]byte(query), nil)
		scrapes[failure] = true
	}
	for _, failure := range []shoal.Failure{
		shoal.OK, shoal.InfoHashMissing, shoal.InfoHashInvalid, shoal.PeerIDMissing,
		shoal.PeerIDInvalid, shoal.PortMissing, shoal.PortInvalid,
	} {
		if !announces[failure] {
			t.Errorf("no announce of the corpus gives %q", failure.Error())
		}
	}
	for _, failure := range []shoal.Failure{shoal.OK, shoal.InfoHashInvalid, shoal.ScrapeAll} {
		if !scrapes[failure] {
			t.Errorf("no scrape of the corpus gives %q", failure.Error())
		}
	}
}

// corpus returns the committed inputs of a fuzz target.
func corpus(t *testing.T, target string) (inputs []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "fuzz", target, "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus of %s: %v", target, err)
	}
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
		inputs = append(inputs, input)
	}
	return inputs
}
