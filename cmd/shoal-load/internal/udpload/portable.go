package udpload

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// portable moves one packet at a time through package net: a goroutine for
// each socket reads, the worker writes.
type portable struct {
	conns []*net.UDPConn
	came  chan arrival
	spare chan []byte
	timer *time.Timer
}

type arrival struct {
	socket int
	packet []byte
}

// queued is how many packets may wait for the worker.
const queued = 4096

func newPortable(p *plan.Plan, sockets []*socket) (engine, error) {
	e := &portable{came: make(chan arrival, queued), spare: make(chan []byte, queued), timer: time.NewTimer(0)}
	for i, s := range sockets {
		var from *net.UDPAddr
		if a := p.Sources[s.source]; !a.IsUnspecified() {
			from = &net.UDPAddr{IP: a.AsSlice(), Zone: a.Zone()}
		}
		c, err := net.DialUDP("udp", from, net.UDPAddrFromAddrPort(p.Target))
		if err != nil {
			e.close()
			return nil, fmt.Errorf("opening a UDP socket from %v to %v: %w", p.Sources[s.source], p.Target, err)
		}
		_ = c.SetReadBuffer(portableBuffer) // less is slower, not wrong
		e.conns = append(e.conns, c)
		go e.read(i, c, answerRoom(p))
	}
	return e, nil
}

const portableBuffer = 1 << 20

// read hands on what comes in at a socket until it is closed.
func (e *portable) read(socket int, c *net.UDPConn, room int) {
	for {
		var b []byte
		select {
		case b = <-e.spare:
		default:
			b = make([]byte, room)
		}
		n, err := c.Read(b[:room])
		if err == nil {
			e.came <- arrival{socket, b[:n]}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		time.Sleep(time.Millisecond) // an earlier packet was refused
	}
}

func (e *portable) receive(in *batch, timeout time.Duration) (more bool, err error) {
	in.n = 0
	var a arrival
	select {
	case a = <-e.came:
	default:
		if timeout == 0 {
			return false, nil
		}
		e.timer.Reset(timeout)
		select {
		case a = <-e.came:
		case <-e.timer.C:
			return false, nil
		}
	}
	in.socket = a.socket
	n := copy(in.next(), a.packet)
	in.add(n)
	select {
	case e.spare <- a.packet:
	default:
	}
	return len(e.came) > 0, nil
}

func (e *portable) send(out *batch) error {
	for i := range out.n {
		// What is not taken is lost, as it would be further on.
		if _, err := e.conns[out.socket].Write(out.packet(i)); errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("sending: %w", err)
		}
	}
	return nil
}

func (e *portable) nap(d time.Duration) { time.Sleep(d) }

func (e *portable) dropped() uint64 { return 0 }

func (e *portable) close() {
	for _, c := range e.conns {
		_ = c.Close()
	}
	for len(e.came) > 0 { // readers that wait for room
		<-e.came
	}
}
