package wsload

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// team runs a worker's connections by package net. A goroutine for each reads,
// and another one writes while there is something to send: who reads never waits
// for what is written to be taken.
type team struct {
	ctx     context.Context
	end     context.CancelFunc
	plan    *plan.Plan
	mu      sync.Mutex // of the worker, and of all below
	w       *worker
	through bool // the worker is not to be used any more
	running sync.WaitGroup
	wake    chan struct{}
}

// link is one socket of a connection.
type link struct {
	team    *team
	c       *connection
	from    *net.TCPAddr // nil: the system chooses
	secure  *tls.Config  // nil: without TLS
	cancel  context.CancelFunc
	tcp     *net.TCPConn
	conn    net.Conn // tcp, or TLS on it
	writing bool
	shut    bool
}

func newTeam(p *plan.Plan, w *worker) *team {
	t := &team{plan: p, w: w, wake: make(chan struct{}, 1)}
	t.ctx, t.end = context.WithCancel(context.Background())
	return t
}

func (t *team) close() {
	t.end()
	t.mu.Lock()
	t.through = true
	for _, c := range t.w.conns {
		if l := c.link; l != nil && l.conn != nil {
			_ = l.tcp.SetLinger(0)
			_ = l.tcp.Close()
		}
	}
	t.mu.Unlock()
	t.running.Wait()
}

func (t *team) run() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		t.mu.Lock()
		t.step()
		rest, through := t.w.rest(clock()), t.through
		t.mu.Unlock()
		if through {
			return t.w.err
		}
		timer.Reset(time.Duration(rest))
		select {
		case <-timer.C:
		case <-t.wake:
		}
	}
}

// step lets the worker begin what is due. The team is locked.
func (t *team) step() {
	if t.through || t.w.advance(clock()) {
		return
	}
	t.through = true
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// dial implements engine.
func (t *team) dial(c *connection) {
	l := &link{team: t, c: c, secure: t.plan.TLS}
	if a := t.plan.Sources[c.source]; !a.IsUnspecified() {
		l.from = &net.TCPAddr{IP: a.AsSlice(), Zone: a.Zone()}
	}
	if l.secure != nil && t.plan.Resume {
		l.secure = c.resuming(l.secure)
	}
	c.link = l
	var ctx context.Context
	ctx, l.cancel = context.WithTimeout(t.ctx, t.plan.Timeout)
	t.running.Add(1)
	go func() {
		defer t.running.Done()
		l.run(ctx)
	}()
}

// flush implements engine.
func (t *team) flush(c *connection) {
	l := c.link
	if l == nil || l.conn == nil || l.writing {
		return
	}
	l.writing = true
	t.running.Add(1)
	go func() {
		defer t.running.Done()
		l.write()
	}()
}

// shut implements engine.
func (t *team) shut(c *connection) {
	l := c.link
	if l == nil {
		return
	}
	c.link, l.shut = nil, true
	l.cancel()
	if l.conn == nil {
		return
	}
	farewell := c.out[c.outAt:]
	if l.writing { // and so it would come amid something else
		farewell = nil
	}
	c.out, c.outAt = nil, 0
	t.running.Add(1)
	go func() {
		defer t.running.Done()
		if len(farewell) > 0 {
			_ = l.tcp.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = l.conn.Write(farewell)
		}
		_ = l.tcp.Close()
	}()
}

// run opens the socket and reads until it ends.
func (l *link) run(ctx context.Context) {
	defer l.cancel()
	tcp, conn, shaken, err := l.open(ctx)
	if tcp != nil {
		defer tcp.Close()
	}
	t := l.team
	t.mu.Lock()
	if l.shut || t.through {
		t.mu.Unlock()
		return
	}
	shaken.count(&t.w.tally.Handshakes)
	if err != nil {
		l.fail(err)
		t.mu.Unlock()
		return
	}
	l.tcp, l.conn = tcp, conn
	t.w.opened(l.c, clock())
	t.mu.Unlock()
	l.read()
}

// open connects, and shakes hands if there are hands to be shaken.
func (l *link) open(ctx context.Context) (tcp *net.TCPConn, conn net.Conn, shaken handshake, err error) {
	dialer := net.Dialer{KeepAlive: -1} // an idle one is to be idle
	if l.from != nil {
		dialer.LocalAddr = l.from
	}
	plain, err := dialer.DialContext(ctx, "tcp", l.team.plan.Target.String())
	if err != nil {
		return nil, nil, none, fmt.Errorf("connecting: %w", err)
	}
	tcp = plain.(*net.TCPConn)
	if l.secure == nil {
		return tcp, tcp, none, nil
	}
	secure := tls.Client(tcp, l.secure)
	if err := secure.HandshakeContext(ctx); err != nil {
		return tcp, nil, failed, l.tell(err)
	}
	if secure.ConnectionState().DidResume {
		return tcp, secure, resumed, nil
	}
	return tcp, secure, full, nil
}

// fail tells the worker of a connection that has ended. The team is locked.
func (l *link) fail(err error) {
	l.shut, l.c.link = true, nil
	if errors.Is(err, errTLS) && hopeless(err) == nil {
		l.team.w.broken(l.c, report.WrongTLS, err, nil)
	} else {
		l.team.w.closed(l.c, err)
	}
	l.team.step()
}

// smallest is the memory that a connection reads into while little comes.
const smallest = 4 << 10

// read lets the worker hear what comes.
func (l *link) read() {
	t := l.team
	b, have := make([]byte, smallest), 0
	for {
		n, err := l.conn.Read(b[have:])
		have += n
		t.mu.Lock()
		if l.shut || t.through {
			t.mu.Unlock()
			return
		}
		if n > 0 {
			used, ok := t.w.feed(l.c, b[:have], clock())
			have = copy(b, b[used:have])
			if ok && err != nil {
				l.fail(l.tell(err))
			}
			t.step()
			ok = ok && err == nil
			t.mu.Unlock()
			if !ok {
				return
			}
		} else {
			if err != nil {
				l.fail(l.tell(err))
			}
			t.mu.Unlock()
			if err != nil {
				return
			}
		}
		switch {
		case have == len(b):
			b = append(b, make([]byte, len(b))...)
		case have == 0 && len(b) > smallest:
			b = make([]byte, smallest)
		}
	}
}

// write sends what there is to be sent.
func (l *link) write() {
	t, c := l.team, l.c
	var sent []byte
	for {
		t.mu.Lock()
		t.w.keep(sent)
		if l.shut || t.through || c.unsent() == 0 {
			l.writing = false
			t.mu.Unlock()
			return
		}
		rest := c.out[c.outAt:]
		sent = c.out
		c.out, c.outAt = nil, 0
		t.mu.Unlock()
		if _, err := l.conn.Write(rest); err != nil {
			_ = l.tcp.Close() // who reads will tell
			return
		}
	}
}

// tell tells an error of TLS itself from those of the connection beneath.
func (l *link) tell(err error) error {
	var op *net.OpError
	switch {
	case l.secure == nil, isTimeout(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case errors.As(err, &op) && op.Op != "remote error" && op.Op != "local error": // these two are alerts
		return err
	}
	return fmt.Errorf("%w: %w", errTLS, err)
}
