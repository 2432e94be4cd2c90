//go:build !race

package accounting

import (
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Nothing is allocated for an announce: of a peer that is known, of one that
// comes and goes, of one for which there is no room.
func TestNothingAllocates(t *testing.T) {
	l := New(on, 16_000, time.Hour)
	now := start
	announce := func(key, id int, event shoal.Event) {
		req := shoal.AnnounceRequest{AuthKey: keyOf(key), PeerID: shoal.PeerID{byte(id), byte(id >> 8)}, Uploaded: uint64(now - start), Event: event}
		l.Note(&req, now)
	}
	for id := range 1000 {
		announce(id, 0, 0)
		announce(1, id, 0)
	}
	n := 0
	for name, f := range map[string]func(){
		"known":   func() { announce(n%1000, 0, 0) },
		"no room": func() { announce(1, 2000+n, 0) },
		"unknown": func() { announce(2, 2000+n, shoal.EventStopped) },
		"comes and goes": func() {
			announce(3, 3000+n, shoal.EventStarted)
			announce(3, 3000+n, shoal.EventStopped)
		},
		"a key comes and goes": func() {
			announce(2000+n%100, 1, shoal.EventStarted)
			announce(2000+n%100, 1, shoal.EventStopped)
		},
	} {
		f := func() { n++; now = now.Add(time.Second); f() }
		for range 3000 { // what grows has grown
			f()
		}
		if got := testing.AllocsPerRun(500, f); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
	if l.Totals().Refused == 0 || len(drain(l)) < 500 {
		t.Error("measured the wrong thing")
	}
}

// BenchmarkNote has 100,000 keys with ten peers each.
func BenchmarkNote(b *testing.B) {
	const keys, peers = 100_000, 1_000_000
	l := New(DefaultConfig(), 0, time.Hour)
	l.Configure(Config{Enabled: true, MaxRate: 1 << 30})
	var req shoal.AnnounceRequest
	note := func(n int, now shoal.Tick) {
		key := n % keys
		req.AuthKey = shoal.AuthKey{1, byte(key), byte(key >> 8), byte(key >> 16)}
		req.InfoHash = shoal.InfoHash{byte(n), byte(n >> 8), byte(n >> 16)}
		req.Uploaded = uint64(now - start)
		l.Note(&req, now)
	}
	for n := range peers {
		note(n, start)
	}
	now, n := start, 0
	b.ReportAllocs()
	for b.Loop() {
		n = (n + 7919*31) % peers
		now += 1000
		note(n, now)
	}
}
