package client

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/udptracker"
)

var byAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

// answerer returns the packets that answer one packet; n counts from 0.
type answerer func(n int, h udptracker.Header, p []byte) [][]byte

// serveUDP answers on a socket of its own until the test is over.
func serveUDP(t *testing.T, address string, answer answerer) (host string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := make([]byte, 4096)
		for n := 0; ; n++ {
			length, from, err := conn.ReadFrom(p)
			if err != nil {
				return
			}
			h, _ := udptracker.ParseHeader(p[:length])
			for _, reply := range answer(n, h, p[:length]) {
				conn.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

const connectionID = 0x1122334455667788

func one(p []byte) [][]byte { return [][]byte{p} }

// connects answers connects, and what has the connection ID by next.
func connects(next func(h udptracker.Header, p []byte) [][]byte) answerer {
	return func(_ int, h udptracker.Header, p []byte) [][]byte {
		switch {
		case h.Action == udptracker.ActionConnect && h.ConnectionID == udptracker.ProtocolID:
			return one(udptracker.AppendConnectReply(nil, h.Transaction, connectionID))
		case h.ConnectionID == connectionID:
			return next(h, p)
		}
		return nil
	}
}

// someKey is the key of a private tracker.
const someKey = "qkVbNbvlDwXrdzFGaPcEm3hS9T0u1Y2Z"

func announceReply(h udptracker.Header, peers ...byte) []byte {
	reply := append(make([]byte, udptracker.AnnounceHeader), peers...)
	udptracker.PutAnnounceHeader(reply, h.Transaction, &shoal.AnnounceResponse{Interval: 1800, Complete: 5, Incomplete: 3})
	return reply
}

var (
	peer4 = []byte{192, 0, 2, 1, 0x1a, 0xe1}
	peer6 = []byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x1a, 0xe1}
)

func replyWith(peers ...string) *Reply {
	reply := &Reply{Interval: 1800, Complete: 5, Incomplete: 3}
	for _, peer := range peers {
		reply.Peers = append(reply.Peers, netip.MustParseAddrPort(peer))
	}
	return reply
}

func TestAnnounceUDP(t *testing.T) {
	tests := []struct {
		name, address, path string
		peers               []byte
		want                *Reply
		data                string // of BEP 41, as the tracker read it
	}{
		{"IPv4", "127.0.0.1:0", "/announce", append(peer4, peer4...), replyWith("192.0.2.1:6881", "192.0.2.1:6881"), ""},
		{"IPv6", "[::1]:0", "/announce", peer6, replyWith("[2001:db8::1]:6881"), ""},
		{"no peers", "127.0.0.1:0", "", nil, replyWith(), ""},
		{"root path", "127.0.0.1:0", "/", nil, replyWith(), ""},
		{"path with a key", "127.0.0.1:0", "/announce/" + someKey, nil, replyWith(), "/announce/" + someKey},
		{"key first", "[::1]:0", "/" + someKey + "/announce", nil, replyWith(), "/" + someKey + "/announce"},
		{"query", "127.0.0.1:0", "/announce?passkey=" + someKey + "&a=b%20c", nil, replyWith(), "/announce?passkey=" + someKey + "&a=b%20c"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := make(chan shoal.AnnounceRequest, 1)
			data := make(chan string, 1)
			host := serveUDP(t, test.address, connects(func(h udptracker.Header, p []byte) [][]byte {
				var req shoal.AnnounceRequest
				if failure := udptracker.ParseAnnounce(p, &req); failure != shoal.OK {
					return one(udptracker.AppendError(nil, h.Transaction, failure.Error()))
				}
				asked <- req
				data <- string(udptracker.AppendURLData(nil, p[udptracker.AnnounceSize:]))
				return one(announceReply(h, test.peers...))
			}))
			got, err := Announce(patient(t), "udp://"+host+test.path, request())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, byAddr, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("reply differs (-want +got):\n%s", diff)
			}
			want := *request()
			if test.data != "" {
				want.AuthKey = shoal.ParseAuthKey([]byte(someKey))
			}
			if diff := cmp.Diff(want, <-asked, same); diff != "" {
				t.Errorf("request differs (-want +got):\n%s", diff)
			}
			if got := <-data; got != test.data {
				t.Errorf("URL data %q, want %q", got, test.data)
			}
		})
	}
}

