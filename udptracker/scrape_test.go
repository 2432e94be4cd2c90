package udptracker

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
)

func TestParseScrape(t *testing.T) {
	whole := packet(t, goldenScrape)
	tests := []struct {
		name    string
		in      []byte
		want    []shoal.InfoHash
		failure shoal.Failure
	}{
		{"two", whole, []shoal.InfoHash{goldenHash, allOnes}, shoal.OK},
		{"one and a half", whole[:46], []shoal.InfoHash{goldenHash}, shoal.OK},
		{"one", whole[:36], []shoal.InfoHash{goldenHash}, shoal.OK},
		{"the same again", append(whole[:36:36], whole[16:36]...), []shoal.InfoHash{goldenHash, goldenHash}, shoal.OK},
		{"half of one", whole[:35], nil, shoal.PacketShort},
		{"none", whole[:16], nil, shoal.PacketShort},
		{"no header", whole[:15], nil, shoal.PacketShort},
		{"nothing", nil, nil, shoal.PacketShort},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, failure := ParseScrape(test.in, nil)
			if failure != test.failure {
				t.Errorf("got failure %v, want %v", failure, test.failure)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("hashes differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseScrapeCap(t *testing.T) {
	var hashes []shoal.InfoHash
	for i := range MaxScrape + 3 {
		hashes = append(hashes, shoal.InfoHash{byte(i)})
	}
	before := shoal.InfoHash{99}
	got, failure := ParseScrape(AppendScrape(nil, 1, 2, hashes), []shoal.InfoHash{before})
	if failure != shoal.OK {
		t.Fatalf("refused: %v", failure)
	}
	if diff := cmp.Diff(append([]shoal.InfoHash{before}, hashes[:MaxScrape]...), got); diff != "" {
		t.Errorf("hashes differ (-want +got):\n%s", diff)
	}
}

func TestParseScrapeReply(t *testing.T) {
	whole := packet(t, goldenScrapeReply)
	before := shoal.ScrapeCounts{Complete: 9}
	first := shoal.ScrapeCounts{Complete: 1, Downloaded: 2, Incomplete: 3}
	second := shoal.ScrapeCounts{Complete: 4, Downloaded: 5, Incomplete: 6}
	tests := []struct {
		name string
		in   []byte
		want []shoal.ScrapeCounts
		err  error
	}{
		{"two", whole, []shoal.ScrapeCounts{before, first, second}, nil},
		{"one", whole[:20], []shoal.ScrapeCounts{before, first}, nil},
		{"none", whole[:8], []shoal.ScrapeCounts{before}, nil},
		{"one and a half", whole[:26], []shoal.ScrapeCounts{before}, ErrReplyLength},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseScrapeReply(test.in, goldenTransaction, []shoal.ScrapeCounts{before})
			if !errors.Is(err, test.err) {
				t.Errorf("got error %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("counts differ (-want +got):\n%s", diff)
			}
		})
	}
}
