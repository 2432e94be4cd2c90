package udptracker

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// The committed corpora meet every way there is to refuse a packet, so that a
// run without fuzzing compares each of them with the oracles.
func TestCorporaMeetEveryError(t *testing.T) {
	failed := func(f shoal.Failure) error {
		if f == shoal.OK {
			return nil
		}
		return f
	}
	remote := errors.New("error packet")
	replied := func(err error) error {
		if _, ok := errors.AsType[*RemoteError](err); ok {
			return remote
		}
		return err
	}
	targets := []struct {
		name  string
		parse func(p []byte) error
		want  []error
	}{
		{"FuzzParseAnnounce", func(p []byte) error {
			return failed(ParseAnnounce(p, new(shoal.AnnounceRequest)))
		}, []error{nil, shoal.PacketShort}},
		{"FuzzParseScrape", func(p []byte) error {
			_, failure := ParseScrape(p, nil)
			return failed(failure)
		}, []error{nil, shoal.PacketShort}},
		{"FuzzParseConnectReply", func(p []byte) error {
			_, err := ParseConnectReply(p, goldenTransaction)
			return replied(err)
		}, []error{nil, ErrReplyShort, ErrReplyTransaction, ErrReplyAction, remote}},
		{"FuzzParseAnnounceReply", func(p []byte) error {
			_, err := ParseAnnounceReply(p, goldenTransaction, false)
			return replied(err)
		}, []error{nil, ErrReplyShort, ErrReplyTransaction, ErrReplyAction, ErrReplyLength, remote}},
		{"FuzzParseScrapeReply", func(p []byte) error {
			_, err := ParseScrapeReply(p, goldenTransaction, nil)
			return replied(err)
		}, []error{nil, ErrReplyShort, ErrReplyTransaction, ErrReplyAction, ErrReplyLength, remote}},
	}
	for _, target := range targets {
		t.Run(target.name, func(t *testing.T) {
			met := make(map[error]bool)
			for _, p := range corpus(t, target.name) {
				met[target.parse(p)] = true
			}
			for _, want := range target.want {
				if !met[want] {
					t.Errorf("no input of the corpus leads to: %v", want)
				}
			}
		})
	}
}

// corpus returns the packets in the committed corpus of a fuzz target.
func corpus(t *testing.T, target string) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "fuzz", target, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	var packets [][]byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			literal, ok := strings.CutPrefix(strings.TrimSpace(line), "[]byte(")
			if !ok {
				continue
			}
			p, err := strconv.Unquote(strings.TrimSuffix(literal, ")"))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			packets = append(packets, []byte(p))
		}
	}
	return packets
}
