package wsserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// patience is how long a test waits for what must happen. Nothing is asserted
// about the time it really takes.
const patience = 30 * time.Second

// entry is a listener's protocol that takes every request for an upgrade.
type entry struct{ server *Server }

func (entry) Open(*streamio.Conn)             {}
func (entry) Tick(*streamio.Conn, shoal.Tick) {}
func (entry) Closed(*streamio.Conn, error)    {}

func (e entry) Bytes(c *streamio.Conn, in, out []byte) (int, []byte, streamio.Then) {
	end := bytes.Index(in, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, out, streamio.Keep
	}
	lines := strings.Split(string(in[:end]), "\r\n")
	reply, next := e.server.Upgrade(c, c.Remote().Addr(), []byte("/"), headers(lines[1:]...), out)
	if next == nil {
		return end + 4, reply, streamio.Close
	}
	c.Upgrade(next)
	return end + 4, reply, streamio.Keep
}

// eachEngine runs a test with a world behind a listener of each engine.
func eachEngine(t *testing.T, f func(t *testing.T, w *world, addr string)) {
	for _, engine := range []string{"auto", "portable"} {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t)
			loops, err := streamio.NewLoops(streamio.LoopsConfig{Engine: engine, Count: 4}, &w.clock)
			if err != nil {
				t.Fatal(err)
			}
			var posted atomic.Uint64
			w.server = New(DefaultConfig(), w.tracker, func(to shoal.Link, message []byte) bool {
				posted.Add(1)
				return loops.Post(to, message)
			})
			listener, err := loops.Listen(netip.MustParseAddrPort("127.0.0.1:0"), streamio.Config{
				NewProtocol:   func() streamio.Protocol { return entry{w.server} },
				UpgradedInput: MaxInput,
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			served := make(chan error, 1)
			go func() { served <- loops.Serve(ctx) }()
			defer func() {
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
			}()
			f(t, w, listener.Addr().String())
			eventually(t, "all connections have left", func() bool {
				return w.server.Counters().Connections == 0 && w.store.Totals().Peers == 0
			})
			// Whatever was posted is counted once, by the server or by the loops.
			eventually(t, "all that was posted is accounted for", func() bool {
				sum := w.server.Counters()
				said := sum.OffersRelayed + sum.AnswersRelayed
				return said+sum.OffersUndelivered+sum.AnswersUndelivered+loops.Undelivered() == posted.Load()
			})
		})
	}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// browser is a client over a socket.
type browser struct {
	t      *testing.T
	socket net.Conn
	in     *bufio.Reader
	mu     sync.Mutex // of writes
}

func dial(t *testing.T, addr string) *browser {
	socket, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return nil
	}
	socket.SetDeadline(time.Now().Add(patience))
	b := &browser{t: t, socket: socket, in: bufio.NewReader(socket)}
	fmt.Fprintf(socket, "GET / HTTP/1.1\r\n%s\r\n%s\r\n\r\n", sampleKey, version13)
	for {
		line, err := b.in.ReadString('\n')
		if err != nil {
			t.Error(err)
			return nil
		}
		if line == "\r\n" {
			return b
		}
	}
}

func (b *browser) say(message string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.socket.Write(clientFrame(text, true, message))
	return err == nil
}

// hear returns the next message.
func (b *browser) hear() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(b.in, head[:2]); err != nil {
		return nil, err
	}
	n := int(head[1])
	switch {
	case head[0] != 0x81:
		return nil, fmt.Errorf("a frame begins with %x", head[:2])
	case n == 126:
		if _, err := io.ReadFull(b.in, head[2:]); err != nil {
			return nil, err
		}
		n = int(head[2])<<8 | int(head[3])
	case n > 126:
		return nil, fmt.Errorf("a frame begins with %x", head[:2])
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(b.in, payload)
	return payload, err
}

// ledger is who said what to whom.
type ledger struct {
	mu      sync.Mutex
	by      map[string]*browser // who made the offer of an ID
	to      map[string]*browser // who was told of it
	answers map[string]int      // that came back
	gone    atomic.Int64        // answers that were refused
}

