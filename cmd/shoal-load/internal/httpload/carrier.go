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
		reused := c.conn != nil
		c.err = c.carry()
		// The target may have closed what was idle. Where an answer had begun, or
		// the target let the time pass, it had the request.
		if c.err != nil && reused && len(c.raw) == 0 && !isTimeout(c.err) {
			c.err = c.carry()
		}
		c.at = clock()
		if c.err != nil || !c.keep || c.response.close {
			c.shut()
		}
		done <- c
	}
	c.shut()
}

func (c *carrier) shut() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// carry sends the request and reads the response.
func (c *carrier) carry() error {
	c.raw = c.raw[:0]
	deadline := time.Now().Add(c.timeout)
	if c.conn == nil {
		dialer := net.Dialer{Deadline: deadline}
		if c.from != nil {
			dialer.LocalAddr = c.from
		}
		conn, err := dialer.Dial("tcp", c.target.String())
		if err != nil {
			return err
		}
		c.conn = conn
	}
	_ = c.conn.SetDeadline(deadline)
	if _, err := c.conn.Write(c.request); err != nil {
		c.shut()
		return err
	}
	for {
		if len(c.raw) == cap(c.raw) {
			c.raw = append(c.raw, 0)[:len(c.raw)]
		}
		n, err := c.conn.Read(c.raw[len(c.raw):cap(c.raw)])
		c.raw = c.raw[:len(c.raw)+n]
		eof := errors.Is(err, io.EOF)
		if err != nil && !eof {
			c.shut()
			return err
		}
		var finished bool
		if c.response, finished, err = readResponse(c.raw, eof); finished {
			if err != nil {
				c.shut()
			}
			return err
		}
	}
}
