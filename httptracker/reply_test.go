package httptracker

import (
	"bytes"
	"math"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/shoal-tracker/shoal"
)

// The golden replies: the answer as it is on the wire, key by key.
const (
	goldenHead = `64
		38 3a 63 6f 6d 70 6c 65 74 65  69 35 65
		31 31 3a 65 78 74 65 72 6e 61 6c 20 69 70  34 3a cb 00 71 09
		31 30 3a 69 6e 63 6f 6d 70 6c 65 74 65  69 33 65
		38 3a 69 6e 74 65 72 76 61 6c  69 31 38 30 30 65
		31 32 3a 6d 69 6e 20 69 6e 74 65 72 76 61 6c  69 33 30 30 65
		35 3a 70 65 65 72 73  31 32 3a `
	goldenPeers4 = `c0 00 02 01 1a e1  c6 33 64 07 ff ff `
	goldenPeers6 = `36 3a 70 65 65 72 73 36  33 36 3a
		20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01  1a e1
		20 01 0d b8 00 01 00 02 00 03 00 04 00 05 00 06  00 01 `
	goldenEnd = `65`
)

func TestAppendAnnounce(t *testing.T) {
	res := testResponse()
	external := netip.MustParseAddr("203.0.113.9")
	want := unhex(t, goldenHead+goldenPeers4+goldenPeers6+goldenEnd)
	if got := AppendAnnounce([]byte("x"), res, external); string(got) != "x"+want {
		t.Errorf("both families:\n got %q\nwant %q", got, "x"+want)
	}
	if got := AppendAnnounce(nil, res, netip.MustParseAddr("::ffff:203.0.113.9")); string(got) != want {
		t.Errorf("a mapped external address:\n got %q\nwant %q", got, want)
	}

	res.Peers6 = nil
	want = unhex(t, goldenHead+goldenPeers4+goldenEnd)
	if got := AppendAnnounce(nil, res, external); string(got) != want {
		t.Errorf("IPv4 only:\n got %q\nwant %q", got, want)
	}

	res.Peers4 = nil
	const bare = "d8:completei5e10:incompletei3e8:intervali1800e12:min intervali300e5:peers0:e"
	if got := AppendAnnounce(nil, res, netip.Addr{}); string(got) != bare {
		t.Errorf("nobody, and no external address:\n got %q\nwant %q", got, bare)
	}

	const external6 = "d8:completei5e11:external ip16: \x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0910:incomplete"
	if got := AppendAnnounce(nil, res, netip.MustParseAddr("2001:db8::9")); !strings.HasPrefix(string(got), external6) {
		t.Errorf("an external IPv6 address: %q\nwant %q…", got, external6)
	}
}

func TestPrependAnnounce(t *testing.T) {
	res := testResponse()
	external := netip.MustParseAddr("203.0.113.9")
	buf := bytes.Repeat([]byte{'#'}, 500)
	end := Headroom + 7
	copy(buf[end:], res.Peers4)

	start := PrependAnnounce(buf, end, res, external)
	got := AppendAnnounceTail(buf[:end+len(res.Peers4)], res)[start:]
	if want := unhex(t, goldenHead+goldenPeers4+goldenPeers6+goldenEnd); string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if before := string(buf[:start]); strings.Trim(before, "#") != "" {
		t.Errorf("bytes before the reply were written: %q", before)
	}
}

func TestHeadroomIsEnoughAndNoMore(t *testing.T) {
	res := &shoal.AnnounceResponse{
		Interval: math.MaxUint32, MinInterval: math.MaxUint32, Complete: math.MaxUint32, Incomplete: math.MaxUint32,
		Peers4: make([]byte, 200*shoal.CompactSize4),
	}
	buf := make([]byte, Headroom)
	start := PrependAnnounce(buf, Headroom, res, netip.IPv6Unspecified())
	// A slice that has 19 digits of bytes doesn't fit this machine; one of 4 does.
	if unused := len("9223372036854775807") - len("1200"); start != unused {
		t.Errorf("the largest head leaves %d bytes of Headroom, want %d", start, unused)
	}
}

// Writing around the peers, writing all at once and reading agree.
func TestAnnounceRepliesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		res := drawResponse(t)
		external := drawAddr(t)
		plain := AppendAnnounce(nil, res, external)

		buf := make([]byte, Headroom, Headroom+len(plain))
		buf = append(buf, res.Peers4...)
		start := PrependAnnounce(buf, Headroom, res, external)
		if around := AppendAnnounceTail(buf, res)[start:]; !bytes.Equal(around, plain) {
			t.Fatalf("around the peers: %q\nall at once:      %q", around, plain)
		}

		compact, err := ParseAnnounceReply(plain)
		if err != nil {
			t.Fatalf("%q: %v", plain, err)
		}
		if compact.Interval != res.Interval || compact.MinInterval != res.MinInterval ||
			compact.Complete != res.Complete || compact.Incomplete != res.Incomplete || compact.ExternalIP != external {
			t.Fatalf("%+v with %v read back as %+v", res, external, compact)
		}
		if n := len(res.Peers4)/shoal.CompactSize4 + len(res.Peers6)/shoal.CompactSize6; len(compact.Peers) != n {
			t.Fatalf("%d of %d peers read back", len(compact.Peers), n)
		}

		written := AppendAnnounceDictionary(nil, res, external, rapid.Bool().Draw(t, "noPeerID"))
		dictionary, err := ParseAnnounceReply(written)
		if err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if !sameReply(compact, dictionary) {
			t.Fatalf("compact:    %+v\ndictionary: %+v", compact, dictionary)
		}
	})
}

func drawResponse(t *rapid.T) *shoal.AnnounceResponse {
	res := &shoal.AnnounceResponse{
		Interval:    rapid.Uint32().Draw(t, "interval"),
		MinInterval: rapid.Uint32().Draw(t, "min interval"),
		Complete:    rapid.Uint32().Draw(t, "complete"),
		Incomplete:  rapid.Uint32().Draw(t, "incomplete"),
	}
	for range rapid.IntRange(0, 12).Draw(t, "peers4") {
		res.Peers4 = append(res.Peers4, rapid.SliceOfN(rapid.Byte(), shoal.CompactSize4, shoal.CompactSize4).Draw(t, "peer")...)
	}
	for range rapid.IntRange(0, 12).Draw(t, "peers6") {
		res.Peers6 = append(res.Peers6, rapid.SliceOfN(rapid.Byte(), shoal.CompactSize6, shoal.CompactSize6).Draw(t, "peer")...)
		res.IDs6 = append(res.IDs6, shoal.PeerID([]byte(testPeerID)))
	}
	return res
}

func drawAddr(t *rapid.T) netip.Addr {
	n := rapid.SampledFrom([]int{0, 4, 16}).Draw(t, "address size")
	addr, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "address"))
	return addr.Unmap()
}