// hearing reads what b is told until its connection ends, answers every offer,
// and sends on replies and arrived what else there is.
func (l *ledger) hearing(b *browser, replies, arrived chan<- struct{}) {
	for {
		payload, err := b.hear()
		if err != nil {
			return
		}
		var m struct {
			Offer, Answer json.RawMessage
			ID            string `json:"offer_id"`
			Failure       string `json:"failure reason"`
		}
		if err := json.Unmarshal(payload, &m); err != nil {
			b.t.Errorf("heard %q", payload)
			return
		}
		switch {
		case m.Offer != nil:
			l.mu.Lock()
			if l.by[m.ID] == nil || l.by[m.ID] == b || l.to[m.ID] != nil || string(m.Offer) != `{"sdp":"`+m.ID+`"}` {
				b.t.Errorf("told of %q, its own: %v, told before: %v", payload, l.by[m.ID] == b, l.to[m.ID] != nil)
			}
			l.to[m.ID] = b
			l.mu.Unlock()
			b.say(strings.Replace(answer('h', 'a', 'a', 'x', "answer to "+m.ID), name('x'), m.ID, 1))
		case m.Answer != nil:
			l.mu.Lock()
			l.answers[m.ID]++
			if l.by[m.ID] != b || l.to[m.ID] == nil || l.answers[m.ID] > 1 || !strings.Contains(string(m.Answer), "answer to "+m.ID) {
				b.t.Errorf("heard %q, to its own offer: %v, %d times", payload, l.by[m.ID] == b, l.answers[m.ID])
			}
			l.mu.Unlock()
			arrived <- struct{}{}
		case m.Failure == shoal.OfferGone.Error():
			l.gone.Add(1)
		case m.Failure != "":
			b.t.Errorf("heard %q", payload)
		default:
			select {
			case replies <- struct{}{}:
			default:
			}
		}
	}
}

var serial atomic.Int64

// offers has b announce with so many new offers. All browsers call themselves
// the same.
func (l *ledger) offers(b *browser, n int) bool {
	var offers []string
	l.mu.Lock()
	for range n {
		id := fmt.Sprintf("%020d", serial.Add(1))
		l.by[id] = b
		offers = append(offers, fmt.Sprintf(`{"offer_id":"%s","offer":{"sdp":"%s"}}`, id, id))
	}
	l.mu.Unlock()
	return b.say(fmt.Sprintf(`{"action":"announce","info_hash":"%s","peer_id":"%s","left":1,"offers":[%s]}`,
		name('h'), name('a'), strings.Join(offers, ",")))
}

func newLedger() *ledger {
	return &ledger{by: map[string]*browser{}, to: map[string]*browser{}, answers: map[string]int{}}
}

// While nobody leaves, every offer is answered and every answer arrives.
func TestRelayOverLoops(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, addr string) {
		const browsers, rounds, each = 16, 20, 5
		l := newLedger()
		var joined, all, ears sync.WaitGroup
		joined.Add(browsers)
		for range browsers {
			all.Go(func() {
				b := dial(t, addr)
				if b == nil {
					joined.Done()
					return
				}
				replies, arrived := make(chan struct{}, 1), make(chan struct{}, each)
				ears.Go(func() { l.hearing(b, replies, arrived) })
				l.offers(b, 0)
				<-replies
				joined.Done()
				joined.Wait()
				for range rounds {
					if !l.offers(b, each) {
						t.Error("the connection ended")
						return
					}
					for range each {
						select {
						case <-arrived:
						case <-time.After(patience):
							t.Error("waited in vain for an answer")
							return
						}
					}
				}
			})
		}
		all.Wait()
		if len(l.answers) != browsers*rounds*each || l.gone.Load() != 0 {
			t.Errorf("%d answers arrived and %d were refused, want %d and none", len(l.answers), l.gone.Load(), browsers*rounds*each)
		}
		sum := w.server.Counters()
		want := Family{
			Connections: browsers, Opened: browsers,
			Messages: browsers * (1 + rounds + rounds*each), Announces: browsers * (1 + rounds), Answers: browsers * rounds * each,
			OffersRelayed: browsers * rounds * each, AnswersRelayed: browsers * rounds * each,
		}
		if sum.V4 != want {
			t.Errorf("counted %+v, want %+v", sum, want)
		}
		w.swarm('h', 0, browsers)
		l.mu.Lock()
		open := map[*browser]bool{}
		for _, b := range l.by {
			open[b] = true
		}
		l.mu.Unlock()
		for b := range open {
			b.socket.Close()
		}
		ears.Wait()
	})
}

