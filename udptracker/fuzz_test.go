package udptracker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
)

// The oracles below read the same packets a second time, slowly and from the
// tables of BEP 15, with encoding/binary filling structs in order.

type wireAnnounce struct {
	ConnectionID               uint64
	Action, Transaction        uint32
	InfoHash, PeerID           [20]byte
	Downloaded, Left, Uploaded int64
	Event, IP, Key             uint32
	NumWant                    int32
	Port                       uint16
}

func FuzzParseAnnounce(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte) {
		got := soiled()
		failure := ParseAnnounce(p, &got)

		var wire wireAnnounce
		if err := binary.Read(bytes.NewReader(p), binary.BigEndian, &wire); err != nil {
			if failure != shoal.PacketShort {
				t.Fatalf("got %v, want PacketShort: %v", failure, err)
			}
			return
		}
		want := shoal.AnnounceRequest{
			InfoHash: wire.InfoHash, PeerID: wire.PeerID, Addr: netip.AddrPortFrom(here, wire.Port),
			Left: uint64(wire.Left), NumWant: int(wire.NumWant),
		}
		data := naiveURLData(p[98:])
		want.AuthKey = shoal.AuthKeyOfURL([]byte(data[:min(len(data), 1024)]))
		if ip := wire.IP; ip != 0 {
			want.Claimed = netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)})
		}
		if wire.Downloaded > 0 {
			want.Downloaded = uint64(wire.Downloaded)
		}
		if wire.Uploaded > 0 {
			want.Uploaded = uint64(wire.Uploaded)
		}
		if wire.NumWant < 0 {
			want.NumWant = shoal.NumWantDefault
		}
		want.Event = map[uint32]shoal.Event{
			1: shoal.EventCompleted, 2: shoal.EventStarted, 3: shoal.EventStopped, 4: shoal.EventPaused,
		}[wire.Event]
		if failure != shoal.OK || got != want {
			t.Errorf("got %+v (%v), want %+v", got, failure, want)
		}
	})
}

func naiveURLData(options []byte) string {
	var want bytes.Buffer
	r := bytes.NewReader(options)
options:
	for {
		kind, err := r.ReadByte()
		if err != nil {
			break
		}
		switch kind {
		case 1:
		case 2:
			length, err := r.ReadByte()
			if err != nil {
				break options
			}
			data := make([]byte, length)
			if _, err := io.ReadFull(r, data); err != nil {
				break options
			}
			want.Write(data)
		default:
			break options
		}
	}
	return want.String()
}

func FuzzAppendURLData(f *testing.F) {
	f.Fuzz(func(t *testing.T, options []byte) {
		want := naiveURLData(options)
		got := AppendURLData(nil, options)
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if len(got) > len(options) {
			t.Errorf("%d bytes out of %d", len(got), len(options))
		}
	})
}

func FuzzParseScrape(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte) {
		got, failure := ParseScrape(p, nil)

		var want []shoal.InfoHash
		r := bytes.NewReader(p)
		_, _ = io.CopyN(io.Discard, r, 16)
		for len(want) < 74 {
			var hash shoal.InfoHash
			if _, err := io.ReadFull(r, hash[:]); err != nil {
				break
			}
			want = append(want, hash)
		}
		if (failure == shoal.OK) != (len(want) > 0) || (failure != shoal.OK && failure != shoal.PacketShort) {
			t.Errorf("got failure %v for %d hashes", failure, len(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("hashes differ (-want +got):\n%s", diff)
		}
	})
}

// refusal is what an oracle expects of a reply's first eight bytes; done is
// whether there is nothing more to read.
func refusal(t *testing.T, p []byte, action uint32, err error) (done bool) {
	var head struct{ Action, Transaction uint32 }
	var remote *RemoteError
	switch n, _ := binary.Decode(p, binary.BigEndian, &head); {
	case n == 0:
		if !errors.Is(err, ErrReplyShort) {
			t.Errorf("got %v, want %v", err, ErrReplyShort)
		}
	case head.Transaction != goldenTransaction:
		if !errors.Is(err, ErrReplyTransaction) {
			t.Errorf("got %v, want %v", err, ErrReplyTransaction)
		}
	case head.Action == 3:
		text := p[8:]
		for len(text) > 0 && text[len(text)-1] == 0 {
			text = text[:len(text)-1]
		}
		if !errors.As(err, &remote) || remote.Text != string(text) {
			t.Errorf("got %v, want the error %q", err, text)
		}
	case head.Action != action:
		if !errors.Is(err, ErrReplyAction) {
			t.Errorf("got %v, want %v", err, ErrReplyAction)
		}
	default:
		return false
	}
	return true
}

func FuzzParseConnectReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte) {
		got, err := ParseConnectReply(p, goldenTransaction)
		if refusal(t, p, 0, err) {
			return
		}
		var wire struct {
			Action, Transaction uint32
			ConnectionID        uint64
		}
		if n, _ := binary.Decode(p, binary.BigEndian, &wire); n == 0 {
			if !errors.Is(err, ErrReplyShort) {
				t.Errorf("got %v, want %v", err, ErrReplyShort)
			}
		} else if err != nil || got != wire.ConnectionID {
			t.Errorf("got %#x, %v; want %#x", got, err, wire.ConnectionID)
		}
	})
}

func FuzzParseAnnounceReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte, ipv6 bool) {
		got, err := ParseAnnounceReply(p, goldenTransaction, ipv6)
		if refusal(t, p, 1, err) {
			return
		}
		var wire struct{ Action, Transaction, Interval, Leechers, Seeders uint32 }
		r := bytes.NewReader(p)
		if readErr := binary.Read(r, binary.BigEndian, &wire); readErr != nil {
			if !errors.Is(err, ErrReplyShort) {
				t.Errorf("got %v, want %v", err, ErrReplyShort)
			}
			return
		}
		peer := make([]byte, 6)
		if ipv6 {
			peer = make([]byte, 18)
		}
		peers := []byte{}
		for {
			_, readErr := io.ReadFull(r, peer)
			if errors.Is(readErr, io.EOF) {
				break
			}
			if readErr != nil {
				if !errors.Is(err, ErrReplyLength) {
					t.Errorf("got %v, want %v", err, ErrReplyLength)
				}
				return
			}
			peers = append(peers, peer...)
		}
		want := shoal.AnnounceResponse{Interval: wire.Interval, Incomplete: wire.Leechers, Complete: wire.Seeders}
		if ipv6 {
			want.Peers6 = peers
		} else {
			want.Peers4 = peers
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v; reply differs (-want +got):\n%s", err, diff)
		}
	})
}

func FuzzParseScrapeReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte) {
		got, err := ParseScrapeReply(p, goldenTransaction, nil)
		if refusal(t, p, 2, err) {
			return
		}
		var want []shoal.ScrapeCounts
		r := bytes.NewReader(p[8:])
		for {
			var wire struct{ Seeders, Completed, Leechers uint32 }
			readErr := binary.Read(r, binary.BigEndian, &wire)
			if errors.Is(readErr, io.EOF) {
				break
			}
			if readErr != nil {
				if !errors.Is(err, ErrReplyLength) || got != nil {
					t.Errorf("got %v, %v; want %v", got, err, ErrReplyLength)
				}
				return
			}
			want = append(want, shoal.ScrapeCounts{Complete: wire.Seeders, Downloaded: wire.Completed, Incomplete: wire.Leechers})
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v; counts differ (-want +got):\n%s", err, diff)
		}
	})
}
