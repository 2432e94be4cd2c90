package wsload

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// newPlan returns a plan of connections in two torrents, at 127.64.0.1 to 4.
func newPlan(tb testing.TB, target netip.AddrPort, connections int) *plan.Plan {
	tb.Helper()
	p := &plan.Plan{
		Target: target, Duration: 20 * time.Second, Connections: connections, Workers: 1, Timeout: 20 * time.Second,
		Seed: 1, Alone: true, Host: "tracker.example:6969", Path: "/", Offers: 3, SDP: 300, AnswerReplies: true,
	}
	for a := netip.MustParseAddr("127.64.0.1"); len(p.Sources) < 4; a = a.Next() {
		p.Sources = append(p.Sources, a)
	}
	var err error
	p.Population, err = population.New(population.Config{Peers: uint64(connections), Torrents: 2, Seed: 1, Sources: p.Sources})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

var nowhere = netip.MustParseAddrPort("127.0.0.1:9")

func run(t *testing.T, p *plan.Plan) *report.Summary {
	t.Helper()
	tally, elapsed, err := Run(t.Context(), p, report.NewLive(p.Workers))
	if err != nil {
		t.Fatal(err)
	}
	s := report.Summarize("ws", p, tally, elapsed, 1)
	if s.Relay == nil {
		s.Relay = new(report.RelaySummary)
	}
	return s
}

// onEngines runs a test on all engines, without TLS and, where there is one for
// it, with.
func onEngines(t *testing.T, test func(t *testing.T, k *tracker, change func(p *plan.Plan))) {
	certificate, trust := certify(t)
	for _, engine := range []struct {
		name             string
		portable, secure bool
	}{{"own", false, false}, {"portable", true, false}, {"TLS", true, true}} {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			k := new(tracker)
			if engine.secure {
				k.secure = &tls.Config{Certificates: []tls.Certificate{certificate}}
			}
			test(t, k, func(p *plan.Plan) {
				if p.Portable = engine.portable; engine.secure {
					p.TLS = &tls.Config{ServerName: "127.0.0.1", RootCAs: trust}
				}
			})
		})
	}
}

// certify makes a certificate for 127.0.0.1 and those who trust it.
func certify(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trust := x509.NewCertPool()
	trust.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, trust
}

// TestRelay: of an honest tracker everything comes and nothing is wrong, whether
// it replies to answers, and however it cuts its messages.
func TestRelay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		silent, parts bool
		workers       int
	}{{"", false, false, 1}, {"answers get no reply", true, false, 1}, {"in parts", false, true, 1}, {"workers", false, false, 3}} {
		t.Run(test.name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, k *tracker, change func(*plan.Plan)) {
				k.silent, k.parts = test.silent, test.parts
				p := newPlan(t, k.start(t), 20)
				change(p)
				p.Requests, p.AnswerReplies, p.Workers = 300, !test.silent, test.workers
				begun, through := 0, 0
				p.Loading, p.Loaded = func(open int) { begun = open }, func() { through++ }
				s := run(t, p)
				r := s.Relay
				if s.Responses != 300 || s.Answered["announce"] != 300 || s.Lost != 0 || s.Wrong != 0 || s.Errors != 0 || s.Refused != 0 || s.Bare != 0 {
					t.Errorf("%+v", s)
				}
				if begun != 20 || through != 1 || r.Joined != 20 || r.OffersSent != 900 || r.OffersReceived != 900 || r.AnswersSent != 900 ||
					r.AnswersReceived != 900 || r.OffersLost != 0 || r.AnswersLost != 0 || r.Relayed != 1800 {
					t.Errorf("%d began, %d times through, %+v", begun, through, r)
				}
				if want := map[bool]uint64{false: 900}[test.silent]; r.AnswerReplies != want {
					t.Errorf("%d replies to answers, want %d", r.AnswerReplies, want)
				}
				if (r.Pings > 0) != test.parts || s.Latency.Max == 0 || r.Latency.Max == 0 || s.In == 0 || s.Out == 0 {
					t.Errorf("%+v", s)
				}
				if n := k.opened.Load(); n != 20 {
					t.Errorf("%d connections were opened", n)
				}
			})
		})
	}
}