// While browsers come and go, an answer reaches the connection that made the
// offer or nobody: never another that has its slot since.
func TestRelayOverLoopsWhileBrowsersLeave(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, addr string) {
		const browsers, lives = 12, 12
		l := newLedger()
		var all sync.WaitGroup
		for i := range browsers {
			all.Go(func() {
				for life := range lives {
					b := dial(t, addr)
					if b == nil {
						return
					}
					var ear sync.WaitGroup
					replies, arrived := make(chan struct{}, 1), make(chan struct{}, 1000)
					ear.Go(func() { l.hearing(b, replies, arrived); close(replies) })
					for range 1 + (i+life)%4 {
						if !l.offers(b, 1+(i*life)%5) {
							break
						}
						<-replies
					}
					if life%2 == 0 && i%2 == 0 {
						b.socket.Write(clientFrame(closing, true, ""))
					}
					b.socket.Close()
					ear.Wait()
				}
			})
		}
		all.Wait()
		sum := w.server.Counters()
		if sum.OffersRelayed == 0 || sum.Broken > 0 {
			t.Errorf("counted %+v", sum)
		}
		t.Logf("%d offers made, %d told of, %d answers arrived; %+v", len(l.by), len(l.to), len(l.answers), sum)
	})
}

// Somebody takes everything but reads nothing: what is sent to others does not
// wait for him, and what he is not told of is counted.
func TestSlowReaderOverLoops(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, addr string) {
		slow := dial(t, addr)
		if slow == nil {
			return
		}
		defer slow.socket.Close()
		slow.say(announce('h', 's', ""))
		eventually(t, "the slow one is in", func() bool { return w.store.Totals().Browsers == 1 })
		b := dial(t, addr)
		if b == nil {
			return
		}
		defer b.socket.Close()
		sdp := strings.Repeat("x", 15_000)
		announces := 0
		for ; announces < 5000 && w.server.Counters().OffersUndelivered == 0; announces++ {
			b.say(strings.Replace(announce('h', 'b', "1"), "sdp 1", sdp, 1))
			if payload, err := b.hear(); err != nil || strings.Contains(string(payload), "failure") {
				t.Fatalf("%v: %s", err, payload)
			}
		}
		sum := w.server.Counters()
		if sum.OffersUndelivered == 0 {
			t.Errorf("everything was delivered to one who does not read: %+v", sum)
		}
		w.swarm('h', 0, 2)
	})
}

// When the loops stop, clients are told so.
func TestStoppingOverLoops(t *testing.T) {
	for _, engine := range []string{"auto", "portable"} {
		w := newWorld(t)
		loops, err := streamio.NewLoops(streamio.LoopsConfig{Engine: engine, Count: 2}, &w.clock)
		if err != nil {
			t.Fatal(err)
		}
		w.server = New(DefaultConfig(), w.tracker, loops.Post)
		listener, err := loops.Listen(netip.MustParseAddrPort("127.0.0.1:0"), streamio.Config{
			NewProtocol:   func() streamio.Protocol { return entry{w.server} },
			UpgradedInput: MaxInput,
		})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- loops.Serve(context.Background()) }()
		b := dial(t, listener.Addr().String())
		if b == nil {
			t.FailNow()
		}
		b.say(announce('h', 'a', ""))
		if _, err := b.hear(); err != nil {
			t.Fatal(err)
		}
		loops.Close()
		rest, err := io.ReadAll(b.in)
		if string(rest) != "\x88\x02\x03\xe9" || err != nil {
			t.Errorf("%s: heard %x, %v; want a close frame of 1001", engine, rest, err)
		}
		b.socket.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		w.swarm('h', 0, 0)
		w.connections(0)
	}
}
