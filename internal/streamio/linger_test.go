package streamio

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// A reset overtakes a reply that has not been read yet: closing must wait for
// the sender to end.
func TestCloseOverUnreadInput(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		c := start(nil).dial()
		send(t, c, "close unread\n")
		for range 20 {
			send(t, c, strings.Repeat("body ", 200))
		}
		expect(t, c, "UNREAD\n")
		expectEnd(t, c)
		send(t, c, "still no reset")
	})
}

// What comes after the last message was read, and before the connection is
// closed, must not cost the reply.
func TestCloseOverLateInput(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		hold := make(chan struct{})
		s := start(func(c *settings, p *lines) { c.TLS, p.hold = serverTLS(), hold })
		for name, late := range map[string]func(c net.Conn){
			"an empty line":        func(c net.Conn) { send(t, c, "\r\n") },
			"another message":      func(c net.Conn) { send(t, c, "another\n") },
			"the end":              func(c net.Conn) { c.(interface{ CloseWrite() error }).CloseWrite() },
			"a message, a goodbye": func(c net.Conn) { send(t, c, "x\n"); c.(interface{ CloseWrite() error }).CloseWrite() },
		} {
			for _, dial := range []func() net.Conn{s.dial, func() net.Conn { return s.dialTLS(clientTLS) }} {
				c := dial()
				send(t, c, "close held\n")
				p := s.opened()
				eventually(t, name+": the message is read", p.busy.Load)
				late(c)
				hold <- struct{}{}
				expect(t, c, "BYE\n")
				if s.loops.Engine() == "epoll" {
					expectEnd(t, c) // and no reset, which some systems let overtake the reply
				}
				c.Close()
				if why := wait(t, p.closed); why != nil {
					t.Errorf("%s: Closed(%v), want nil", name, why)
				}
			}
		}
	})
}

// Messages that are posted to a connection do not end the wait for the other
// side.
func TestPostWhileLingering(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(nil)
		c := s.dial()
		p := s.opened()
		send(t, c, "close unread\n")
		expect(t, c, "UNREAD\n")
		expectEnd(t, c)
		for range 20 {
			s.loops.Post(p.to(), []byte("too late\n"))
			time.Sleep(time.Millisecond) // so that it could do harm
			send(t, c, "still no reset")
		}
	})
}

// One that never stops sending is cut off: what is read of it is bounded, not
// only for how long. The kernel takes some of what is sent by itself, but far
// less than a fast sender gets rid of in the time that it has.
func TestCloseOverEndlessInput(t *testing.T) {
	const kernel = 64 << 20
	endless(t, func(t *testing.T, c net.Conn) error {
		junk := make([]byte, 64<<10)
		for sent := 0; ; {
			n, err := c.Write(junk)
			if err != nil {
				return err
			}
			if sent += n; sent > lingerBytes+kernel {
				t.Errorf("%d bytes were taken after the last reply", sent)
				return nil
			}
		}
	})
}

// One that sends so little that the bound on bytes does not matter is cut off
// too.
func TestCloseOverTricklingInput(t *testing.T) {
	endless(t, func(_ *testing.T, c net.Conn) error {
		for {
			if _, err := io.WriteString(c, "x"); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
}

// endless closes a connection over unread input, while the client goes on as
// send does until that fails.
func endless(t *testing.T, more func(t *testing.T, c net.Conn) error) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		limit := NewLimit(0)
		s := start(func(c *settings, _ *lines) { c.Limit = limit })
		c := s.dial()
		p := s.protocol()
		send(t, c, "close unread\n")
		expect(t, c, "UNREAD\n")
		if err := more(t, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("was never cut off")
		}
		if why := wait(t, p.closed); why != nil {
			t.Errorf("Closed(%v), want nil", why)
		}
		eventually(t, "the connection is given back", func() bool { return limit.Open() == 0 })
	})
}

// What is read after the last reply, to the byte.
func TestLingerReads(t *testing.T) {
	var read int
	s := &stream{port: &port{portable: &portable{limit: NewLimit(0)}}, socket: &scripted{read: func(b []byte) (int, error) {
		if read > 10*lingerBytes {
			return 0, io.EOF
		}
		n := min(len(b), 1000)
		read += n
		return n, nil
	}}}
	s.in = s.small[:]
	s.linger()
	if read != lingerBytes {
		t.Errorf("%d bytes were read, want %d", read, lingerBytes)
	}
}

// scripted is a socket that reads and writes as a test says, or writes into
// the void.
type scripted struct {
	net.Conn
	read  func(b []byte) (int, error)
	write func(b []byte)
}

func (c *scripted) Read(b []byte) (int, error) { return c.read(b) }
func (c *scripted) Write(b []byte) (int, error) {
	if c.write != nil {
		c.write(b)
	}
	return len(b), nil
}
func (*scripted) SetReadDeadline(time.Time) error  { return nil }
func (*scripted) SetWriteDeadline(time.Time) error { return nil }
func (*scripted) CloseWrite() error                { return nil }
func (*scripted) Close() error                     { return nil }
