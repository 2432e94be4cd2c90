package udptracker

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
)

func TestParseAnnounce(t *testing.T) {
	put64 := func(at int, v uint64) func([]byte) {
		return func(p []byte) { binary.BigEndian.PutUint64(p[at:], v) }
	}
	put32 := func(at int, v uint32) func([]byte) {
		return func(p []byte) { binary.BigEndian.PutUint32(p[at:], v) }
	}
	tests := []struct {
		name   string
		change func(p []byte)
		want   func(r *shoal.AnnounceRequest)
	}{
		{"as it is", func([]byte) {}, func(*shoal.AnnounceRequest) {}},
		{"the key says nothing", func(p []byte) { copy(p[88:92], "junk") }, func(*shoal.AnnounceRequest) {}},
		{"an address", func(p []byte) { copy(p[84:88], "\x08\x07\x06\x05") }, func(r *shoal.AnnounceRequest) { r.Claimed = netip.MustParseAddr("8.7.6.5") }},
		{"port 0", func(p []byte) { p[96], p[97] = 0, 0 }, func(r *shoal.AnnounceRequest) { r.Addr = netip.AddrPortFrom(here, 0) }},
		{"port 65535", func(p []byte) { p[96], p[97] = 255, 255 }, func(r *shoal.AnnounceRequest) { r.Addr = netip.AddrPortFrom(here, 65535) }},
		{"no event", put32(80, 0), func(r *shoal.AnnounceRequest) { r.Event = shoal.EventNone }},
		{"completed", put32(80, 1), func(r *shoal.AnnounceRequest) { r.Event = shoal.EventCompleted }},
		{"stopped", put32(80, 3), func(r *shoal.AnnounceRequest) { r.Event = shoal.EventStopped }},
		{"paused", put32(80, 4), func(r *shoal.AnnounceRequest) { r.Event = shoal.EventPaused }},
		{"event 5", put32(80, 5), func(r *shoal.AnnounceRequest) { r.Event = shoal.EventNone }},
		{"event whose last byte is known", put32(80, 0x102), func(r *shoal.AnnounceRequest) { r.Event = shoal.EventNone }},
		{"numwant 0", put32(92, 0), func(r *shoal.AnnounceRequest) { r.NumWant = 0 }},
		{"numwant -1", put32(92, math.MaxUint32), func(r *shoal.AnnounceRequest) { r.NumWant = shoal.NumWantDefault }},
		{"numwant most negative", put32(92, 1<<31), func(r *shoal.AnnounceRequest) { r.NumWant = shoal.NumWantDefault }},
		{"numwant largest", put32(92, math.MaxInt32), func(r *shoal.AnnounceRequest) { r.NumWant = math.MaxInt32 }},
		{"left 0", put64(64, 0), func(r *shoal.AnnounceRequest) { r.Left = 0 }},
		{"left -1", put64(64, math.MaxUint64), func(r *shoal.AnnounceRequest) { r.Left = shoal.LeftUnknown }},
		{"left of a magnet link", put64(64, math.MaxInt64), func(r *shoal.AnnounceRequest) { r.Left = math.MaxInt64 }},
		{"downloaded largest", put64(56, math.MaxInt64), func(r *shoal.AnnounceRequest) { r.Downloaded = math.MaxInt64 }},
		{"downloaded negative", put64(56, 1<<63), func(r *shoal.AnnounceRequest) { r.Downloaded = 0 }},
		{"uploaded negative", put64(72, math.MaxUint64), func(r *shoal.AnnounceRequest) { r.Uploaded = 0 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := packet(t, goldenAnnounce)
			test.change(p)
			want := goldenRequest()
			test.want(&want)

			got := soiled()
			if failure := ParseAnnounce(p, &got); failure != shoal.OK {
				t.Fatalf("refused: %v", failure)
			}
			if diff := cmp.Diff(want, got, byAddr, byIP); diff != "" {
				t.Errorf("request differs (-want +got):\n%s", diff)
			}
		})
	}
}

