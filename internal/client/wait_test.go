package client

import (
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A silent tracker is asked again at the times of BEP 15, on a clock that the
// test moves.
func TestUDPWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		began := time.Now()
		heard := make(chan []time.Duration, 1)
		go func() {
			var at []time.Duration
			for p := make([]byte, 256); ; {
				if _, err := theirs.Read(p); err != nil {
					heard <- at
					return
				}
				at = append(at, time.Since(began))
			}
		}()

		s := &udpSession{conn: ours, wait: firstWait, room: make([]byte, datagramSize)}
		if _, err := s.announce(t.Context(), request(), ""); err == nil {
			t.Error("an answer out of silence")
		}
		if lasted, want := time.Since(began), 511*15*time.Second; lasted != want {
			t.Errorf("gave up after %v, want %v", lasted, want)
		}
		ours.Close()
		want := []time.Duration{0, 15, 45, 105, 225, 465, 945, 1905, 3825}
		for i := range want {
			want[i] *= time.Second
		}
		if at := <-heard; !slices.Equal(at, want) {
			t.Errorf("asked at %v, want %v", at, want)
		}
	})
}