// TestRate: an open loop announces at its rate.
func TestRate(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, k *tracker, change func(*plan.Plan)) {
		p := newPlan(t, k.start(t), 20)
		change(p)
		p.Rate, p.Duration = 200, time.Second
		s := run(t, p)
		if s.Requests+s.Missed != 200 || s.Requests == 0 || s.Responses != s.Requests || s.Wrong != 0 || s.Relay.OffersReceived != 3*s.Requests {
			t.Errorf("%d requests and %d missed of 200, %+v", s.Requests, s.Missed, s.Relay)
		}
	})
}

// change replaces what is found in one kind of messages.
func change(of webtorrent.Kind, find, replace string) func(webtorrent.Kind, []byte) [][]byte {
	return func(kind webtorrent.Kind, message []byte) [][]byte {
		if kind == of {
			message = bytes.Replace(message, []byte(find), []byte(replace), 1)
		}
		return [][]byte{message}
	}
}

// each makes of every message of a kind the n-th time what some function does.
func each(of webtorrent.Kind, n int64, instead func(message []byte) [][]byte) func(webtorrent.Kind, []byte) [][]byte {
	var seen atomic.Int64
	return func(kind webtorrent.Kind, message []byte) [][]byte {
		if kind == of && seen.Add(1)%n == 0 {
			return instead(message)
		}
		return [][]byte{message}
	}
}

func twice(message []byte) [][]byte { return [][]byte{message, message} }

// TestLies: whatever a tracker says wrong is found.
func TestLies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, wrong string
		lie         func(kind webtorrent.Kind, message []byte) [][]byte
	}{
		{"an offer twice", "offer", each(webtorrent.KindOffer, 1, twice)},
		{"another description", "offer", change(webtorrent.KindOffer, "v=0", "v=1")},
		{"another offer's ID", "offer", change(webtorrent.KindOffer, `"offer_id":"00`, `"offer_id":"ff`)},
		{"a foreign offer", "offer", change(webtorrent.KindOffer, `"offer_id":"000000`, `"offer_id":"gggggg`)},
		{"another's peer ID", "offer", change(webtorrent.KindOffer, `"peer_id":"-SL0001-00`, `"peer_id":"-SL0001-01`)},
		{"an offer for another torrent", "offer", func(kind webtorrent.Kind, m []byte) [][]byte {
			if kind == webtorrent.KindOffer {
				from := bytes.Index(m, []byte(`"info_hash":"`)) + len(`"info_hash":"`)
				to := bytes.Index(m, []byte(`","peer_id"`))
				m = append(append(append([]byte(nil), m[:from]...), "aaaaaaaaaaaaaaaaaaaa"...), m[to:]...)
			}
			return [][]byte{m}
		}},
		{"an answer twice", "answer", each(webtorrent.KindAnswer, 1, twice)},
		{"another answer", "answer", change(webtorrent.KindAnswer, "t=0", "t=1")},
		{"an answer to another", "answer", change(webtorrent.KindAnswer, `"offer_id":"00`, `"offer_id":"ff`)},
		{"an answer by another", "answer", change(webtorrent.KindAnswer, `"peer_id":"-SL0001-00`, `"peer_id":"-SL0001-01`)},
		{"no JSON", "json", change(webtorrent.KindOffer, "{", "[")},
		{"a scrape", "action", change(webtorrent.KindAnswer, `"action":"announce"`, `"action":"scrape"`)},
		{"no interval", "interval", change(webtorrent.KindAnnounce, `"interval"`, `"intervall"`)},
		{"too many", "counts", change(webtorrent.KindAnnounce, `"incomplete":`, `"incomplete":9`)},
		{"replies twice", "transaction", each(webtorrent.KindAnnounce, 1, twice)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			k := &tracker{lie: test.lie}
			p := newPlan(t, k.start(t), 10)
			p.Requests = 50
			s := run(t, p)
			if s.WrongBy[test.wrong] == 0 || s.WrongBy[test.wrong] != s.Wrong || s.Examples[test.wrong] == "" {
				t.Errorf("wrong %v, %v", s.WrongBy, s.Examples)
			}
		})
	}
}