// Packets from someone who does not know the transaction must not end an
// announce, nor make it believe anything.
func TestAnnounceUDPPassesOver(t *testing.T) {
	host := serveUDP(t, "127.0.0.1:0", connects(func(h udptracker.Header, _ []byte) [][]byte {
		other := h
		other.Transaction++
		return [][]byte{
			{},
			[]byte("short"),
			announceReply(other, peer4...),
			udptracker.AppendError(nil, other.Transaction, "forged"),
			announceReply(h),
		}
	}))
	got, err := Announce(patient(t), "udp://"+host, request())
	if err != nil || len(got.Peers) != 0 || got.Interval != 1800 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnnounceUDPErrors(t *testing.T) {
	tests := []struct {
		name   string
		answer answerer
		want   error
		says   string
	}{
		{"refused at connect", func(_ int, h udptracker.Header, _ []byte) [][]byte {
			return one(udptracker.AppendError(nil, h.Transaction, "go away"))
		}, nil, `: connect: tracker refused: "go away"`},
		{"refused", connects(func(h udptracker.Header, _ []byte) [][]byte {
			return one(udptracker.AppendError(nil, h.Transaction, "go away"))
		}), nil, `: tracker refused: "go away"`},
		{"half a peer", connects(func(h udptracker.Header, _ []byte) [][]byte {
			return one(announceReply(h, 1, 2, 3))
		}), udptracker.ErrReplyLength, ""},
		{"half a header", connects(func(h udptracker.Header, _ []byte) [][]byte {
			return one(announceReply(h)[:12])
		}), udptracker.ErrReplyShort, ""},
		{"scrape reply", connects(func(h udptracker.Header, _ []byte) [][]byte {
			return one(udptracker.AppendScrapeReply(nil, h.Transaction, nil))
		}), udptracker.ErrReplyAction, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := serveUDP(t, "127.0.0.1:0", test.answer)
			reply, err := Announce(patient(t), "udp://"+host, request())
			if err == nil || reply != nil {
				t.Fatalf("got %+v, %v", reply, err)
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if test.says != "" {
				if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Reason != "go away" {
					t.Errorf("got %v, want a RefusedError", err)
				}
				if !strings.HasSuffix(err.Error(), test.says) || !strings.HasPrefix(err.Error(), "announce to "+host) {
					t.Errorf("got %q, want it to end in %q", err, test.says)
				}
			}
		})
	}
}

// A port where nobody listens is told from a silent tracker at once.
func TestAnnounceUDPClosedPort(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := conn.LocalAddr().String()
	conn.Close()
	ctx := patient(t)
	if _, err := Announce(ctx, "udp://"+host, request()); err == nil || ctx.Err() != nil {
		t.Errorf("got %v, context: %v", err, ctx.Err())
	}
}

// A context that ends, ends the waiting.
func TestAnnounceUDPContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	tired := errors.New("tired")
	host := serveUDP(t, "127.0.0.1:0", func(int, udptracker.Header, []byte) [][]byte {
		cancel(tired)
		return nil
	})
	if _, err := Announce(ctx, "udp://"+host, request()); !errors.Is(err, tired) {
		t.Errorf("got %v, want %v", err, tired)
	}
}

func shortSession(t *testing.T, host string) *udpSession {
	t.Helper()
	s, err := dialUDP(patient(t), host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close() })
	s.wait = time.Millisecond
	return s
}

// Lost packets are sent again: the connect first, then the announce.
func TestUDPRepeats(t *testing.T) {
	var announces atomic.Int32
	next := connects(func(h udptracker.Header, _ []byte) [][]byte {
		if announces.Add(1) < 3 {
			return nil
		}
		return one(announceReply(h))
	})
	host := serveUDP(t, "127.0.0.1:0", func(n int, h udptracker.Header, p []byte) [][]byte {
		if n < 2 {
			return nil
		}
		return next(n, h, p)
	})
	s := shortSession(t, host)
	s.wait = 10 * time.Millisecond // 2.5 s at the last, for a busy machine
	if reply, err := s.announce(patient(t), request(), ""); err != nil || reply.Interval != 1800 {
		t.Errorf("got %+v, %v", reply, err)
	}
	if announces.Load() < 3 {
		t.Errorf("%d announces", announces.Load())
	}
}

