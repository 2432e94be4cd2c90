package app

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/udptracker"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// The torrents of testConfig with a deny_file of torrent2.txt.
const (
	wanted = 1
	denied = 2
)

// stranger is a client that asks whatever a test wants counted, from one address.
type stranger struct {
	t    *testing.T
	from netip.Addr
	udp  *net.UDPConn
	http netip.AddrPort
}

// requests returns a client of each family: of the first, and the second, address
// that a listens on.
func requests(t *testing.T, a *App, i int) *stranger {
	t.Helper()
	s := &stranger{t: t, from: []netip.Addr{loopback4, loopback6}[i], http: a.HTTPAddrs()[i]}
	var err error
	s.udp, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.from, 0)), net.UDPAddrFromAddrPort(a.UDPAddrs()[i]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.udp.Close() })
	return s
}

func (s *stranger) peer(torrent byte, port uint16) *shoal.AnnounceRequest {
	req := leecher(torrent, port)
	req.Addr = netip.AddrPortFrom(s.from, port)
	return req
}

func (s *stranger) send(packet []byte) {
	s.t.Helper()
	if _, err := s.udp.Write(packet); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stranger) ask(packet []byte) []byte {
	s.t.Helper()
	s.send(packet)
	reply := make([]byte, 2048)
	s.udp.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := s.udp.Read(reply)
	if err != nil {
		s.t.Fatalf("no answer over UDP: %v", err)
	}
	return reply[:n]
}

func (s *stranger) connect() uint64 {
	s.t.Helper()
	id, err := udptracker.ParseConnectReply(s.ask(udptracker.AppendConnect(nil, 7)), 7)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// overUDP has n+1 peers announce and one of them complete, and sends packets that are
// refused, or get no answer.
func (s *stranger) overUDP(n int) {
	s.t.Helper()
	id := s.connect()
	for range n - 2 {
		s.connect()
	}
	announce := func(req *shoal.AnnounceRequest) error {
		_, err := udptracker.ParseAnnounceReply(s.ask(udptracker.AppendAnnounce(nil, id, 8, req, 0, "")), 8, s.from.Is6())
		return err
	}
	for i := range n + 1 {
		if err := announce(s.peer(wanted, uint16(1001+i))); err != nil {
			s.t.Fatal(err)
		}
	}
	done := s.peer(wanted, 1001)
	done.Left, done.Event = 0, shoal.EventCompleted
	if err := announce(done); err != nil {
		s.t.Fatal(err)
	}
	for range n + 2 {
		if err := announce(s.peer(denied, 1001)); err == nil {
			s.t.Fatal("a denied torrent was announced")
		}
	}
	for range n + 3 {
		if _, err := udptracker.ParseScrapeReply(s.ask(udptracker.AppendScrape(nil, id, 9, []shoal.InfoHash{{wanted}})), 9, nil); err != nil {
			s.t.Fatal(err)
		}
	}
	for range n + 4 {
		s.send([]byte("too short"))
	}
	for range n + 5 {
		s.send(udptracker.AppendScrape(nil, id+1, 9, []shoal.InfoHash{{wanted}}))
	}
	for range n + 6 {
		s.send(append(make([]byte, 8), 0, 0, 0, 3, 0, 0, 0, 7, 'n', 'o'))
	}
	s.connect() // what is sent in order is read in order: all of them have been
}

// overHTTP has n peers announce, and asks for what is refused.
func (s *stranger) overHTTP(n int) {
	s.t.Helper()
	for i := range n {
		if r := replyOverHTTP(s.t, s.http, s.from, s.peer(wanted, uint16(2001+i))); r.Failure != "" {
			s.t.Fatal(r.Failure)
		}
	}
	for range n + 1 {
		if r := replyOverHTTP(s.t, s.http, s.from, s.peer(denied, 2001)); r.Failure == "" {
			s.t.Fatal("a denied torrent was announced")
		}
	}
	scrape := "/scrape?" + string(httptracker.AppendScrapeQuery(nil, []shoal.InfoHash{{wanted}}))
	for range n + 2 {
		s.fetch(http.MethodGet, scrape, 200)
	}
	for range n + 3 {
		s.fetch(http.MethodGet, "/nothing", 404)
	}
	s.fetch(http.MethodGet, "/scrape", 200) // of everything, which is refused
	s.fetch(http.MethodHead, "/announce?", 200)
	s.fetch(http.MethodGet, "/ws", 426,
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "8", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
}

func (s *stranger) fetch(method, target string, status int, header ...string) {
	s.t.Helper()
	req, err := http.NewRequest(method, fmt.Sprintf("http://%s%s", s.http, target), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	reply, err := (&http.Transport{DisableKeepAlives: len(header) == 0}).RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	reply.Body.Close()
	if reply.StatusCode != status {
		s.t.Errorf("%s %s: %s, want %d", method, target, reply.Status, status)
	}
}

// overWS has n browsers announce and scrape, and the first one send what is
// refused.
func (s *stranger) overWS(n int) {
	s.t.Helper()
	var first *browser
	for i := range n {
		b := dialBrowser(s.t, s.http, "/", byte(10*len(s.from.AsSlice())+i))
		b.announce(shoal.InfoHash{wanted}, shoal.EventStarted)
		b.send(webtorrent.AppendScrape(nil, []shoal.InfoHash{{wanted}}))
		b.hear(webtorrent.KindScrape)
		first = b
	}
	for range n + 1 {
		first.send(webtorrent.AppendAnnounce(nil, &shoal.AnnounceRequest{InfoHash: shoal.InfoHash{denied}, PeerID: first.id, Left: 5}, nil))
		first.hear(webtorrent.KindFailure)
	}
	first.send(webtorrent.AppendAnswerTo(nil, &shoal.AnnounceRequest{InfoHash: shoal.InfoHash{wanted}, PeerID: first.id},
		shoal.PeerID{99}, webtorrent.OfferID{99}, webtorrent.Raw(`{"type":"answer","sdp":"v=0"}`)))
	first.hear(webtorrent.KindFailure)
	first.send([]byte("{}"))
	first.hear(webtorrent.KindFailure)
}