// TestMisled: an answer by another member of the torrent than the one who was
// handed the offer is found.
func TestMisled(t *testing.T) {
	t.Parallel()
	k := new(tracker)
	k.lie = func(kind webtorrent.Kind, m []byte) [][]byte {
		if kind == webtorrent.KindAnswer { // of 0 to 3, 0 and 2 are in a torrent, 1 and 3 in another
			text := string(m)
			for slot, other := range map[string]string{"0": "2", "1": "3", "2": "0", "3": "1"} {
				if strings.Contains(text, `"peer_id":"-SL0001-00000`+slot) {
					text = strings.ReplaceAll(text, "-SL0001-00000"+slot, "-SL0001-00000"+other)
					break
				}
			}
			m = []byte(text)
		}
		return [][]byte{m}
	}
	p := newPlan(t, k.start(t), 4)
	p.Requests = 20
	if s := run(t, p); s.WrongBy["answer"] == 0 || s.WrongBy["answer"] != s.Relay.AnswersReceived || s.Wrong != s.WrongBy["answer"] {
		t.Errorf("wrong %v of %+v", s.WrongBy, s.Relay)
	}
}

// TestLosses: what is not delivered is counted as lost, and holds nobody up for
// longer than the timeout.
func TestLosses(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, k *tracker, change func(*plan.Plan)) {
		var lost [8]atomic.Uint64
		k.lie = func(kind webtorrent.Kind, m []byte) [][]byte {
			every := uint64(4)
			if kind == webtorrent.KindAnnounce {
				every = 40
			}
			if k.messages.Load() > 20 && lost[kind].Add(1)%every == 0 {
				return nil
			}
			return [][]byte{m}
		}
		p := newPlan(t, k.start(t), 20)
		change(p)
		p.Requests, p.Timeout = 200, 3*time.Second
		s := run(t, p)
		r := s.Relay
		if s.Wrong != 0 || s.Requests != 200 || s.Responses+s.Lost != 200 {
			t.Errorf("%d responses, %d lost of 200, wrong %v", s.Responses, s.Lost, s.Examples)
		}
		offers, answers := lost[webtorrent.KindOffer].Load(), lost[webtorrent.KindAnswer].Load()
		if offers != 600 || r.OffersReceived != offers-offers/4 || r.OffersLost != offers/4 || r.AnswersSent != r.OffersReceived ||
			answers != r.AnswersSent || r.AnswersReceived != answers-answers/4 || r.AnswersLost != answers/4 {
			t.Errorf("%d offers, %d answers, %+v", offers, answers, r)
		}
	})
}

// TestRefusals: an announce that is refused is an error, an answer is not.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const no = `{"failure reason":"no","action":"announce"}`
	k := new(tracker)
	k.lie = func(kind webtorrent.Kind, m []byte) [][]byte {
		if kind == webtorrent.KindAnnounce && k.messages.Load() > 4 {
			m = []byte(no)
		}
		return [][]byte{m}
	}
	p := newPlan(t, k.start(t), 4)
	p.Requests = 20
	if s := run(t, p); s.Errors != 20 || s.Relay.AnswersRefused != 20 || s.Texts["no"] != 40 || s.Wrong != 0 || s.Lost != 0 {
		t.Errorf("%+v, %+v", s, s.Relay)
	}
	never := &tracker{lie: func(webtorrent.Kind, []byte) [][]byte { return [][]byte{[]byte(no)} }}
	p = newPlan(t, never.start(t), 4)
	if s := run(t, p); s.Responses != 0 || s.Refused != 4 || s.Texts["no"] != 4 || s.Relay.Joined != 0 {
		t.Errorf("who cannot join: %+v", s)
	}
}

