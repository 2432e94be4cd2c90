package streamio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Those who send messages that never end, and read no replies, may hold only so
// much together, and the others are served.
func TestMemoryIsScarce(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		const most = 256 << 10
		limit := NewLimit(0)
		limit.SetMemory(most)
		s := start(func(c *settings, _ *lines) { c.Limit, c.MaxInput = limit, 64<<10 })
		honest := s.dial()
		s.protocol()
		var greedy []net.Conn
		var protocols []*lines
		for range 20 {
			c := s.dial()
			greedy, protocols = append(greedy, c), append(protocols, s.protocol())
			send(t, c, strings.Repeat("x", 40<<10))
		}
		ended := 0
		eventually(t, "some are closed", func() bool { return limit.Starved() > 0 })
		for i := range 5 {
			question := fmt.Sprintf("are you there %d?\n", i)
			send(t, honest, question)
			expect(t, honest, strings.ToUpper(question))
		}
		eventually(t, "what is held is within the bound", func() bool { return limit.Memory() <= most })
		for _, c := range greedy {
			c.Close()
		}
		for _, p := range protocols {
			if errors.Is(wait(t, p.closed), ErrMemory) {
				ended++
			}
		}
		if ended != int(limit.Starved()) || ended == 20 {
			t.Errorf("%d of 20 were closed for it, %d are counted", ended, limit.Starved())
		}
		honest.Close()
		eventually(t, "nothing is held", func() bool { return limit.Memory() == 0 })
	})
}

// Who is silent must not keep the memory that others need.
func TestTheOldestHolderMakesRoom(t *testing.T) {
	for _, kind := range engines {
		if kind.name == "portable" {
			continue // which cannot tell
		}
		t.Run(kind.name, func(t *testing.T) {
			limit := NewLimit(0)
			limit.SetMemory(300 << 10)
			l, err := NewLoops(LoopsConfig{Engine: kind.name, Count: 1, Limit: limit}, new(shoal.Clock))
			if err != nil {
				t.Fatal(err)
			}
			listener, err := l.Listen(netip.MustParseAddrPort("127.0.0.1:0"), Config{
				NewProtocol: func() Protocol { return &lines{t: t, closed: make(chan error, 1), ticks: make(chan shoal.Tick, 9)} },
				MaxInput:    64 << 10,
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- l.Serve(ctx) }()
			defer func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}()
			dial := func() net.Conn {
				c, err := net.Dial("tcp", listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				return c
			}
			for range 10 {
				send(t, dial(), strings.Repeat("x", 40<<10))
			}
			// All that they said has arrived: four hold 64 KiB each.
			eventually(t, "the silent hold what there is", func() bool {
				return limit.Starved() == 6 && limit.Memory() == 4*64<<10
			})
			before := limit.Starved()
			honest := dial()
			for i := range 10 {
				question := strings.Repeat("q", 20<<10)
				send(t, honest, question)
				time.Sleep(time.Millisecond) // it is there in parts
				send(t, honest, fmt.Sprintf("%d\n", i))
				expect(t, honest, fmt.Sprintf("%s%d\n", strings.ToUpper(question), i))
			}
			if limit.Starved() > before+2 {
				t.Errorf("%d were closed for one that needs little", limit.Starved()-before)
			}
		})
	}
}

// What a protocol keeps itself counts too.
func TestHold(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		limit := NewLimit(0)
		limit.SetMemory(100 << 10)
		s := start(func(c *settings, p *lines) {
			c.Limit = limit
			p.orders = map[string]func(p *lines, c *Conn, out []byte) ([]byte, Then){
				"hold": func(_ *lines, c *Conn, out []byte) ([]byte, Then) {
					c.Hold(60 << 10)
					return append(out, "HELD\n"...), Keep
				},
				"let go": func(_ *lines, c *Conn, out []byte) ([]byte, Then) {
					c.Hold(0)
					return append(out, "GONE\n"...), Keep
				},
			}
		})
		a, b := s.dial(), s.dial()
		first, second := s.protocol(), s.protocol()
		for range 3 {
			send(t, a, "hold\n")
			expect(t, a, "HELD\n")
		}
		if got := limit.Memory(); got < 60<<10 || got > 80<<10 {
			t.Errorf("%d bytes are held, want 60 KiB and little more", got)
		}
		send(t, a, "let go\n")
		expect(t, a, "GONE\n")
		send(t, b, "hold\n")
		expect(t, b, "HELD\n")
		send(t, a, "hold\n")
		eventually(t, "one is closed for it", func() bool { return limit.Starved() == 1 })
		a.Close()
		b.Close()
		starved := 0
		for _, p := range []*lines{first, second} {
			if errors.Is(wait(t, p.closed), ErrMemory) {
				starved++
			}
		}
		if starved != 1 {
			t.Errorf("%d were closed with %v, want 1", starved, ErrMemory)
		}
		eventually(t, "nothing is held", func() bool { return limit.Memory() == 0 })
	})
}
