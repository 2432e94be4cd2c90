package httpload

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

const emptySwarm = "d8:completei1e10:incompletei1e8:intervali9e5:peers0:e"

func whole(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// serve answers requests as answer does, until the test ends, and closes a
// connection when keep is false or answer returns nothing.
func serve(t *testing.T, keep bool, answer func(r *http.Request, from netip.AddrPort) string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				reader := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					text := answer(r, c.RemoteAddr().(*net.TCPAddr).AddrPort())
					if _, err := c.Write([]byte(text)); err != nil || !keep || text == "" {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// onEngines runs a test on all engines, with connections kept and not.
func onEngines(t *testing.T, test func(t *testing.T, keep bool, change func(p *plan.Plan))) {
	for name, portable := range map[string]bool{"own": false, "portable": true} {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s keep %v", name, keep), func(t *testing.T) {
				test(t, keep, func(p *plan.Plan) { p.Portable, p.KeepAlive = portable, keep })
			})
		}
	}
}

func run(t *testing.T, p *plan.Plan) *report.Summary {
	t.Helper()
	tally, _, err := Run(t.Context(), p, report.NewLive(p.Workers))
	if err != nil {
		t.Fatal(err)
	}
	return summary(tally)
}

func TestRunEndsAfterRequests(t *testing.T) {
	onEngines(t, func(t *testing.T, keep bool, change func(*plan.Plan)) {
		p := newPlan(t, serve(t, keep, func(r *http.Request, _ netip.AddrPort) string {
			if r.URL.Path == "/scrape" {
				return whole("d5:filesdee")
			}
			return whole(emptySwarm)
		}))
		change(p)
		p.Requests, p.Workers, p.Scrape = 500, 2, 10
		s := run(t, p)
		if s.Responses != 500 || s.Lost != 0 || s.Wrong != 0 || s.Answered["scrape"] == 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestFill: every peer is announced from its address with its port, and once
// more where no answer came.
func TestFill(t *testing.T) {
	onEngines(t, func(t *testing.T, keep bool, change func(*plan.Plan)) {
		var mu sync.Mutex
		seen := map[netip.AddrPort]int{}
		p := newPlan(t, serve(t, keep, func(r *http.Request, from netip.AddrPort) string {
			mu.Lock()
			defer mu.Unlock()
			port, _ := strconv.Atoi(r.URL.Query().Get("port"))
			at := netip.AddrPortFrom(from.Addr().Unmap(), uint16(port))
			if seen[at]++; seen[at] == 1 && port%5 == 0 {
				return ""
			}
			return whole(emptySwarm)
		}))
		change(p)
		p.Fill, p.Connections = true, 3
		s := run(t, p)
		if s.Responses != 100 || s.Wrong != 0 {
			t.Errorf("%+v", s)
		}
		mu.Lock()
		defer mu.Unlock()
		for peer := range p.Population.Peers() {
			at := netip.AddrPortFrom(p.Sources[p.Population.Source(peer)], p.Population.Port(peer))
			want := 1
			if at.Port()%5 == 0 {
				want = 2
			}
			if seen[at] != want {
				t.Errorf("peer %d announced %d times, want %d", peer, seen[at], want)
			}
		}
	})
}

// TestRate: an open loop sends at its rate, and what finds no connection free
// waits and counts the wait.
func TestRate(t *testing.T) {
	onEngines(t, func(t *testing.T, keep bool, change func(*plan.Plan)) {
		p := newPlan(t, serve(t, keep, func(*http.Request, netip.AddrPort) string {
			time.Sleep(10 * time.Millisecond)
			return whole(emptySwarm)
		}))
		change(p)
		p.Rate, p.Duration, p.Connections = 400, 500*time.Millisecond, 1
		s := run(t, p)
		if s.Requests+s.Missed != 200 || s.Wrong != 0 || s.Lost != 0 || s.Requests > 60 {
			t.Errorf("%d requests and %d missed of 200", s.Requests, s.Missed)
		}
		if s.Latency.Max < 200_000 {
			t.Errorf("the longest wait was %d µs, behind a connection that is always busy", s.Latency.Max)
		}
	})
}

func TestTimeout(t *testing.T) {
	onEngines(t, func(t *testing.T, keep bool, change func(*plan.Plan)) {
		stop := make(chan struct{})
		defer close(stop)
		p := newPlan(t, serve(t, keep, func(*http.Request, netip.AddrPort) string { <-stop; return "" }))
		change(p)
		p.Requests, p.Timeout = 20, 100*time.Millisecond
		if s := run(t, p); s.Lost != 20 || s.Refused != 0 || s.Responses != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRefused(t *testing.T) {
	onEngines(t, func(t *testing.T, _ bool, change func(*plan.Plan)) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		p := newPlan(t, l.Addr().(*net.TCPAddr).AddrPort())
		change(p)
		p.Requests = 20
		if s := run(t, p); s.Lost != 20 || s.Refused != 20 {
			t.Errorf("%d lost, %d refused", s.Lost, s.Refused)
		}
	})
}

// TestParts: a response that comes in parts is one response, and one that is
// cut is none.
func TestParts(t *testing.T) {
	onEngines(t, func(t *testing.T, _ bool, change func(*plan.Plan)) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		var n atomic.Int64
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
						return
					}
					text := whole(emptySwarm)
					if n.Add(1)%2 == 0 {
						text = text[:len(text)-1]
					}
					for i := 0; i < len(text); i += 40 {
						if _, err := c.Write([]byte(text[i:min(i+40, len(text))])); err != nil {
							return
						}
						time.Sleep(time.Millisecond)
					}
				}()
			}
		}()
		p := newPlan(t, l.Addr().(*net.TCPAddr).AddrPort())
		change(p)
		p.Requests = 20
		if s := run(t, p); s.Answered["announce"] != 10 || s.WrongBy["http"] != 10 {
			t.Errorf("answered %v, wrong %v", s.Answered, s.WrongBy)
		}
	})
}