// soiled is a request that another announce has been read into before.
func soiled() shoal.AnnounceRequest {
	return shoal.AnnounceRequest{
		InfoHash: allOnes, PeerID: shoal.PeerID(allOnes), Addr: netip.AddrPortFrom(here, 9),
		Uploaded: 9, Downloaded: 9, Left: 9, NumWant: 9, Event: shoal.EventStopped,
		Claimed: netip.MustParseAddr("192.0.2.9"), AuthKey: shoal.AuthKey{9},
	}
}

const someKey = "qkVbNbvlDwXrdzFGaPcEm3hS9T0u1Y2Z"

// The key of a private tracker is in the options behind an announce.
func TestParseAnnounceAuthKey(t *testing.T) {
	key, invalid := shoal.ParseAuthKey([]byte(someKey)), shoal.ParseAuthKey([]byte("short"))
	piece := func(s string) string { return string([]byte{2, byte(len(s))}) + s }
	far := strings.Repeat("/123456789", 102) // 1,020 bytes
	for _, test := range []struct {
		name, options string
		want          shoal.AuthKey
	}{
		{"no options", "", shoal.AuthKey{}},
		{"end", "\x00", shoal.AuthKey{}},
		{"usual path", piece("/announce"), shoal.AuthKey{}},
		{"behind", piece("/announce/" + someKey), key},
		{"before", piece("/" + someKey + "/announce"), key},
		{"passkey", piece("/announce?passkey=" + someKey), key},
		{"with an end", piece("/announce/"+someKey) + "\x00" + piece("?passkey=short"), key},
		{"padded", "\x01\x01" + piece("/announce/"+someKey) + "\x01\x01\x00", key},
		{"in pieces", piece("/ann") + piece("ounce/"+someKey[:5]) + "\x01" + piece("") + piece(someKey[5:]), key},
		{"a key in pieces that are keys", piece("/announce/"+someKey) + piece("more"), shoal.ParseAuthKey([]byte(someKey + "more"))},
		{"behind an unknown option", piece("/announce/") + "\x03" + piece(someKey), shoal.AuthKey{}},
		{"cut off", piece("/announce/" + someKey)[:20], shoal.AuthKey{}},
		{"short", piece("/announce/short"), invalid},
		{"URL of 255 bytes", piece("/announce/" + someKey + "/" + strings.Repeat("x", 255-len("/announce/"+someKey+"/"))), key},
		{"longest URL", string(appendURLOptions(nil, far[:1024-len("/announce/"+someKey)]+"/announce/"+someKey)), key},
		{"beyond the longest", string(appendURLOptions(nil, far+"/announce/"+someKey)), shoal.AuthKey{}},
		{"much longer", string(appendURLOptions(nil, "/announce/"+someKey+far+far)), key},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := soiled()
			if failure := ParseAnnounce(append(packet(t, goldenAnnounce), test.options...), &req); failure != shoal.OK {
				t.Fatalf("refused: %v", failure)
			}
			if req.AuthKey != test.want {
				t.Errorf("got %x, want %x", req.AuthKey, test.want)
			}
		})
	}
}

func TestParseAnnounceLength(t *testing.T) {
	whole := packet(t, goldenAnnounce)
	for n := range whole {
		req := soiled()
		if failure := ParseAnnounce(whole[:n], &req); failure != shoal.PacketShort {
			t.Errorf("%d bytes: got %v", n, failure)
		}
	}
	req := soiled()
	if failure := ParseAnnounce(append(whole, "trailing"...), &req); failure != shoal.OK {
		t.Errorf("trailing bytes: got %v", failure)
	}
}

func TestAppendAnnounceNumWant(t *testing.T) {
	for numWant, want := range map[int]uint32{
		shoal.NumWantDefault: math.MaxUint32,
		math.MinInt64:        math.MaxUint32,
		0:                    0,
		math.MaxInt64:        math.MaxInt32,
	} {
		p := AppendAnnounce(nil, 0, 0, &shoal.AnnounceRequest{NumWant: numWant}, 0, "")
		if got := binary.BigEndian.Uint32(p[92:]); got != want {
			t.Errorf("numwant %d is sent as %#x, want %#x", numWant, got, want)
		}
	}
}

