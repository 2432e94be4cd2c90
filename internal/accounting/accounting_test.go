package accounting

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/shoal-tracker/shoal"
)

const rate = 1000 // bytes a second

var on = Config{Enabled: true, MaxRate: rate}

// start is a moment in 2026.
const start = shoal.Tick(1_767_225_600_000)

func keyOf(n int) shoal.AuthKey { return shoal.AuthKey{0: 7, 1: byte(n >> 8), 2: byte(n)} }

type amount struct{ uploaded, downloaded uint64 }

// drain returns what has gathered.
func drain(l *Ledger) map[shoal.AuthKey]amount {
	all := make(map[shoal.AuthKey]amount)
	l.Drain(func(key shoal.AuthKey, uploaded, downloaded uint64) {
		a := all[key]
		all[key] = amount{a.uploaded + uploaded, a.downloaded + downloaded}
	})
	return all
}

func TestNote(t *testing.T) {
	type step struct {
		seconds float64 // since the start
		up      uint64
		down    uint64
		event   shoal.Event
	}
	for _, c := range []struct {
		name     string
		steps    []step
		up, down uint64
		peers    int
	}{
		{"the first announce", []step{{0, 500, 600, 0}}, 0, 0, 1},
		{"two", []step{{0, 500, 600, 0}, {10, 700, 1000, 0}}, 200, 400, 1},
		{"the same again", []step{{0, 500, 600, 0}, {10, 500, 600, 0}}, 0, 0, 1},
		{"stopped", []step{{0, 5, 6, 0}, {10, 7, 10, shoal.EventStopped}}, 2, 4, 0},
		{"stopped, and nothing was known", []step{{0, 500, 600, shoal.EventStopped}}, 0, 0, 0},
		{"stopped twice", []step{{0, 5, 6, 0}, {10, 7, 10, shoal.EventStopped}, {20, 7, 10, shoal.EventStopped}}, 2, 4, 0},
		{"back after it stopped", []step{{0, 5, 6, 0}, {10, 7, 10, shoal.EventStopped}, {20, 100, 100, shoal.EventStarted}, {30, 101, 100, 0}}, 3, 4, 1},
		{"started anew", []step{{0, 5000, 6000, 0}, {10, 70, 80, shoal.EventStarted}, {20, 90, 80, 0}}, 90, 80, 1},
		{"started anew, one figure is larger", []step{{0, 50, 6000, 0}, {10, 70, 80, 0}}, 70, 80, 1},
		{"started again with the same figures", []step{{0, 50, 60, shoal.EventStarted}, {10, 50, 60, shoal.EventStarted}}, 0, 0, 1},
		{"faster than the rate", []step{{0, 0, 0, 0}, {10, 10_000, 10_001, 0}, {20, 10_001, 10_001, 0}}, 10_001, 10_000, 1},
		{"started anew, and faster than the rate", []step{{0, 1 << 40, 0, 0}, {2, 1 << 30, 1, 0}}, 2000, 1, 1},
		{"more than there is", []step{{0, 0, 0, 0}, {1, math.MaxUint64, math.MaxUint64, 0}, {2, 0, 0, 0}}, 1000, 1000, 1},
		{"a part of a second", []step{{0, 0, 0, 0}, {0.5, 600, 400, 0}}, 500, 400, 1},
		{"at the same time", []step{{0, 100, 100, 0}, {0, 900, 900, 0}, {10, 1000, 1000, 0}}, 900, 900, 1},
		{"at the same time, and less", []step{{0, 100, 100, 0}, {10, 300, 300, 0}, {10, 250, 300, 0}, {20, 310, 300, 0}}, 210, 200, 1},
		{"a clock that runs backwards", []step{{10, 100, 100, 0}, {0, 900, 900, 0}, {20, 1000, 1000, 0}}, 900, 900, 1},
		{"a peer that was away for long", []step{{0, 0, 0, 0}, {1 << 20, 1 << 29, 0, 0}}, 1 << 29, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New(on, 0, time.Hour)
			for _, s := range c.steps {
				req := shoal.AnnounceRequest{AuthKey: keyOf(1), Uploaded: s.up, Downloaded: s.down, Event: s.event}
				l.Note(&req, start.Add(time.Duration(s.seconds*1000)*time.Millisecond))
			}
			if got, want := drain(l)[keyOf(1)], (amount{c.up, c.down}); got != want {
				t.Errorf("counted %+v, want %+v", got, want)
			}
			if got := l.Totals().Peers; got != c.peers {
				t.Errorf("%d peers, want %d", got, c.peers)
			}
			if got := drain(l); len(got) > 0 {
				t.Errorf("told again: %v", got)
			}
			check(t, l)
		})
	}
}

