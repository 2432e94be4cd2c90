package httptracker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/bencode"
)

func TestParseScrapeReply(t *testing.T) {
	a, z := shoal.InfoHash([]byte("aaaaaaaaaaaaaaaaaaaa")), shoal.InfoHash([]byte("zzzzzzzzzzzzzzzzzzzz"))
	type files = map[shoal.InfoHash]shoal.ScrapeCounts
	for _, test := range []struct {
		name string
		body string
		want ScrapeReply
	}{
		{
			"ours", string(AppendScrape(nil, []shoal.InfoHash{z, a}, []shoal.ScrapeCounts{{Complete: 5, Downloaded: 9, Incomplete: 3}, {}}, 900)),
			ScrapeReply{Files: files{z: {Complete: 5, Downloaded: 9, Incomplete: 3}, a: {}}, MinRequestInterval: 900},
		},
		{"no downloaded", "d5:filesd20:aaaaaaaaaaaaaaaaaaaad10:incompletei3e8:completei5e4:name1:xeee", ScrapeReply{Files: files{a: {Complete: 5, Incomplete: 3}}}},
		{"twice", "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5ee20:aaaaaaaaaaaaaaaaaaaad10:incompletei3eeee", ScrapeReply{Files: files{a: {Incomplete: 3}}}},
		{"out of range", "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei-5e10:incompletei4294967296eeee", ScrapeReply{Files: files{a: {Incomplete: 1<<32 - 1}}}},
		{"failure", "d14:failure reason2:noe", ScrapeReply{Files: files{}, Failure: "no"}},
		{"failure for ever", string(AppendFailure(nil, shoal.KeyMissing)), ScrapeReply{Files: files{}, Failure: shoal.KeyMissing.Error(), RetryIn: "never"}},
		{"minutes", "d14:failure reason2:no8:retry ini30ee", ScrapeReply{Files: files{}, Failure: "no", RetryIn: "30"}},
		{"unknown keys", "d1:ade5:flagsd1:xl0:ee1:yi0ee", ScrapeReply{Files: files{}}},
	} {
		got, err := ParseScrapeReply([]byte(test.body))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(test.want, *got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestCorpusReachesEveryScrapeReplyError(t *testing.T) {
	checkErrors(t, "FuzzParseScrapeReply", []string{
		`"files": "abc": info hash has 3 bytes, not 20`,
		`"files": "` + testPeerID + `": want dictionary, got integer`,
		`"files": want dictionary, got list`,
		`"files": "` + testPeerID + `": "complete": want integer, got string`,
		`"flags": want dictionary, got integer`,
		`"retry in": want integer or string, got list`,
		`"flags": "min_request_interval": want integer, got string`,
		bencode.ErrTruncated.Error(),
		bencode.ErrTrailing.Error(),
	}, "reading a scrape reply: ", func(body string) error {
		_, err := ParseScrapeReply([]byte(body))
		return err
	})
}
