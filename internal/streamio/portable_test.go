package streamio

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// exhausted is a listening socket whose first accepts fail.
type exhausted struct {
	net.Listener
	mu    sync.Mutex
	fails int
}

func (l *exhausted) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails > 0 {
		l.fails--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestAcceptRecovers(t *testing.T) {
	inner, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	c := Config{
		NewProtocol: func() Protocol {
			return &lines{t: t, closed: make(chan error, 2), ticks: make(chan shoal.Tick, 10)}
		},
	}
	e := newPortable(LoopsConfig{Limit: NewLimit(0), Log: slog.New(slog.NewTextHandler(&said, nil))}, new(shoal.Clock))
	e.add(&exhausted{Listener: inner, fails: 5}, c.withDefaults())
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- e.serve(ctx) }()

	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	send(t, conn, "in\n")
	expect(t, conn, "IN\n")
	cancel()
	if err := wait(t, served); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if n := strings.Count(said.String(), "cannot accept"); n != 1 || !strings.Contains(said.String(), inner.Addr().String()) {
		t.Errorf("log has %d warnings, want one that names the address:\n%s", n, said.String())
	}
}

// A listener whose accepts fail without end must still stop.
func TestStopWhileExhausted(t *testing.T) {
	inner, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := newPortable(LoopsConfig{Limit: NewLimit(0), Log: slog.New(slog.DiscardHandler)}, new(shoal.Clock))
	e.add(&exhausted{Listener: inner, fails: 1 << 30}, Config{}.withDefaults())
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- e.serve(ctx) }()
	cancel()
	if err := wait(t, served); err != nil {
		t.Errorf("Serve: %v", err)
	}
}
