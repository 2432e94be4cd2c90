package streamio

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// Who wants to say goodbye when everything stops can.
func TestStopping(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		var made chan *frames
		s := start(func(c *settings, p *lines) {
			c.TLS, c.UpgradedInput, made = serverTLS(), 64<<10, upgrading(t, p, nil)
		})
		type client struct {
			net.Conn
			old  *lines
			next *frames // nil: not upgraded
		}
		var all []client
		for _, dial := range s.plainAndSecure() {
			for _, behind := range []string{"", frame("half a message")[:7], frame(strings.Repeat("x", 40_000))[:30_000]} {
				c := client{Conn: dial()}
				send(t, c, "upgrade\n")
				expect(t, c, switched)
				c.old = s.protocol()
				send(t, c, frame("in")+behind)
				expect(t, c, receipt("in"))
				c.next = wait(t, made)
				eventually(t, "all of it is read", func() bool { return c.next.unused.Load() == int64(len(behind)) })
				all = append(all, c)
			}
			c := client{Conn: dial()}
			send(t, c, "in\n")
			expect(t, c, "IN\n")
			c.old = s.protocol()
			all = append(all, c)
		}
		// One that has gone, and one that reads nothing, which holds up nobody.
		gone := s.dial()
		send(t, gone, "upgrade\n"+frame("close"))
		left := wait(t, made)
		wait(t, left.closed)
		stalled := s.dial()
		go io.WriteString(stalled, "upgrade\n"+strings.Repeat(frame("large"), 1000))
		stuck := wait(t, made)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		for i, c := range all {
			closed := c.old.closed
			if c.next != nil {
				if closed = c.next.closed; c.next.stopped.Load() != 1 {
					t.Errorf("connection %d was told %d times that it ends", i, c.next.stopped.Load())
				}
				expect(t, c, "GOODBYE\n")
				if len(c.old.closed) > 0 {
					t.Errorf("connection %d: the protocol before was closed", i)
				}
			}
			expectEnd(t, c)
			if why := wait(t, closed); !errors.Is(why, ErrStopped) {
				t.Errorf("connection %d: Closed(%v), want %v", i, why, ErrStopped)
			}
		}
		if n := left.stopped.Load(); n != 0 {
			t.Errorf("a connection that was gone was told %d times that it ends", n)
		}
		wait(t, stuck.closed)
		if n := stuck.stopped.Load(); n > 1 {
			t.Errorf("a connection was told %d times that it ends", n)
		}
	})
}