func TestUDPGivesUp(t *testing.T) {
	var packets atomic.Int32
	s := shortSession(t, serveUDP(t, "127.0.0.1:0", func(int, udptracker.Header, []byte) [][]byte {
		packets.Add(1)
		return nil
	}))
	_, err := s.announce(patient(t), request(), "")
	if err == nil || !strings.Contains(err.Error(), "no answer to 9 packets") {
		t.Errorf("got %v", err)
	}
	if n := packets.Load(); n > 9 {
		t.Errorf("%d packets", n)
	}
}

// A connection ID serves several requests, and is asked for anew when it is
// older than BEP 15 lets it be.
func TestUDPConnectionID(t *testing.T) {
	var connected atomic.Int32
	next := connects(func(h udptracker.Header, _ []byte) [][]byte { return one(announceReply(h)) })
	s := shortSession(t, serveUDP(t, "127.0.0.1:0", func(n int, h udptracker.Header, p []byte) [][]byte {
		if h.Action == udptracker.ActionConnect {
			connected.Add(1)
		}
		return next(n, h, p)
	}))
	s.wait = patience
	for i, want := range []int32{1, 1, 2, 2} {
		if i == 2 {
			s.connected = s.connected.Add(-connectionLifetime)
		}
		if _, err := s.announce(patient(t), request(), ""); err != nil {
			t.Fatal(err)
		}
		if got := connected.Load(); got != want {
			t.Errorf("%d connects after announce %d, want %d", got, i, want)
		}
	}
}

// scrapeAnswerer answers a scrape for at most so many torrents.
func scrapeAnswerer(most int) answerer {
	return connects(func(h udptracker.Header, p []byte) [][]byte {
		asked, failure := udptracker.ParseScrape(p, nil)
		if failure != shoal.OK {
			return one(udptracker.AppendError(nil, h.Transaction, failure.Error()))
		}
		var counts []shoal.ScrapeCounts
		for _, hash := range asked[:min(len(asked), most)] {
			counts = append(counts, countsOf(hash))
		}
		return one(udptracker.AppendScrapeReply(nil, h.Transaction, counts))
	})
}

func TestScrapeUDP(t *testing.T) {
	for _, test := range []struct{ torrents, most int }{{1, 74}, {74, 74}, {75, 74}, {200, 74}, {100, 50}, {5, 1}} {
		host := serveUDP(t, "127.0.0.1:0", scrapeAnswerer(test.most))
		asked := hashes(test.torrents)
		counts, err := Scrape(patient(t), "udp://"+host+"/announce", asked)
		wantCounts(t, asked, counts, err)
	}
}

func TestScrapeUDPErrors(t *testing.T) {
	for want, answer := range map[string]answerer{
		"answered for 0 torrents of 2": scrapeAnswerer(0),
		"answered for 3 torrents of 2": connects(func(h udptracker.Header, _ []byte) [][]byte {
			return one(udptracker.AppendScrapeReply(nil, h.Transaction, make([]shoal.ScrapeCounts, 3)))
		}),
		"does not end where an entry ends": connects(func(h udptracker.Header, _ []byte) [][]byte {
			return one(append(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 2}, h.Transaction), 1))
		}),
		`tracker refused: "no"`: connects(func(h udptracker.Header, _ []byte) [][]byte {
			return one(udptracker.AppendError(nil, h.Transaction, "no"))
		}),
	} {
		host := serveUDP(t, "127.0.0.1:0", answer)
		counts, err := Scrape(patient(t), "udp://"+host, hashes(2))
		if err == nil || counts != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %v; want %q", counts, err, want)
		}
	}
}

func TestURLData(t *testing.T) {
	for in, want := range map[string]string{
		"udp://h:1": "", "udp://h:1/": "", "udp://h:1/announce": "",
		"udp://h:1/announce/": "/announce/", "udp://h:1?a=b": "/?a=b", "udp://h:1/x%2Fy?a#f": "/x%2Fy?a",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := urlData(u); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
