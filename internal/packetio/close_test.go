package packetio

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
)

// logged is an engine that writes down how it is closed.
type logged struct {
	engine
	name string
	log  *[]string
	err  error
}

func (l logged) shut() { *l.log = append(*l.log, "shut "+l.name) }

func (l logged) close() error {
	*l.log = append(*l.log, "close "+l.name)
	return l.err
}

// Closing waits for a blocked receive, so all have to be woken first.
func TestCloseTellsAllBeforeItWaits(t *testing.T) {
	var log []string
	broken := errors.New("broken")
	sockets := []*Socket{
		{engine: logged{name: "a", log: &log, err: broken}, local: netip.MustParseAddrPort("192.0.2.1:6969")},
		{engine: logged{name: "b", log: &log}},
		{engine: logged{name: "c", log: &log, err: net.ErrClosed}},
	}
	err := Close(sockets)
	if want := []string{"shut a", "shut b", "shut c", "close a", "close b", "close c"}; !slices.Equal(log, want) {
		t.Errorf("closed by %q, want %q", log, want)
	}
	if !errors.Is(err, broken) || !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "192.0.2.1:6969") {
		t.Errorf("error %v, want both, with addresses", err)
	}
	if err := Close(nil); err != nil {
		t.Errorf("closing nothing: %v", err)
	}
}

// Once told, a socket receives and sends no more, though it is not closed yet.
func TestShut(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		if c.Engine == "portable" {
			return // its close waits for nobody
		}
		s := listen(t, loopback, c)[0]
		done := serve(s)
		s.engine.shut()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Receive returned %v, want net.ErrClosed", err)
		}
		if err := s.Send(NewBatch()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Send returned %v, want net.ErrClosed", err)
		}
		if _, err := Listen(s.LocalAddr(), c); !inUse(err) {
			t.Errorf("the port is free before Close: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		again, err := Listen(s.LocalAddr(), c)
		if err != nil {
			t.Fatalf("the port is not free after Close: %v", err)
		}
		if err := Close(again); err != nil {
			t.Error(err)
		}
	})
}

// Signals and failures close at the same time; no descriptor is closed twice,
// because its number may be another's by then.
func TestManyClose(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		c.Workers = 3
		sockets := listen(t, loopback, c)
		var all sync.WaitGroup
		for _, s := range sockets {
			done := serve(s)
			all.Go(func() {
				if err := <-done; !errors.Is(err, net.ErrClosed) {
					t.Errorf("Receive returned %v, want net.ErrClosed", err)
				}
			})
			all.Go(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		for range 4 {
			all.Go(func() {
				if err := Close(sockets); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}
