package httptracker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestParseScrape(t *testing.T) {
	other := shoal.InfoHash([]byte("++++++++++++++++++++"))
	const first, second = "info_hash=" + testHash, "info_hash=++++++++++++++++++++"
	for _, test := range []struct {
		query string
		want  []shoal.InfoHash
	}{
		{first, []shoal.InfoHash{testInfoHash}},
		{first + "&" + second, []shoal.InfoHash{testInfoHash, other}},
		{second + "&" + first, []shoal.InfoHash{other, testInfoHash}},
		{second + ";" + first, []shoal.InfoHash{other, testInfoHash}},
		{first + "&" + second + "&" + first, []shoal.InfoHash{testInfoHash, other}},
		{"passkey=abc?" + first + "&x&y=1&info_hash&" + second, []shoal.InfoHash{testInfoHash, other}},
		{"info_hash=" + strings.Repeat("+", 32), []shoal.InfoHash{other}},
	} {
		before := []shoal.InfoHash{testInfoHash}
		got, failure := ParseScrape([]byte(test.query), before)
		if failure != shoal.OK || !slices.Equal(got, append(before, test.want...)) {
			t.Errorf("%q: %v, %v; want %v", test.query, got[1:], failure, test.want)
		}
	}
}

func TestParseScrapeRefuses(t *testing.T) {
	const valid = "info_hash=" + testHash
	for _, test := range []struct {
		query string
		want  shoal.Failure
	}{
		{"", shoal.ScrapeAll},
		{"info_hash", shoal.ScrapeAll},
		{"a=b&c", shoal.ScrapeAll},
		{"info_hash=", shoal.InfoHashInvalid},
		{"info_hash=" + strings.Repeat("a", 40), shoal.InfoHashInvalid},
		{valid + "&info_hash=x", shoal.InfoHashInvalid},
	} {
		before := []shoal.InfoHash{testInfoHash}
		if got, failure := ParseScrape([]byte(test.query), before); failure != test.want || len(got) != 1 {
			t.Errorf("%q: %d appended, %v; want none, %v", test.query, len(got)-1, failure, test.want)
		}
	}
}

func TestParseScrapeStopsAtMaxScrape(t *testing.T) {
	var query strings.Builder
	for i := range MaxScrape {
		fmt.Fprintf(&query, "info_hash=%020d&info_hash=%020d&", i, i)
	}
	query.WriteString("info_hash=99999999999999999999&info_hash=invalid")
	got, failure := ParseScrape([]byte(query.String()), nil)
	if failure != shoal.OK || len(got) != MaxScrape {
		t.Fatalf("%d hashes, %v; want the first %d", len(got), failure, MaxScrape)
	}
	for i, hash := range got {
		if string(hash[:]) != fmt.Sprintf("%020d", i) {
			t.Errorf("hash %d is %q", i, hash[:])
		}
	}
}

func TestAppendScrape(t *testing.T) {
	hashes := []shoal.InfoHash{shoal.InfoHash([]byte("zzzzzzzzzzzzzzzzzzzz")), shoal.InfoHash([]byte("aaaaaaaaaaaaaaaaaaaa"))}
	counts := []shoal.ScrapeCounts{{Complete: 5, Downloaded: 4294967295, Incomplete: 3}, {}}
	const want = "d5:filesd" +
		"20:zzzzzzzzzzzzzzzzzzzzd8:completei5e10:downloadedi4294967295e10:incompletei3ee" +
		"20:aaaaaaaaaaaaaaaaaaaad8:completei0e10:downloadedi0e10:incompletei0ee" +
		"e5:flagsd20:min_request_intervali900eee"
	if got := AppendScrape([]byte("x"), hashes, counts, 900); string(got) != "x"+want {
		t.Errorf("got  %s\nwant x%s", got, want)
	}
	const none = "d5:filesde5:flagsd20:min_request_intervali0eee"
	if got := AppendScrape(nil, nil, nil, 0); string(got) != none {
		t.Errorf("of nothing: %s\nwant %s", got, none)
	}
}