// TestNoTracker: what is no WebTorrent tracker is told of, and the run ends.
func TestNoTracker(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, answer, wrong string
		refused             uint64
	}{
		{"no such page", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status", 0},
		{"another protocol", "220 mail.example ESMTP\r\n\r\n", "http", 0},
		{"closed", "", "", 6},
		{"a masked frame", "101\x81\x80aaaa", "frame", 0},
		{"closed with a reason", "101\x88\x06\x03\xf0stay", "", 6},
		{"a message in a message", "101\x01\x01{\x01\x01{", "frame", 0},
		{"part of none", "101\x80\x01{", "frame", 0},
		{"an endless message", "101" + strings.Repeat(string(serverFrame(false, opContinuation, make([]byte, 65000))), 5), "frame", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, k *tracker, change func(*plan.Plan)) {
				k.upgrade = func(c net.Conn, r *http.Request) bool {
					text, upgraded := strings.CutPrefix(test.answer, "101")
					if upgraded {
						_, _ = io.WriteString(c, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
							accepted([]byte(r.Header.Get("Sec-WebSocket-Key")))+"\r\n\r\n")
						if strings.HasPrefix(test.name, "an endless") {
							text = string(serverFrame(false, opText, []byte("{"))) + text
						}
					}
					_, _ = io.WriteString(c, text)
					if upgraded {
						_, _ = io.Copy(io.Discard, c)
					}
					return false
				}
				p := newPlan(t, k.start(t), 6)
				change(p)
				s := run(t, p)
				if s.Responses != 0 || s.Refused != test.refused || s.WrongBy[test.wrong] != map[bool]uint64{true: 6}[test.wrong != ""] {
					t.Errorf("%d refused, wrong %v, %v", s.Refused, s.WrongBy, s.Examples)
				}
				if strings.HasSuffix(test.name, "reason") && s.Texts["stay"] != 6 {
					t.Errorf("reasons %v", s.Texts)
				}
			})
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		for _, portable := range []bool{false, true} {
			p := newPlan(t, nowhere, 6)
			p.Portable = portable
			if s := run(t, p); s.Refused != 6 || s.Responses != 0 || s.Wrong != 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

// TestClosing: connections that the tracker closes are opened again.
func TestClosing(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, k *tracker, change func(*plan.Plan)) {
		k.closes = func(n int64) bool { return n > 10 && n%50 == 0 }
		p := newPlan(t, k.start(t), 10)
		change(p)
		p.Rate, p.Duration, p.Alone = 200, time.Second, false
		s := run(t, p)
		if s.Wrong != 0 || s.Refused == 0 || s.Relay.Reopened == 0 || s.Responses+s.Lost != s.Requests || s.Requests+s.Missed != 200 {
			t.Errorf("%+v, %+v", s, s.Relay)
		}
	})
}

// TestChurn: connections that are closed and opened again disturb nobody.
func TestChurn(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, k *tracker, change func(*plan.Plan)) {
		for _, rate := range []float64{0, 200} {
			k := &tracker{secure: k.secure}
			p := newPlan(t, k.start(t), 20)
			change(p)
			p.Rate, p.Churn, p.Duration = rate, 50, time.Second
			s := run(t, p)
			if s.Wrong != 0 || s.Errors != 0 || s.Refused != 0 || s.Relay.Reopened == 0 || s.Responses == 0 {
				t.Errorf("rate %v: %+v, %+v", rate, s, s.Relay)
			}
			if n := k.opened.Load(); n <= 20 || n > 90 {
				t.Errorf("rate %v: %d connections were opened", rate, n)
			}
		}
	})
}

