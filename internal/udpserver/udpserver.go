// Package udpserver serves the UDP tracker protocol (BEP 15) on sockets of
// packetio.
//
// Source addresses of datagrams are easily forged, so whatever does not prove
// that its sender receives what is sent there gets no answer at all: not an
// error either, and nothing is remembered of it. The proof is the connection
// ID, see connectionid.go.
package udpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/packetio"
	"github.com/shoal-tracker/shoal/internal/tracker"
)

// Server is the UDP tracker of one Config.
type Server struct {
	workers []*worker
	groups  []group
	own     atomic.Pointer[ownListeners]
	log     *slog.Logger

	closing  sync.Once
	closeErr error
}

// group is the workers of one listen address.
type group struct {
	addr    netip.AddrPort
	workers []*worker
}

// Listen binds every address of c, or none and says which failed. Packets wait
// in the kernel until Serve. The connection IDs hang on the secret: servers
// which share it, and the epoch, honour each other's.
func Listen(c Config, t *tracker.Tracker, secret [16]byte, clock *shoal.Clock, log *slog.Logger) (*Server, error) {
	if c.ConnectionIDEpoch < time.Millisecond {
		return nil, fmt.Errorf("connection_id_epoch is %v, less than the clock can tell", c.ConnectionIDEpoch)
	}
	s := &Server{log: log}
	ids := newConnectionIDs(secret, c.ConnectionIDEpoch)
	granted := c.ReceiveBuffer
	for _, addr := range c.Listen {
		sockets, err := packetio.Listen(addr, c.Config)
		if err != nil {
			return nil, errors.Join(err, s.Close()) // it names the address
		}
		g := group{addr: addr}
		for _, socket := range sockets {
			g.addr = socket.LocalAddr()
			g.workers = append(g.workers, newWorker(s, socket, t, ids, clock))
			if n := socket.ReceiveBuffer(); n > 0 {
				granted = min(granted, n)
			}
		}
		s.groups = append(s.groups, g)
		s.workers = append(s.workers, g.workers...)
	}
	s.warnOfReceiveBuffer(c.ReceiveBuffer, granted)
	s.SetOwn(s.Addrs())
	return s, nil
}

// warnOfReceiveBuffer says once for all sockets when one has less than asked.
func (s *Server) warnOfReceiveBuffer(asked, granted int) {
	if granted < asked {
		s.log.Warn("the kernel grants a smaller receive buffer than asked for: bursts will lose packets",
			"asked", asked, "granted", granted, "raise", bufferLimit(asked))
	}
}

// bufferLimit is what an operator types to have size granted.
func bufferLimit(size int) string {
	switch runtime.GOOS {
	case "linux":
		return fmt.Sprintf("sysctl -w net.core.rmem_max=%d", size)
	case "darwin", "freebsd":
		return fmt.Sprintf("sysctl kern.ipc.maxsockbuf=%d", 2*size)
	}
	return "the system's limit of receive buffers"
}

// Addrs returns the addresses listened on, in the order of Config.Listen and
// with the ports that were picked where it has port 0.
func (s *Server) Addrs() []netip.AddrPort {
	addrs := make([]netip.AddrPort, len(s.groups))
	for i, g := range s.groups {
		addrs[i] = g.addr
	}
	return addrs
}

// SetOwn names the listeners of this process, those of every Server, whose
// datagrams are never answered: two listeners that answer each other would not
// stop. A new Server knows its own. It may be called while the server serves,
// and looks up the addresses of this machine.
func (s *Server) SetOwn(addrs []netip.AddrPort) {
	own, err := newOwnListeners(addrs)
	if err != nil {
		s.log.Warn("addresses of this machine are not known: datagrams that claim to come from its own listeners may be answered", "error", err)
	}
	s.own.Store(own)
}

// Serve answers until ctx is done or Close is called. When it returns, the
// sockets are closed and all its goroutines are gone.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	var wg sync.WaitGroup
	for _, w := range s.workers {
		wg.Go(w.run)
	}
	wg.Wait()
	return s.Close()
}

// Close closes every socket, which ends Serve. It may be called more than once
// and without Serve.
func (s *Server) Close() error {
	s.closing.Do(func() {
		sockets := make([]*packetio.Socket, len(s.workers))
		for i, w := range s.workers {
			sockets[i] = w.socket
		}
		s.closeErr = packetio.Close(sockets)
	})
	return s.closeErr
}
