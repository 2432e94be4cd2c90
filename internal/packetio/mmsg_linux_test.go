//go:build amd64 || arm64

package packetio

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// toPortZero spoils the address that reply i goes to.
func toPortZero(b *Batch, i int) {
	b.from[i] = netip.AddrPortFrom(b.from[i].Addr(), 0)
	clear(b.vectors.names[i][2:4])
}

func TestNap(t *testing.T) {
	const nap, straight = true, false
	tests := []struct {
		name  string
		nanos int64
		last  int
		skips int
		want  bool
	}{
		{"turned off", 0, 10, 0, straight},
		{"nothing received yet", 500_000, 0, 0, straight},
		{"full batch, more is waiting", 500_000, BatchSize, 0, straight},
		{"nearly full batch", 500_000, BatchSize - 1, 0, nap},
		{"a few", 500_000, 2, 0, nap},
		{"a few after an empty nap", 500_000, 2, loneSkips, nap},
		{"lone packet", 500_000, 1, 0, nap},
		{"lone packet after an empty nap", 500_000, 1, loneSkips, straight},
		{"last lone packet to be skipped", 500_000, 1, 1, straight},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := &mmsg{coalesce: unix.NsecToTimespec(test.nanos), last: test.last, skips: test.skips}
			if got := m.napPays(); got != test.want {
				t.Errorf("napPays() = %v", got)
			}
		})
	}
	t.Run("tried again after lone packets", func(t *testing.T) {
		m := &mmsg{coalesce: unix.NsecToTimespec(1), last: 1, skips: loneSkips}
		var skipped int
		for !m.napPays() {
			skipped++
		}
		if skipped != loneSkips {
			t.Errorf("a nap after %d lone packets, want %d", skipped, loneSkips)
		}
	})
}

// Packets that come until a nap ends are one batch, and an empty nap is
// remembered.
func TestNapGathers(t *testing.T) {
	c := Config{Engine: "mmsg", Workers: 1, Coalesce: 10 * time.Millisecond}
	if err := mmsgWorks(); err != nil {
		t.Logf("NOT TESTED: %v", err)
		return
	}
	s := listen(t, loopback4, c)[0]
	client, b := dial(t, s.LocalAddr()), NewBatch()
	write(t, client, []byte("first"))
	if n := receive(t, s, b); n != 1 {
		t.Fatalf("a batch of %d", n)
	}
	for range 5 {
		write(t, client, []byte("gathered"))
	}
	if n := receive(t, s, b); n != 5 {
		t.Errorf("a batch of %d after a nap, want 5", n)
	}
	m := s.engine.(*mmsg)
	if n := m.gather(b); n != 0 || m.skips != loneSkips {
		t.Errorf("%d packets and %d skips after an empty nap, want 0 and %d", n, m.skips, loneSkips)
	}
	write(t, client, []byte("busy again"))
	if n := m.gather(b); n != 1 || m.skips != 0 {
		t.Errorf("%d packets and %d skips after a nap that gathered, want 1 and 0", n, m.skips)
	}
}

// Where shutdown does not wake a receive, its time limit must.
func TestReceiveWakesByItself(t *testing.T) {
	m, err := bindMmsg(netip.AddrPortFrom(loopback4, 0), false)
	if err != nil {
		t.Fatal(err)
	}
	s, done := &Socket{engine: m}, make(chan error, 1)
	go func() {
		_, err := s.Receive(NewBatch())
		done <- err
	}()
	time.Sleep(20 * time.Millisecond)
	m.closed.Store(true)
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("Receive did not wake")
	}
	if err := unix.Close(m.fd); err != nil {
		t.Error(err)
	}
}