// A peer is (torrent, key, peer ID): nothing else makes it another one.
func TestWhoIsAPeer(t *testing.T) {
	base := shoal.AnnounceRequest{InfoHash: shoal.InfoHash{1}, PeerID: shoal.PeerID{2}, AuthKey: keyOf(1)}
	for name, c := range map[string]struct {
		change func(r *shoal.AnnounceRequest)
		peers  int
	}{
		"a browser":       {func(r *shoal.AnnounceRequest) { r.Link = 5 }, 1},
		"a hidden one":    {func(r *shoal.AnnounceRequest) { r.Hidden = true }, 1},
		"a seeder":        {func(r *shoal.AnnounceRequest) { r.Left = 0; r.Event = shoal.EventCompleted }, 1},
		"another torrent": {func(r *shoal.AnnounceRequest) { r.InfoHash[19] = 1 }, 2},
		"another ID":      {func(r *shoal.AnnounceRequest) { r.PeerID[19] = 1 }, 2},
		"another key":     {func(r *shoal.AnnounceRequest) { r.AuthKey[15] = 1 }, 2},
		"no key":          {func(r *shoal.AnnounceRequest) { r.AuthKey = shoal.AuthKey{} }, 1},
	} {
		l := New(on, 0, time.Hour)
		req := base
		l.Note(&req, start)
		c.change(&req)
		req.Uploaded = 10
		l.Note(&req, start.Add(time.Second))
		want := map[shoal.AuthKey]amount{}
		if c.peers == 1 && !req.AuthKey.None() {
			want[keyOf(1)] = amount{10, 0}
		}
		if got := drain(l); len(got) != len(want) || got[keyOf(1)] != want[keyOf(1)] || l.Totals().Peers != c.peers {
			t.Errorf("%s: %d peers, counted %v, want %d and %v", name, l.Totals().Peers, got, c.peers, want)
		}
		check(t, l)
	}
}

// naive is the ledger that the real one is held against.
type naive struct {
	maxPeers int
	timeout  shoal.Tick
	peers    map[who]*figures
	counted  map[shoal.AuthKey]amount
	refused  uint64
}

type who struct {
	torrent shoal.InfoHash
	key     shoal.AuthKey
	id      shoal.PeerID
}

type figures struct {
	amount
	seen shoal.Tick
}

func (n *naive) note(r *shoal.AnnounceRequest, now shoal.Tick) {
	w := who{r.InfoHash, r.AuthKey, r.PeerID}
	p := n.peers[w]
	if p == nil {
		if r.Event == shoal.EventStopped {
			return
		}
		ofKey := 0
		for other := range n.peers {
			if other.key == r.AuthKey {
				ofKey++
			}
		}
		if n.maxPeers > 0 && (len(n.peers) >= n.maxPeers || ofKey >= (n.maxPeers+15)/16) {
			n.refused++
			return
		}
		n.peers[w] = &figures{amount{r.Uploaded, r.Downloaded}, now}
		return
	}
	if now > p.seen {
		before := p.amount
		if r.Uploaded < before.uploaded || r.Downloaded < before.downloaded {
			before = amount{}
		}
		most := uint64(now-p.seen) * rate / 1000
		a := n.counted[r.AuthKey]
		a.uploaded += min(most, r.Uploaded-before.uploaded)
		a.downloaded += min(most, r.Downloaded-before.downloaded)
		if a != (amount{}) {
			n.counted[r.AuthKey] = a
		}
		*p = figures{amount{r.Uploaded, r.Downloaded}, now}
	}
	if r.Event == shoal.EventStopped {
		delete(n.peers, w)
	}
}

func (n *naive) expire(now shoal.Tick) {
	for w, p := range n.peers {
		if now-p.seen > n.timeout {
			delete(n.peers, w)
		}
	}
}

func TestAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxPeers := rapid.SampledFrom([]int{0, 1, 40, 3000}).Draw(t, "peers")
		l := New(on, maxPeers, 100*time.Second)
		n := &naive{maxPeers: maxPeers, timeout: 100_000, peers: make(map[who]*figures), counted: make(map[shoal.AuthKey]amount)}
		now := start
		keys := rapid.SampledFrom([]int{1, 5, 400}).Draw(t, "keys")
		t.Repeat(map[string]func(*rapid.T){
			"announce": func(t *rapid.T) {
				req := shoal.AnnounceRequest{
					InfoHash:   shoal.InfoHash{byte(rapid.IntRange(0, 2).Draw(t, "torrent"))},
					AuthKey:    keyOf(rapid.IntRange(0, keys-1).Draw(t, "key")),
					PeerID:     shoal.PeerID{byte(rapid.IntRange(0, 2).Draw(t, "id"))},
					Uploaded:   uint64(rapid.IntRange(0, 20_000).Draw(t, "uploaded")),
					Downloaded: uint64(rapid.IntRange(0, 20_000).Draw(t, "downloaded")),
					Event:      shoal.Event(rapid.IntRange(0, 4).Draw(t, "event")),
				}
				l.Note(&req, now)
				n.note(&req, now)
			},
			"crowd": func(t *rapid.T) {
				from, many := rapid.IntRange(0, 300).Draw(t, "from"), rapid.SampledFrom([]int{5, 80, 700}).Draw(t, "many")
				event := rapid.SampledFrom([]shoal.Event{0, 0, shoal.EventStopped}).Draw(t, "event")
				for i := range many {
					req := shoal.AnnounceRequest{
						AuthKey: keyOf((from + i) % keys), PeerID: shoal.PeerID{1, byte(i), byte(i >> 8)},
						Uploaded: uint64(from * 7), Downloaded: uint64(i), Event: event,
					}
					l.Note(&req, now)
					n.note(&req, now)
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "tenths")) * 100 * time.Millisecond)
				for i := range l.shardsOfKey {
					l.shardsOfKey[i].sweep(momentOf(now))
				}
				n.expire(now)
			},
			"off and on": func(t *rapid.T) {
				l.Configure(Config{MaxRate: rate})
				req := shoal.AnnounceRequest{AuthKey: keyOf(0)}
				l.Note(&req, now)
				l.Configure(on)
				clear(n.peers)
			},
			"drain": func(t *rapid.T) {
				got := drain(l)
				if len(got) != len(n.counted) {
					t.Fatalf("%d keys moved something, want %d", len(got), len(n.counted))
				}
				for key, want := range n.counted {
					if got[key] != want {
						t.Fatalf("%x: counted %+v, want %+v", key, got[key], want)
					}
				}
				clear(n.counted)
			},
			"": func(t *rapid.T) {
				if got := l.Totals(); got.Peers != len(n.peers) || got.Refused != n.refused {
					t.Fatalf("%+v, want %d peers and %d refused", got, len(n.peers), n.refused)
				}
				check(t, l)
			},
		})
	})
}

// check compares what a ledger's parts say of each other.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, l *Ledger) {
	t.Helper()
	held := 0
	for i := range l.shardsOfKey {
		s := &l.shardsOfKey[i]
		count, of := 0, make(map[uint32]uint32)
		for j := 0; j < len(s.peers.pages); {
			pg := s.peers.pages[j]
			taken := 0
			for i := range pg.peers {
				p := &pg.peers[i]
				if p.account == 0 {
					continue
				}
				taken++
				of[p.account]++
				if at, k := s.find(p.id); at != pg || k != i {
					t.Fatalf("a peer at %d of page %d is found elsewhere, at %d", i, j, k)
				}
			}
			if taken != pg.taken {
				t.Fatalf("page %d has %d peers and says %d", j, taken, pg.taken)
			}
			count += taken
			j += 1 << (s.peers.depth - pg.depth)
		}
		if count != s.peers.count {
			t.Fatalf("shard %d has %d peers and says %d", i, count, s.peers.count)
		}
		held += count
		open := 0
		for n := range s.accounts {
			a := &s.accounts[n]
			if a.peers != of[uint32(n+1)] || !a.key.None() && (s.byKey[a.key] != uint32(n+1) || a.idle()) {
				t.Fatalf("account %d of shard %d: %+v, it has %d peers", n, i, a, of[uint32(n+1)])
			}
			if !a.key.None() {
				open++
			}
		}
		if open != len(s.byKey) || open+len(s.free) != len(s.accounts) {
			t.Fatalf("shard %d: %d of %d accounts are open, %d are free, %d have a key", i, open, len(s.accounts), len(s.free), len(s.byKey))
		}
	}
	if got := l.Totals().Peers; got != held {
		t.Fatalf("%d peers are held, the ledger says %d", held, got)
	}
}

// Many announce, drain and sweep at once, and nothing is lost or counted twice.
func TestAtOnce(t *testing.T) {
	const workers, rounds, keys = 4, 200, 20
	l := New(on, 100_000, time.Hour)
	var work, aside sync.WaitGroup
	got := make(map[shoal.AuthKey]amount)
	stop := make(chan struct{})
	for w := range workers {
		work.Go(func() {
			for round := range rounds {
				for key := range keys {
					req := shoal.AnnounceRequest{
						PeerID: shoal.PeerID{byte(w)}, AuthKey: keyOf(key),
						Uploaded: uint64(round * 10), Downloaded: uint64(round),
					}
					l.Note(&req, start.Add(time.Duration(round)*time.Second))
				}
			}
		})
	}
	gather := func() {
		l.Drain(func(key shoal.AuthKey, uploaded, downloaded uint64) {
			a := got[key]
			got[key] = amount{a.uploaded + uploaded, a.downloaded + downloaded}
		})
	}
	aside.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				gather()
				for i := range l.shardsOfKey {
					l.shardsOfKey[i].sweep(momentOf(start))
				}
			}
		}
	})
	work.Wait()
	close(stop)
	aside.Wait()
	gather()
	for key := range keys {
		if want := (amount{workers * (rounds - 1) * 10, workers * (rounds - 1)}); got[keyOf(key)] != want {
			t.Errorf("key %d: %+v, want %+v", key, got[keyOf(key)], want)
		}
	}
	check(t, l)
}

