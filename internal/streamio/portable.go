package streamio

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
)

const (
	// stopTimeout is how long the replies in hand may take when a listener
	// stops: a reader that has stalled must not hold up the end of the process.
	stopTimeout = 500 * time.Millisecond

	// Accepting fails while the process has no descriptor to spare. It is tried
	// again after a pause that doubles up to the longest one.
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
	warnEvery     = time.Minute
)

// portable serves each connection with a goroutine of its own, by package net.
type portable struct {
	socket net.Listener
	config Config
	clock  *shoal.Clock

	stopping atomic.Bool   // set before the deadlines that wake everyone
	closing  chan struct{} // closed by close
	once     sync.Once

	mu   sync.Mutex
	open map[*stream]struct{}
	all  sync.WaitGroup
}

func newPortable(socket net.Listener, c Config, clock *shoal.Clock) engine {
	return &portable{
		socket:  socket,
		config:  c,
		clock:   clock,
		closing: make(chan struct{}),
		open:    make(map[*stream]struct{}),
	}
}

func (p *portable) close() error {
	var err error
	p.once.Do(func() {
		close(p.closing)
		err = p.socket.Close()
	})
	return err
}

func (p *portable) serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { p.close() })()
	err := p.accept()
	p.close()
	p.stop()
	p.all.Wait()
	return err
}

// accept starts a goroutine for each connection until the listener is closed.
func (p *portable) accept() error {
	var pause time.Duration
	var said shoal.Tick
	for {
		socket, err := p.socket.Accept()
		switch {
		case err == nil:
			pause = 0
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			// Every other error is of the moment (EMFILE, ENFILE, ENOBUFS,
			// ENOMEM): an attacker who holds all descriptors must not be able
			// to end the accepting, nor to fill the log.
			if now := p.clock.Now(); said == 0 || now.Sub(said) >= warnEvery {
				said = max(now, 1)
				p.config.Log.Warn("cannot accept TCP connections, trying again",
					"listen", addrPort(p.socket.Addr()).String(), "error", err)
			}
			pause = min(max(2*pause, shortestPause), longestPause)
			select {
			case <-time.After(pause):
			case <-p.closing:
				return nil
			}
			continue
		}
		if !p.config.Limit.take() {
			socket.Close()
			continue
		}
		p.start(socket)
	}
}

func (p *portable) start(socket net.Conn) {
	s := &stream{
		Conn: Conn{
			remote: addrPort(socket.RemoteAddr()),
			local:  addrPort(socket.LocalAddr()),
			clock:  p.clock,
		},
		socket:   socket,
		portable: p,
		protocol: p.config.NewProtocol(),
	}
	p.mu.Lock()
	p.open[s] = struct{}{}
	p.mu.Unlock()
	p.all.Go(func() {
		s.run()
		p.mu.Lock()
		delete(p.open, s)
		p.mu.Unlock()
		p.config.Limit.give()
	})
}

// stop wakes every connection. No other can appear: accept has returned.
func (p *portable) stop() {
	p.stopping.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for s := range p.open {
		s.socket.SetReadDeadline(now)
		s.socket.SetWriteDeadline(now.Add(stopTimeout))
	}
}
