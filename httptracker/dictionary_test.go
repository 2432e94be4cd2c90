package httptracker

import (
	"net/netip"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestAppendAnnounceDictionary(t *testing.T) {
	const counts = "d8:completei5e11:external ip4:\xcb\x00\x71\x0910:incompletei3e8:intervali1800e12:min intervali300e"
	const withIDs = counts + "5:peersl" +
		"d2:ip9:192.0.2.17:peer id20:-SH0001-aaaaaaaaaaaa4:porti6881ee" +
		"d2:ip12:198.51.100.77:peer id20:-SH0001-bbbbbbbbbbbb4:porti65535ee" +
		"d2:ip11:2001:db8::17:peer id20:-SH0001-cccccccccccc4:porti6881ee" +
		"d2:ip20:2001:db8:1:2:3:4:5:67:peer id20:-SH0001-dddddddddddd4:porti1ee" +
		"ee"
	const withoutIDs = counts + "5:peersl" +
		"d2:ip9:192.0.2.14:porti6881ee" +
		"d2:ip12:198.51.100.74:porti65535ee" +
		"d2:ip11:2001:db8::14:porti6881ee" +
		"d2:ip20:2001:db8:1:2:3:4:5:64:porti1ee" +
		"ee"
	external := netip.MustParseAddr("203.0.113.9")
	unknown := testResponse()
	unknown.IDs4, unknown.IDs6 = nil, nil
	for _, test := range []struct {
		name     string
		res      *shoal.AnnounceResponse
		noPeerID bool
		want     string
	}{
		{"IDs", testResponse(), false, withIDs},
		{"IDs not wanted", testResponse(), true, withoutIDs},
		{"IDs not known", unknown, false, withoutIDs},
		{"nobody", &shoal.AnnounceResponse{Interval: 1800, MinInterval: 300, Complete: 5, Incomplete: 3}, false, counts + "5:peerslee"},
	} {
		if got := AppendAnnounceDictionary([]byte("x"), test.res, external, test.noPeerID); string(got) != "x"+test.want {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, "x"+test.want)
		}
	}
}

// The longest text an address can have must not outgrow its room.
func TestAppendAnnounceDictionaryLongAddress(t *testing.T) {
	for _, test := range []struct{ peer, want string }{
		{
			"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00",
			"d2:ip39:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff4:porti0ee",
		},
		{
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\x00\x00",
			"d2:ip22:::ffff:255.255.255.2554:porti0ee",
		},
	} {
		res := &shoal.AnnounceResponse{Peers6: []byte(test.peer)}
		want := "d8:completei0e10:incompletei0e8:intervali0e12:min intervali0e5:peersl" + test.want + "ee"
		if got := AppendAnnounceDictionary(nil, res, netip.Addr{}, false); string(got) != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
