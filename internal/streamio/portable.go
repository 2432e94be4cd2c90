package streamio

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
)

// portable serves each connection with a goroutine of its own, by package net.
type portable struct {
	limit *Limit
	log   *slog.Logger
	clock *shoal.Clock

	stopping atomic.Bool   // set before the deadlines that wake everyone
	closing  chan struct{} // closed by close
	once     sync.Once
	lost     atomic.Uint64

	mu    sync.Mutex
	ports []*port
	slots slots
	all   sync.WaitGroup
}

// port is one listening socket.
type port struct {
	*portable
	socket net.Listener
	config Config
}

func newPortable(c LoopsConfig, clock *shoal.Clock) *portable {
	return &portable{limit: c.Limit, log: c.Log, clock: clock, closing: make(chan struct{})}
}

func (p *portable) listen(addr netip.AddrPort, c Config) (netip.AddrPort, error) {
	network := "tcp4" // net binds "tcp6" with IPV6_V6ONLY
	if addr.Addr().Is6() {
		network = "tcp6"
	}
	// Idle connections are closed by alarms, so the kernel need not probe them:
	// four system calls less for each connection that is accepted. Multipath
	// TCP brings one-request connections nothing but more kernel state.
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	socket, err := lc.Listen(context.Background(), network, addr.String())
	if err != nil {
		return addr, err
	}
	p.add(socket, c)
	return addrPort(socket.Addr()), nil
}

func (p *portable) add(socket net.Listener, c Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ports = append(p.ports, &port{portable: p, socket: socket, config: c})
}

func (p *portable) close() error {
	var errs []error
	p.once.Do(func() {
		close(p.closing)
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, port := range p.ports {
			errs = append(errs, port.socket.Close())
		}
	})
	return errors.Join(errs...)
}

func (p *portable) serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { p.close() })()
	p.mu.Lock()
	ports := p.ports
	p.mu.Unlock()
	var accepting sync.WaitGroup
	for _, port := range ports {
		accepting.Go(port.accept)
	}
	<-p.closing
	accepting.Wait()
	p.stop()
	p.all.Wait()
	return nil
}

// accept starts a goroutine for each connection until the socket is closed.
func (p *port) accept() {
	var pause time.Duration
	var said time.Time
	for {
		socket, err := p.socket.Accept()
		switch {
		case err == nil:
			pause = 0
		case errors.Is(err, net.ErrClosed):
			return
		default:
			// Every other error is of the moment (EMFILE, ENFILE, ENOBUFS,
			// ENOMEM): an attacker who holds all descriptors must not be able
			// to end the accepting, nor to fill the log.
			if now := time.Now(); now.Sub(said) >= warnEvery {
				said = now
				warnAccept(p.log, addrPort(p.socket.Addr()), err)
			}
			pause = min(max(2*pause, shortestPause), longestPause)
			select {
			case <-time.After(pause):
			case <-p.closing:
				return
			}
			continue
		}
		if !p.limit.take() {
			socket.Close()
			continue
		}
		p.start(socket)
	}
}

func warnAccept(log *slog.Logger, addr netip.AddrPort, err error) {
	log.Warn("cannot accept TCP connections, trying again", "listen", addr.String(), "error", err)
}

func (p *port) start(socket net.Conn) {
	s := &stream{
		Conn: Conn{
			remote: addrPort(socket.RemoteAddr()),
			clock:  p.clock,
		},
		socket: socket,
		port:   p,
	}
	s.carrier = s
	s.trusted = p.config.Proxies.Contain(s.remote.Addr())
	s.proxied = s.trusted
	p.mu.Lock()
	s.link = p.slots.take(s)
	p.mu.Unlock()
	p.all.Go(func() {
		s.run()
		p.mu.Lock()
		p.slots.give(s.link)
		p.mu.Unlock()
		p.limit.give()
	})
}

// stop wakes every connection. No other can appear: accept has returned.
func (p *portable) stop() {
	p.stopping.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, place := range p.slots.places {
		if s := place.stream; s != nil {
			s.socket.SetReadDeadline(now)
			s.socket.SetWriteDeadline(now.Add(stopTimeout))
		}
	}
}

func (p *portable) post(to shoal.Link, message []byte) bool {
	p.mu.Lock()
	s := p.slots.find(to)
	p.mu.Unlock()
	if s == nil || !s.mail.put(message) {
		return false
	}
	// Whoever waits to read wakes up. Whoever does not looks into its mail
	// before it waits.
	s.socket.SetReadDeadline(longAgo)
	return true
}

func (p *portable) undelivered() uint64 { return p.lost.Load() }

var longAgo = time.Unix(1, 0)

// slots gives connections their Links.
type slots struct {
	places []place
	free   []uint32
}

type place struct {
	stream     *stream // nil: free
	generation uint32
}

func (t *slots) take(s *stream) shoal.Link {
	var slot uint32
	if n := len(t.free); n > 0 {
		slot, t.free = t.free[n-1], t.free[:n-1]
	} else {
		slot = uint32(len(t.places))
		t.places = append(t.places, place{})
	}
	p := &t.places[slot]
	p.stream = s
	p.generation = nextGeneration(p.generation)
	return shoal.NewLink(0, 0, slot, p.generation)
}

func (t *slots) give(l shoal.Link) {
	t.places[l.Slot()].stream = nil
	t.free = append(t.free, l.Slot())
}

func (t *slots) find(l shoal.Link) *stream {
	if l.Node() != 0 || l.Loop() != 0 || int(l.Slot()) >= len(t.places) {
		return nil
	}
	if p := t.places[l.Slot()]; p.generation == l.Generation() {
		return p.stream
	}
	return nil
}

// nextGeneration returns the generation after g. It is never 0, so that no Link
// is.
func nextGeneration(g uint32) uint32 {
	return g%shoal.MaxLinkGeneration + 1
}

func (*portable) count() int { return 0 }
