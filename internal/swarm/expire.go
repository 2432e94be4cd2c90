package swarm

import (
	"context"
	"runtime"
	"time"

	"github.com/shoal-tracker/shoal"
)

// sweeps is how often a peer timeout is divided: no peer stays longer than
// 1/sweeps of the timeout beyond it, and its age has five sweeps to be noticed
// before it could be mistaken for a small one.
const sweeps = 20

// Run removes peers that no longer announce, a shard at a time and spread
// evenly over time, until ctx ends.
func (s *Store) Run(ctx context.Context, clock *shoal.Clock) {
	every := max(s.times.timeout/sweeps/shardCount, time.Millisecond)
	timer := time.NewTicker(every)
	defer timer.Stop()
	for i := 0; ; i = (i + 1) % shardCount {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		s.sweep(&s.shards[i], clock.Now())
	}
}

// A sweep holds the lock for a few torrents at a time, or for a part of a
// large one, so that announces come through in between.
const (
	sweptPeers    = 512
	sweptWork     = 4096 // peers looked at; one that is gone counts as goneWork
	goneWork      = 8
	sweptTorrents = 32
	sweptPages    = 4 // of an index
)

// sweeper is one walk through a shard.
type sweeper struct {
	shard *shard
	now   uint8
	work  int // peers looked at since the lock was taken
}

// sweep removes what has timed out from one shard, and gives back the memory
// that it leaves idle.
func (s *Store) sweep(sh *shard, now shoal.Tick) {
	w := sweeper{shard: sh, now: s.times.of(now)}
	s.memory.retry()
	s.memory.grow()
	sh.mu.Lock()
	sh.compact()
	var slots [pageSlots]uint64
	for half := uint64(0); half < 1<<32; {
		n, depth := sh.slots(&slots, uint32(half))
		for i, slot := range slots[:n] {
			if i%sweptTorrents == 0 {
				w.pause()
			}
			w.torrent(slot)
		}
		depth = sh.mergeTables(uint32(half), depth)
		half = half>>(32-depth)<<(32-depth) + 1<<(32-depth)
	}
	empty := sh.arena.emptied()
	sh.mu.Unlock()
	s.memory.give(empty)
	sh.mergePast()
}

// pause lets others have the lock.
func (w *sweeper) pause() {
	w.shard.mu.Unlock()
	runtime.Gosched() // or else this goroutine is the first to have it again
	w.work = 0
	w.shard.mu.Lock()
}

// torrent sweeps the torrent of a slot, if it is still there.
func (w *sweeper) torrent(slot uint64) {
	s := w.shard
	p, i := s.slotOf(slot)
	if i == 0 {
		return
	}
	slot = s.moveLine(p, i)
	for _, size := range sizes {
		if s.line(ref(slot)).has(size) && (!w.peers(slot, size) || !w.index(slot, size)) {
			return
		}
	}
	if l := s.line(ref(slot)); s.spent(l) {
		hash := l.hash
		s.drop(&torrentHash{info: &hash, half: uint32(slot >> 32)})
	}
}

// open opens a family of the torrent in a slot, unless it went while others
// had the lock.
func (w *sweeper) open(slot uint64, size int) (family, bool) {
	if _, i := w.shard.slotOf(slot); i == 0 {
		return family{}, false
	}
	return w.shard.family(w.shard.line(ref(slot)), size), true
}

// peers sweeps the peers of a family from the end to the front, because who
// leaves is replaced from behind. It reports false when the torrent is gone.
func (w *sweeper) peers(slot uint64, size int) bool {
	f, there := w.open(slot, size)
	for end := f.peers; there && end > 0; {
		start := max(0, end-sweptPeers)
		gone := f.expire(start, end, &w.shard.store.times, w.now)
		w.shard.store.held.peers.Add(int64(-gone))
		f.settle(start, min(end, f.peers))
		if w.work += end - start + goneWork*gone; w.work >= sweptWork {
			w.pause()
			f, there = w.open(slot, size)
		}
		end = min(start, f.peers)
	}
	return there
}

// index gives back what the index of a family does not need.
func (w *sweeper) index(slot uint64, size int) bool {
	f, there := w.open(slot, size)
	for i := 0; there && f.area != nil && f.indexed() && i < 1<<f.header().indexDepth; i++ {
		if i%sweptPages == sweptPages-1 {
			w.pause()
			if f, there = w.open(slot, size); !there || f.area == nil || !f.indexed() {
				break
			}
		}
		f.settleIndex(i)
	}
	if there && f.area != nil && *f.state&stateKind != stateInline {
		if f.indexed() {
			f.shrinkIndexDirectory()
		}
		f.tidy() // what an announce left to the sweep
	}
	return there
}

// expire removes those from the positions start to end who have timed out, and
// returns how many.
func (f *family) expire(start, end int, t *times, now uint8) (gone int) {
	for at := end - 1; at >= start; at-- {
		if t.gone(*f.time(at), now) {
			f.remove(at)
			gone++
		}
	}
	if gone > 0 {
		f.tidy()
	}
	return gone
}
