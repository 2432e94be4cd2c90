package httptracker

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal/bencode"
)

func TestParseAnnounceReply(t *testing.T) {
	mapped := netip.MustParseAddrPort("192.0.2.1:258")
	for _, test := range []struct {
		name string
		body string
		want AnnounceReply
	}{
		{
			"full", string(AppendAnnounce(nil, testResponse(), netip.MustParseAddr("203.0.113.9"))),
			AnnounceReply{
				Interval: 1800, MinInterval: 300, Complete: 5, Incomplete: 3,
				Peers: testPeers, ExternalIP: netip.MustParseAddr("203.0.113.9"),
			},
		},
		{
			"dictionaries", "d5:peersld2:ip9:192.0.2.17:peer id20:" + testPeerID + "4:porti6881eed4:porti65535e2:ip12:198.51.100.7e" +
				"d2:ip11:2001:db8::14:porti6881eed2:ip20:2001:db8:1:2:3:4:5:64:porti1eeee",
			AnnounceReply{Peers: testPeers},
		},
		{
			"dictionaries nobody can dial", "d5:peersl" +
				"d2:ip11:example.org4:porti1ee" + "d2:ip9:192.0.2.14:porti65536ee" + "d2:ip9:192.0.2.14:porti-1ee" +
				"d4:porti1ee" + "d2:ip9:192.0.2.1e" + "de" + "ee",
			AnnounceReply{},
		},
		{
			"mapped addresses and zones", "d11:external ip16:" + strings.Repeat("\x00", 10) + "\xff\xff\xc0\x00\x02\x01" +
				"5:peersld2:ip16:::ffff:192.0.2.14:porti258eed2:ip12:fe80::1%eth04:porti1eee" +
				"6:peers618:" + strings.Repeat("\x00", 10) + "\xff\xff\xc0\x00\x02\x01\x01\x02e",
			AnnounceReply{
				ExternalIP: mapped.Addr(),
				Peers:      []netip.AddrPort{mapped, netip.MustParseAddrPort("[fe80::1]:1"), mapped},
			},
		},
		{
			"texts", "d14:failure reason2:no8:retry in5:never10:tracker id3:abc15:warning message3:olde",
			AnnounceReply{Failure: "no", RetryIn: "never", TrackerID: "abc", Warning: "old"},
		},
		{"minutes", "d8:retry ini30ee", AnnounceReply{RetryIn: "30"}},
		{"unknown keys", "d1:ali1ed1:b0:ee8:intervali5e1:z0:e", AnnounceReply{Interval: 5}},
		{"out of range", "d8:completei-1e8:intervali4294967296e12:min intervali9223372036854775807ee", AnnounceReply{Interval: 1<<32 - 1, MinInterval: 1<<32 - 1}},
		{"external address of 5 bytes", "d11:external ip5:12345e", AnnounceReply{}},
		{"nothing", "de", AnnounceReply{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseAnnounceReply([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, *got, compareAddresses); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	}
}

// announceReplyErrors is a part of every error text there is, next to
// bencode's.
var announceReplyErrors = []string{
	"want dictionary, got list",
	`"interval": want integer, got string`,
	`"peers": want string or list, got integer`,
	`"peers": compact peers have 7 bytes, not a multiple of 6`,
	`"peers6": compact peers have 6 bytes, not a multiple of 18`,
	`"peers": peer: want dictionary, got integer`,
	`"peers": "ip": want string, got integer`,
	`"peers": "port": want integer, got string`,
	`"failure reason": want string, got integer`,
	`"retry in": want integer or string, got list`,
	`"external ip": want string, got integer`,
	bencode.ErrTruncated.Error(),
	bencode.ErrTrailing.Error(),
}

func TestCorpusReachesEveryAnnounceReplyError(t *testing.T) {
	checkErrors(t, "FuzzParseAnnounceReply", announceReplyErrors, "reading an announce reply: ", func(body string) error {
		_, err := ParseAnnounceReply([]byte(body))
		return err
	})
}

func checkErrors(t *testing.T, target string, texts []string, start string, parse func(string) error) {
	t.Helper()
	reached := map[string]bool{}
	for _, body := range corpus(t, target) {
		err := parse(body)
		if err == nil {
			continue
		}
		if !strings.HasPrefix(err.Error(), start) {
			t.Errorf("%q: %v; want it to begin %q", body, err, start)
		}
		for _, text := range texts {
			if strings.HasSuffix(err.Error(), text) {
				reached[text] = true
			}
		}
	}
	for _, text := range texts {
		if !reached[text] {
			t.Errorf("no input of the corpus ends with: %s", text)
		}
	}
}

func TestErrorsQuoteKeys(t *testing.T) {
	_, err := ParseScrapeReply([]byte("d5:filesd4:\x1b[2Jdeee"))
	if err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("a key with an escape sequence: %q", err)
	}
	_, err = ParseScrapeReply([]byte("d5:filesd1000:" + strings.Repeat("x", 1000) + "deee"))
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("a key of 1000 bytes: %v", err)
	}
}
