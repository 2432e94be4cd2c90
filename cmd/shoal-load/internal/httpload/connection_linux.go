//go:build amd64 || arm64

package httpload

import "golang.org/x/sys/unix"

type state uint8

const (
	closed     state = iota
	connecting       // or part of the request is still to be sent
	reading
	ending // answered, the target has yet to close
	kept   // open, without a request
)

// connection is one of a worker's, used again and again.
type connection struct {
	fd     int
	state  state
	used   bool  // has carried a request that was answered
	source int   // index within the worker
	since  int64 // of ending
	job    job
	unsent []byte // rest of the request
	part   []byte // of the response, if it came in parts
}

// A connection that is closed by us waits in TIME_WAIT for a minute, and its
// port with it, unless it is reset.
var reset = unix.Linger{Onoff: 1}

// open opens a socket for the connection's job.
func (l *loop) open(c *connection) error {
	fd, err := unix.Socket(l.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.fd, c.used = fd, false
	if from := l.sources[c.source]; from != nil {
		// The port is chosen when connecting: one port serves many targets, and
		// the search is shorter.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		err = unix.Bind(fd, from)
	}
	if err == nil {
		err = unix.Connect(fd, l.target)
	}
	if err == unix.EINPROGRESS {
		err = nil
	}
	if err != nil {
		l.shut(c)
	}
	return err
}

// shut closes the socket of a connection.
func (l *loop) shut(c *connection) {
	_ = unix.Close(c.fd) // leaves the epoll with it
	c.fd, c.state = -1, closed
	c.part, c.unsent = c.part[:0], c.unsent[:0]
}