// One key cannot take the room of all, and all together no more than there is.
func TestBounds(t *testing.T) {
	l := New(on, 160, time.Hour)
	join := func(key, id int, seconds int) {
		req := shoal.AnnounceRequest{AuthKey: keyOf(key), PeerID: shoal.PeerID{byte(id), byte(id >> 8)}, Uploaded: uint64(seconds)}
		l.Note(&req, start.Add(time.Duration(seconds)*time.Second))
	}
	for id := range 1000 {
		join(1, id, 0)
	}
	if got := l.Totals(); got.Peers != 10 || got.Refused != 990 {
		t.Errorf("one key: %+v, want 10 of 160 peers", got)
	}
	for key := range 100 {
		for id := range 10 {
			join(key, id, 1)
		}
	}
	if got := l.Totals(); got.Peers != 160 {
		t.Errorf("all: %+v, want 160 peers", got)
	}
	counted := drain(l)
	if got := counted[keyOf(1)]; len(counted) != 1 || got.uploaded != 10 {
		t.Errorf("counted %v: those who were in time are counted on", counted)
	}
	for i := range l.shardsOfKey {
		l.shardsOfKey[i].sweep(momentOf(start.Add(2 * time.Hour)))
		if s := &l.shardsOfKey[i]; s.peers.pages != nil {
			t.Errorf("shard %d keeps memory for nobody", i)
		}
	}
	if got := l.Totals(); got.Peers != 0 {
		t.Errorf("after the timeout: %+v", got)
	}
	check(t, l)
}

func TestAmountsDoNotOverflow(t *testing.T) {
	l := New(Config{Enabled: true, MaxRate: math.MaxInt}, 0, time.Hour)
	for i := range 12 {
		req := shoal.AnnounceRequest{AuthKey: keyOf(1), Uploaded: uint64(i%2) * math.MaxUint64}
		l.Note(&req, start.Add(time.Duration(i)*time.Minute))
	}
	if got := drain(l)[keyOf(1)]; got.uploaded != math.MaxUint64 && math.MaxInt > math.MaxInt32 {
		t.Errorf("%+v", got)
	}
}

func TestNilLedger(t *testing.T) {
	var l *Ledger
	l.Note(&shoal.AnnounceRequest{AuthKey: keyOf(1)}, start)
	if l.Enabled() {
		t.Error("it counts")
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(on, 0, time.Hour)
		var clock shoal.Clock
		clock.Set(start)
		req := shoal.AnnounceRequest{AuthKey: keyOf(1)}
		l.Note(&req, start)
		var running sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		running.Go(func() { l.Run(ctx, &clock) })
		defer running.Wait()
		defer cancel()
		time.Sleep(30 * time.Minute)
		if got := l.Totals().Peers; got != 1 {
			t.Errorf("%d peers before the timeout", got)
		}
		clock.Set(start.Add(time.Hour + time.Second))
		time.Sleep(16 * time.Minute)
		if got := l.Totals().Peers; got != 0 {
			t.Errorf("%d peers after the timeout", got)
		}
	})
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		config Config
		bad    bool
	}{
		{DefaultConfig(), false},
		{Config{MaxRate: 1 << 10}, false},
		{Config{MaxRate: 1<<10 - 1}, true},
		{Config{}, true},
	} {
		bad := false
		c.config.Validate(func(key string, value any, allowed string) { bad = bad || key == "max_rate" })
		if bad != c.bad {
			t.Errorf("%+v: reported %v, want %v", c.config, bad, c.bad)
		}
	}
}

// A page that is full of IDs which cannot be told apart refuses more.
func TestFullTable(t *testing.T) {
	var table table
	n := 0
	for table.add(peer{id: 5, account: 1}) {
		if n++; n > pagePeers {
			t.Fatal("a page took more peers than it has places")
		}
	}
	if n != pageFull || table.count != n || len(table.pages) != 1<<mostDepth {
		t.Errorf("%d peers, the table says %d, in %d pages", n, table.count, len(table.pages))
	}
	if unsafe.Sizeof(page{}) != 4096 && math.MaxInt > math.MaxInt32 {
		t.Errorf("a page has %d bytes", unsafe.Sizeof(page{}))
	}
}
