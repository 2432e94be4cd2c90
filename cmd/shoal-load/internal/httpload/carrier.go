package httpload

import (
	"errors"
	"io"
	"net"
	"time"
)

// run carries jobs until the dispatcher closes.
func (c *carrier) run(done chan<- *carrier) {
	for range c.start {
		c.handshake, c.unclosed = none, false
		reused := c.conn != nil
		c.err = c.carry()
		// The target may have closed what was idle. Where an answer had begun, or
		// the target let the time pass, it had the request.
		if c.err != nil && reused && !c.once && len(c.raw) == 0 && !isTimeout(c.err) && !errors.Is(c.err, errTLS) {
			c.err = c.carry()
		}
		c.at = clock()
		switch {
		case c.err != nil:
			c.shut()
		case !c.keep || c.response.close:
			if c.secure != nil {
				c.awaitEnd()
			}
			c.shut()
		}
		done <- c
	}
	c.shut()
}

// shut closes without the farewell of TLS, which nobody waits for.
func (c *carrier) shut() {
	if c.conn != nil {
		_ = c.tcp.Close()
		c.tcp, c.conn = nil, nil
	}
}

// carry sends the request and reads the response.
func (c *carrier) carry() error {
	c.raw = c.raw[:0]
	deadline := time.Now().Add(c.timeout)
	if c.conn == nil {
		if err := c.dial(deadline); err != nil {
			return err
		}
	} else {
		_ = c.tcp.SetDeadline(deadline)
	}
	if _, err := c.conn.Write(c.request); err != nil {
		c.shut()
		return c.tell(err)
	}
	for {
		if len(c.raw) == cap(c.raw) {
			c.raw = append(c.raw, 0)[:len(c.raw)]
		}
		n, err := c.conn.Read(c.raw[len(c.raw):cap(c.raw)])
		c.raw = c.raw[:len(c.raw)+n]
		cut := errors.Is(err, io.ErrUnexpectedEOF) // in the middle of a record of TLS
		eof := cut || errors.Is(err, io.EOF)
		if err != nil && !eof {
			c.shut()
			return c.tell(err)
		}
		var finished bool
		c.response, finished, err = readResponse(c.raw, eof)
		if finished && err == nil && cut && c.response.length < 0 {
			err = errShort
		}
		if finished {
			if err != nil {
				c.shut()
			}
			return err
		}
	}
}

// dial opens a connection and shakes hands, if there are hands to be shaken.
func (c *carrier) dial(deadline time.Time) error {
	dialer := net.Dialer{Deadline: deadline, KeepAlive: -1} // an idle one is to be idle
	if c.from != nil {
		dialer.LocalAddr = c.from
	}
	conn, err := dialer.Dial("tcp", c.target.String())
	if err != nil {
		return err
	}
	c.tcp, c.conn = conn.(*net.TCPConn), conn
	_ = c.tcp.SetDeadline(deadline)
	if c.secure == nil {
		return nil
	}
	return c.shake()
}