// TestIdle: each connection announces once with its offers, all are held, and
// those that the tracker closes meanwhile are missing in the end.
func TestIdle(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, k *tracker, change func(*plan.Plan)) {
		p := newPlan(t, k.start(t), 200)
		change(p)
		p.Idle, p.Duration = true, 300*time.Millisecond
		told, offers := 0, int64(0)
		p.Holding = func(open int) {
			told, offers = open, k.messages.Load()-200
			k.mu.Lock()
			defer k.mu.Unlock()
			n := 0
			for c := range k.clients {
				if n++; n <= 50 {
					c.conn.Close()
				}
			}
		}
		s := run(t, p)
		if told != 200 || s.Opened != 200 || s.Open != 150 || s.Responses != 350 || s.Wrong != 0 || s.Lost != 0 || s.Refused != 50 {
			t.Errorf("told %d, %+v", told, s)
		}
		if s.Relay.OffersSent != 600 || s.Relay.OffersReceived < 500 || uint64(offers) != s.Relay.AnswersSent || s.Relay.AnswersReceived != s.Relay.AnswersSent {
			t.Errorf("%d answers before the silence, %+v", offers, s.Relay)
		}
		if want := map[bool]uint64{true: 200}[p.TLS != nil]; s.Handshakes.Full != want || k.opened.Load() != 200 {
			t.Errorf("%d opened, %+v", k.opened.Load(), s.Handshakes)
		}
	})
}

// TestDeaf: a tracker that reads no more ends no run and fills no memory.
func TestDeaf(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, k *tracker, change func(*plan.Plan)) {
		k.deaf = func(n int64) bool { return n > 30 }
		p := newPlan(t, k.start(t), 10)
		change(p)
		p.SDP, p.Offers, p.Duration, p.Timeout = 15000, 4, 4*time.Second, time.Second
		s := run(t, p)
		if s.Wrong != 0 || s.Lost == 0 || s.Responses+s.Lost != s.Requests {
			t.Errorf("%+v", s)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, k *tracker, change func(*plan.Plan)) {
		ctx, cancel := context.WithCancel(t.Context())
		k.deaf = func(n int64) bool {
			if n == 100 {
				cancel()
			}
			return false
		}
		p := newPlan(t, k.start(t), 10)
		change(p)
		p.Duration = time.Hour
		tally, elapsed, err := Run(ctx, p, report.NewLive(1))
		if err != nil || tally.Responses() == 0 || elapsed >= time.Hour {
			t.Errorf("%d responses in %v, %v", tally.Responses(), elapsed, err)
		}
	})
}

// TestUntrusted: nothing comes of a certificate that nobody vouches for.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	certificate, _ := certify(t)
	_, others := certify(t)
	k := &tracker{secure: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	p := newPlan(t, k.start(t), 10)
	p.TLS = &tls.Config{ServerName: "127.0.0.1", RootCAs: others}
	tally, _, err := Run(t.Context(), p, report.NewLive(1))
	if err == nil || !strings.Contains(err.Error(), "name its authority with --ca") || tally.Responses() != 0 || tally.Handshakes.Failed == 0 {
		t.Errorf("%v, %+v", err, tally.Handshakes)
	}
	p = newPlan(t, new(tracker).start(t), 4)
	p.TLS = &tls.Config{InsecureSkipVerify: true}
	p.Timeout = time.Second
	if s := run(t, p); s.Responses != 0 || s.Handshakes.Failed != 4 {
		t.Errorf("no TLS: %+v", s)
	}
}

// TestMostUnsent: announces are no more than the connection's share of what may
// wait to be sent.
func TestMostUnsent(t *testing.T) {
	if MaxAnnounce > mostUnsent {
		t.Errorf("an announce of %d bytes does not fit into %d", MaxAnnounce, mostUnsent)
	}
}
