package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// browser is a WebTorrent peer of a test.
type browser struct {
	t    *testing.T
	conn *websocket.Conn
	id   shoal.PeerID
}

func dialBrowser(t *testing.T, to netip.AddrPort, path string, id byte) *browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+to.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	return &browser{t: t, conn: conn, id: shoal.PeerID{id}}
}

func (b *browser) send(message []byte) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.conn.Write(ctx, websocket.MessageText, message); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) hear(kind webtorrent.Kind) *webtorrent.Reply {
	b.t.Helper()
	r := b.next()
	if r.Kind != kind {
		b.t.Fatalf("heard %+v, want a message of kind %v", r, kind)
	}
	return r
}

// next returns the next message, of whatever kind.
func (b *browser) next() *webtorrent.Reply {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, message, err := b.conn.Read(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	r := new(webtorrent.Reply)
	if err := webtorrent.ParseReply(message, r); err != nil {
		b.t.Fatalf("%v in %q", err, message)
	}
	return r
}

func (b *browser) announce(torrent shoal.InfoHash, event shoal.Event, offers ...webtorrent.Offer) *webtorrent.Reply {
	b.t.Helper()
	b.send(webtorrent.AppendAnnounce(nil, &shoal.AnnounceRequest{
		InfoHash: torrent, PeerID: b.id, Left: 5, NumWant: shoal.NumWantDefault, Event: event,
	}, offers))
	return b.hear(webtorrent.KindAnnounce)
}

// wantCounts asks by scrape, until a connection that was closed has left.
func (b *browser) wantCounts(torrent shoal.InfoHash, incomplete uint32) {
	b.t.Helper()
	var last shoal.ScrapeCounts
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		b.send(webtorrent.AppendScrape(nil, []shoal.InfoHash{torrent}))
		if last = b.hear(webtorrent.KindScrape).Files[0].ScrapeCounts; last.Incomplete == incomplete {
			return
		}
	}
	b.t.Fatalf("browsers in the torrent: %d, want %d", last.Incomplete, incomplete)
}

// Browsers are in the same torrents as the peers of the other transports, and
// are introduced to each other alone.
func TestBrowsersMeetInTheSameSwarm(t *testing.T) {
	a := serve(t, testConfig(t, "auto"))
	torrent := shoal.InfoHash{77}
	for _, announce := range []announcer{overUDP(a.UDPAddrs()[0]), overHTTP(a.HTTPAddrs()[0])} {
		announce(t, loopback4, &shoal.AnnounceRequest{
			InfoHash: torrent, PeerID: shoal.PeerID{9}, Addr: netip.AddrPortFrom(loopback4, 1001), Left: 5, NumWant: 50,
		})
	}

	first := dialBrowser(t, a.HTTPAddrs()[0], "/", 1)
	if r := first.announce(torrent, shoal.EventStarted); r.Incomplete != 1 || r.Complete != 0 {
		t.Errorf("the first browser is told %d leechers and %d seeders, want itself alone", r.Incomplete, r.Complete)
	}
	// IPv6 is no other swarm: ICE finds out how they reach each other.
	second := dialBrowser(t, a.HTTPAddrs()[1], "/announce?a=b", 2)
	offer := webtorrent.Offer{ID: webtorrent.OfferID{3}, SDP: webtorrent.Raw(`{"type":"offer","sdp":"v=0\r\n\u00e9"}`)}
	if r := second.announce(torrent, shoal.EventStarted, offer); r.Incomplete != 2 {
		t.Errorf("the second browser is told %d leechers, want 2", r.Incomplete)
	}
	got := first.hear(webtorrent.KindOffer)
	if got.InfoHash != torrent || got.PeerID != second.id || got.OfferID != offer.ID || string(got.SDP) != string(offer.SDP) {
		t.Errorf("the first browser is offered %+v", got)
	}
	answer := webtorrent.Raw(`{"type":"answer","sdp":"v=0"}`)
	first.send(webtorrent.AppendAnswerTo(nil, &shoal.AnnounceRequest{InfoHash: torrent, PeerID: first.id}, got.PeerID, got.OfferID, answer))
	first.hear(webtorrent.KindAnnounce)
	got = second.hear(webtorrent.KindAnswer)
	if got.InfoHash != torrent || got.PeerID != first.id || got.OfferID != offer.ID || string(got.SDP) != string(answer) {
		t.Errorf("the second browser is answered %+v", got)
	}

	for name, announce := range map[string]announcer{"UDP": overUDP(a.UDPAddrs()[0]), "HTTP": overHTTP(a.HTTPAddrs()[0])} {
		peers := announce(t, loopback4, &shoal.AnnounceRequest{
			InfoHash: torrent, PeerID: shoal.PeerID{10}, Addr: netip.AddrPortFrom(loopback4, 1002), Left: 5, NumWant: 50,
		})
		if len(peers) != 1 || peers[0].Port() != 1001 {
			t.Errorf("over %s are handed out %v, want the one peer that can be dialed", name, peers)
		}
	}
	first.wantCounts(torrent, 2)
	if totals := a.Totals(); totals.Torrents != 1 || totals.Browsers != 2 || totals.Peers != 4 {
		t.Errorf("the swarm holds %+v, want 1 torrent, 4 peers and 2 browsers among them", totals)
	}
	_ = second.conn.CloseNow()
	first.wantCounts(torrent, 1)
	if r := first.announce(torrent, shoal.EventStopped); r.Incomplete != 0 {
		t.Errorf("%d leechers are left after the last stopped", r.Incomplete)
	}
}