func TestPutAnnounceHeader(t *testing.T) {
	want := packet(t, goldenAnnounceReply4)
	got := append(make([]byte, AnnounceHeader), want[AnnounceHeader:]...)
	PutAnnounceHeader(got, goldenTransaction, &shoal.AnnounceResponse{
		Interval: 1800, MinInterval: 300, Incomplete: 3, Complete: 5, Peers4: got[AnnounceHeader:],
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reply differs (-want +got):\n%s", diff)
	}
}

func TestParseAnnounceReply(t *testing.T) {
	head := shoal.AnnounceResponse{Interval: 1800, Incomplete: 3, Complete: 5}
	with := func(peers4, peers6 []byte) shoal.AnnounceResponse {
		res := head
		res.Peers4, res.Peers6 = peers4, peers6
		return res
	}
	whole4, whole6 := packet(t, goldenAnnounceReply4), packet(t, goldenAnnounceReply6)
	tests := []struct {
		name string
		in   []byte
		ipv6 bool
		want shoal.AnnounceResponse
		err  error
	}{
		{"IPv4", whole4, false, with(whole4[20:], nil), nil},
		{"IPv6", whole6, true, with(nil, whole6[20:]), nil},
		{"no peers over IPv4", whole4[:20], false, with([]byte{}, nil), nil},
		{"no peers over IPv6", whole6[:20], true, with(nil, []byte{}), nil},
		{"half a peer over IPv4", whole4[:29], false, shoal.AnnounceResponse{}, ErrReplyLength},
		{"half a peer over IPv6", whole6[:30], true, shoal.AnnounceResponse{}, ErrReplyLength},
		{"IPv4 peers over IPv6", whole4, true, shoal.AnnounceResponse{}, ErrReplyLength},
		{"half a header", whole4[:19], false, shoal.AnnounceResponse{}, ErrReplyShort},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseAnnounceReply(test.in, goldenTransaction, test.ipv6)
			if !errors.Is(err, test.err) {
				t.Fatalf("got error %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("reply differs (-want +got):\n%s", diff)
			}
		})
	}
}

// What a client sends, a tracker reads back.
func FuzzAnnounceRoundTrip(f *testing.F) {
	f.Add(uint64(1024), uint64(4096), uint64(512), int32(50), uint8(2), uint16(6881), "/announce?a=b")
	f.Add(uint64(1), uint64(1), uint64(1), int32(1), uint8(1), uint16(1), "/announce/"+someKey+strings.Repeat("/more", 200))
	f.Add(uint64(math.MaxInt64), uint64(math.MaxUint64), uint64(0), int32(-1), uint8(4), uint16(0), "")
	f.Fuzz(func(t *testing.T, downloaded, left, uploaded uint64, numWant int32, event uint8, port uint16, urlData string) {
		want := shoal.AnnounceRequest{
			InfoHash: goldenHash, PeerID: shoal.PeerID(allOnes), Addr: netip.AddrPortFrom(here, port),
			Downloaded: downloaded >> 1, Left: left, Uploaded: uploaded >> 1,
			NumWant: max(int(numWant), shoal.NumWantDefault), Event: shoal.Event(event % 5),
			AuthKey: shoal.AuthKeyOfURL([]byte(urlData[:min(len(urlData), 1024)])),
		}
		p := AppendAnnounce(nil, goldenConnectionID, goldenTransaction, &want, goldenKey, urlData)
		got := soiled()
		if failure := ParseAnnounce(p, &got); failure != shoal.OK || got != want {
			t.Errorf("got %+v (%v), want %+v", got, failure, want)
		}
		if data := string(AppendURLData(nil, p[AnnounceSize:])); data != urlData {
			t.Errorf("URL data: got %q, want %q", data, urlData)
		}
		if h, ok := ParseHeader(p); !ok || h != (Header{goldenConnectionID, ActionAnnounce, goldenTransaction}) {
			t.Errorf("header: got %+v", h)
		}
	})
}