// TestIdleClosed: a tracker may close a kept connection after any answer.
func TestIdleClosed(t *testing.T) {
	onEngines(t, func(t *testing.T, _ bool, change func(*plan.Plan)) {
		p := newPlan(t, serve(t, false, func(*http.Request, netip.AddrPort) string { return whole(emptySwarm) }))
		change(p)
		p.Requests = 200
		if s := run(t, p); s.Responses != 200 || s.Lost != 0 || s.Wrong != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestKeptConnections: of what a kept connection carries, only what may have
// found it closed is sent again: not a request that is being answered when the
// connection is cut, and not one that is not answered in time.
func TestKeptConnections(t *testing.T) {
	for _, test := range []struct {
		name     string
		second   func(c *net.TCPConn) // what becomes of the second request
		requests int64                // that the tracker sees, of two
		answers  uint64
		refused  uint64
	}{
		{"cut before an answer", func(c *net.TCPConn) {
			_ = c.SetLinger(0)
		}, 3, 2, 0},
		{"cut in an answer", func(c *net.TCPConn) {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-"))
			time.Sleep(50 * time.Millisecond) // it is read by then
			_ = c.SetLinger(0)
		}, 2, 1, 1},
		{"not answered in time", func(*net.TCPConn) {
			time.Sleep(time.Second)
		}, 2, 1, 0},
	} {
		for name, portable := range map[string]bool{"own": false, "portable": true} {
			t.Run(test.name+" "+name, func(t *testing.T) {
				l, err := net.Listen("tcp4", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
				var requests atomic.Int64
				go func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						go func() {
							defer c.Close()
							reader := bufio.NewReader(c)
							for {
								if _, err := http.ReadRequest(reader); err != nil {
									return
								}
								if requests.Add(1) == 2 {
									test.second(c.(*net.TCPConn))
									return
								}
								if _, err := c.Write([]byte(whole(emptySwarm))); err != nil {
									return
								}
							}
						}()
					}
				}()
				p := newPlan(t, l.Addr().(*net.TCPAddr).AddrPort())
				p.KeepAlive, p.Portable, p.Requests, p.Connections, p.Timeout = true, portable, 2, 1, 500*time.Millisecond
				s := run(t, p)
				if s.Answered["announce"] != test.answers || s.Lost != 2-test.answers || s.Refused != test.refused || s.Wrong != 0 {
					t.Errorf("answered %v, %d lost, %d refused, wrong %v", s.Answered, s.Lost, s.Refused, s.WrongBy)
				}
				if n := requests.Load(); n != test.requests {
					t.Errorf("%d requests arrive, want %d", n, test.requests)
				}
			})
		}
	}
}

// TestScrapes: the torrents that an answer may hold are those that its request
// asked for, however many requests were written in between.
func TestScrapes(t *testing.T) {
	onEngines(t, func(t *testing.T, keep bool, change func(*plan.Plan)) {
		for _, lie := range []bool{false, true} {
			p := newPlan(t, serve(t, keep, func(r *http.Request, _ netip.AddrPort) string {
				body := "d5:filesd"
				hashes := r.URL.Query()["info_hash"]
				slices.Sort(hashes)
				for _, hash := range slices.Compact(hashes) {
					if lie {
						hash = hash[:19] + string(hash[19]^1)
					}
					body += "20:" + hash + "de"
				}
				return whole(body + "ee")
			}))
			change(p)
			pop, err := population.New(population.Config{Peers: 1000, Torrents: 500, Seed: 1, Sources: p.Sources})
			if err != nil {
				t.Fatal(err)
			}
			p.Population, p.Requests, p.Scrape = pop, 200, 100
			s := run(t, p)
			if wrong := s.WrongBy["bencode"]; s.Responses != 200 || lie && wrong != 200 || !lie && s.Wrong != 0 {
				t.Errorf("lie %v: %d responses, wrong %v", lie, s.Responses, s.Examples)
			}
		}
	})
}

// TestNotClosed: a tracker that keeps what it is asked to close is told of.
func TestNotClosed(t *testing.T) {
	p := newPlan(t, serve(t, true, func(*http.Request, netip.AddrPort) string { return whole(emptySwarm) }))
	p.Requests = 20
	s := run(t, p)
	if s.Responses != 20 || s.Wrong != 0 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	if runtime.GOOS == "linux" && s.Unclosed == 0 { // elsewhere we close ourselves
		t.Error("connections that were not closed are not told of")
	}
}

func TestCancel(t *testing.T) {
	onEngines(t, func(t *testing.T, keep bool, change func(*plan.Plan)) {
		ctx, cancel := context.WithCancel(t.Context())
		var n atomic.Int64
		p := newPlan(t, serve(t, keep, func(*http.Request, netip.AddrPort) string {
			if n.Add(1) == 50 {
				cancel()
			}
			return whole(emptySwarm)
		}))
		change(p)
		p.Duration = time.Hour
		tally, elapsed, err := Run(ctx, p, report.NewLive(1))
		if err != nil || tally.Responses() < 50 || elapsed >= time.Hour {
			t.Errorf("%d responses in %v, %v", tally.Responses(), elapsed, err)
		}
	})
}