func TestBrowsersAreToldToGoAway(t *testing.T) {
	a, err := New(testConfig(t, "auto"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	b := dialBrowser(t, a.HTTPAddrs()[0], "/", 1)
	b.announce(shoal.InfoHash{1}, shoal.EventNone)
	cancel()
	readCtx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	if _, _, err := b.conn.Read(readCtx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the connection ended with %v, want close code 1001", err)
	}
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	if totals := a.Totals(); totals.Peers != 0 {
		t.Errorf("%d peers are left after their connections ended", totals.Peers)
	}
}

func TestWebTorrentTurnedOff(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.HTTP[0].WebTorrent = false
	a := serve(t, cfg)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, "ws://"+a.HTTPAddrs()[0].String(), nil)
	if err == nil {
		_ = conn.CloseNow()
		t.Fatal("a WebSocket was opened")
	}
	if response == nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("the upgrade was answered with %v (%v), want 404", response, err)
	}
	if urls := a.webTorrentURLs(cfg); urls != "off" {
		t.Errorf("WebTorrent is introduced at %q", urls)
	}
	cfg.HTTP[0].WebTorrent = true
	if urls := a.webTorrentURLs(cfg); !strings.HasPrefix(urls, "ws://127.0.0.1:") {
		t.Errorf("WebTorrent is introduced at %q", urls)
	}
}

// offered returns how many of two offers go round, one to each of two browsers.
func offered(t *testing.T, a *App, torrent byte) string {
	t.Helper()
	var others []*browser
	for i := range byte(2) {
		b := dialBrowser(t, a.HTTPAddrs()[0], "/", 10+i)
		b.announce(shoal.InfoHash{torrent}, shoal.EventNone)
		others = append(others, b)
	}
	sdp := webtorrent.Raw("{}")
	dialBrowser(t, a.HTTPAddrs()[0], "/", 1).announce(shoal.InfoHash{torrent}, shoal.EventNone,
		webtorrent.Offer{ID: webtorrent.OfferID{1}, SDP: sdp}, webtorrent.Offer{ID: webtorrent.OfferID{2}, SDP: sdp})
	heard := 0
	for _, b := range others {
		// An offer that is on its way comes before the second reply at the latest.
		for range 2 {
			b.send(webtorrent.AppendScrape(nil, []shoal.InfoHash{{torrent}}))
			for b.next().Kind == webtorrent.KindOffer {
				heard++
			}
		}
	}
	return fmt.Sprintf("%d offers", heard)
}

// replied tells whether an answer has a reply.
func replied(t *testing.T, a *App, torrent byte) string {
	t.Helper()
	first, second := dialBrowser(t, a.HTTPAddrs()[0], "/", 1), dialBrowser(t, a.HTTPAddrs()[0], "/", 2)
	first.announce(shoal.InfoHash{torrent}, shoal.EventNone)
	second.announce(shoal.InfoHash{torrent}, shoal.EventNone, webtorrent.Offer{ID: webtorrent.OfferID{1}, SDP: webtorrent.Raw("{}")})
	offer := first.hear(webtorrent.KindOffer)
	first.send(webtorrent.AppendAnswerTo(nil, &shoal.AnnounceRequest{InfoHash: offer.InfoHash, PeerID: first.id}, offer.PeerID, offer.OfferID, webtorrent.Raw("{}")))
	second.hear(webtorrent.KindAnswer)
	first.send(webtorrent.AppendScrape(nil, []shoal.InfoHash{offer.InfoHash}))
	if first.next().Kind == webtorrent.KindAnnounce {
		return "reply"
	}
	return "none"
}

// upgraded returns the status that a page of another site gets.
func upgraded(t *testing.T, a *App, _ byte) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, "ws://"+a.HTTPAddrs()[0].String(), &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {"https://example.com"}},
	})
	if err == nil {
		_ = conn.CloseNow()
	}
	if response == nil {
		t.Fatal(err)
	}
	return fmt.Sprint(response.StatusCode)
}
