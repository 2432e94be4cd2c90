package httpload

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// dispatcher runs a worker's connections by package net, a goroutine for each.
// It chooses and judges alone; the goroutines only move bytes.
type dispatcher struct {
	w       *worker
	conns   []*carrier
	free    []*carrier
	done    chan *carrier
	parked  []*carrier // were refused, and rest until the next sweep
	waiting int
}

// carrier is one connection.
type carrier struct {
	from    *net.TCPAddr // of the job; nil: the system chooses
	target  netip.AddrPort
	timeout time.Duration
	keep    bool
	once    bool        // a request that finds its connection closed is not sent again on another
	secure  *tls.Config // nil: without TLS
	source  int         // index within the worker
	tcp     *net.TCPConn
	conn    net.Conn // tcp, or TLS on it; nil: there is none
	job     job
	request []byte
	start   chan struct{}

	// What became of the job.
	raw       []byte
	response  response
	err       error
	at        int64
	handshake handshake
	unclosed  bool // the target left open what it was asked to close
}

func newDispatcher(p *plan.Plan, w *worker) *dispatcher {
	d := &dispatcher{w: w, done: make(chan *carrier, p.ConnectionsOf(w.index))}
	for range cap(d.done) {
		c := &carrier{
			target: p.Target, timeout: p.Timeout, keep: p.KeepAlive, source: anySource,
			start: make(chan struct{}, 1), raw: make([]byte, 0, 4096), secure: secureOf(p),
		}
		d.conns = append(d.conns, c)
		d.free = append(d.free, c)
		go c.run(d.done)
	}
	return d
}

func (d *dispatcher) worker() *worker { return d.w }

func (d *dispatcher) close() {
	for _, c := range d.conns {
		close(c.start)
	}
}

func (d *dispatcher) run(ctx context.Context, start int64) error {
	w := d.w
	w.start(start)
	if w.plan.Idle {
		return d.hold(ctx)
	}
	swept := start
	timer := time.NewTimer(sweepInterval)
	defer timer.Stop()
	for {
		now := clock()
		if now-swept > int64(sweepInterval) {
			swept = now
			d.free = append(d.free, d.parked...)
			d.parked = d.parked[:0]
			w.sweep(now, ctx.Err() != nil)
		}
		due := min(w.pace.Due(now, len(d.free))+len(w.retry), len(d.free))
		for range due {
			d.begin(now)
		}
		if w.idle(now) && d.waiting == 0 {
			w.tally.Missed += w.pace.Missed(now)
			return nil
		}
		rest := sweepInterval
		if !w.plan.Closed() && !w.pace.Ended(now) && len(d.free) > 0 {
			rest = min(rest, time.Duration(max(0, w.pace.Until(now))))
		}
		timer.Reset(rest)
		select {
		case c := <-d.done:
			if err := d.finish(c); err != nil {
				return err
			}
		case <-timer.C:
		}
	}
}

// begin gives a free connection a job.
func (d *dispatcher) begin(now int64) {
	c := d.free[len(d.free)-1]
	d.free = d.free[:len(d.free)-1]
	ok := false
	if c.conn != nil {
		if c.job, c.source, ok = d.w.next(c.source, now); !ok {
			c.shut() // all peers of this address are announced
		}
	}
	if !ok {
		if c.job, c.source, ok = d.w.next(anySource, now); !ok {
			d.free = append(d.free, c)
			return
		}
	}
	d.give(c)
}

// give lets a connection carry its job.
func (d *dispatcher) give(c *carrier) {
	c.from = nil
	if a := d.w.plan.Sources[c.job.source]; !a.IsUnspecified() {
		c.from = &net.TCPAddr{IP: a.AsSlice(), Zone: a.Zone()}
	}
	c.request = d.w.write(c.request[:0], &c.job)
	d.waiting++
	c.start <- struct{}{}
}

// finish judges what became of a job. Only what no other request could do better
// is an error.
func (d *dispatcher) finish(c *carrier) error {
	d.waiting--
	c.handshake.count(&d.w.tally.Handshakes)
	if c.unclosed {
		d.w.tally.Unclosed++
	}
	switch {
	case c.err == nil:
		d.w.answered(&c.job, &c.response, c.raw, c.at)
	case hopeless(c.err) != nil:
		d.w.lost(&c.job, false)
		return hopeless(c.err)
	case isTimeout(c.err):
		d.w.lost(&c.job, false)
	case errors.Is(c.err, errTLS): // it would say so as fast as it is asked
		d.w.broken(&c.job, c.err, c.raw, c.at)
		d.parked = append(d.parked, c)
		return nil
	case isSystem(c.err) || errors.Is(c.err, errEmpty):
		d.w.lost(&c.job, true)
		d.parked = append(d.parked, c)
		return nil
	default:
		d.w.broken(&c.job, c.err, c.raw, c.at)
	}
	d.free = append(d.free, c)
	return nil
}

// hopeless explains what all requests would end in.
func hopeless(err error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("the certificate is not trusted: name its authority with --ca, or believe any with --insecure: %w", untrusted.Err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("no address or port left to connect from: keep connections alive, or announce from more --sources: %w", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("more --connections than this process may open: %w", err)
	}
	return nil
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// isSystem tells a connection that was refused or cut from an answer that is
// wrong.
func isSystem(err error) bool {
	var op *net.OpError
	var number syscall.Errno
	return errors.As(err, &op) || errors.As(err, &number)
}
