// Package accounting adds up how much the holder of each key of a private
// tracker uploaded and downloaded, as their clients say.
//
// A client says how much it has moved since it started, so what counts is the
// difference from one announce of a peer to the next. A peer is a peer ID in a
// torrent with a key, whatever address and transport it announces over: a client
// that announces over IPv4 and IPv6 is counted once.
package accounting

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
)

const shardCount = 256

// keyShare is the part of all peers that one key may have: one in so many.
const keyShare = 16

// Ledger remembers the last figures of each peer, and what their differences
// have come to for each key. Its methods may be called by any number of
// goroutines at once.
type Ledger struct {
	config  atomic.Pointer[Config]
	timeout time.Duration

	maxPeers, maxPeersOfKey atomic.Int64

	keys, ids maphash.Seed

	held        atomic.Int64
	refused     atomic.Uint64
	cut         atomic.Uint64
	shardsOfKey [shardCount]shard // a key and all its peers are in one
}

// New returns an empty Ledger. It remembers maxPeers at most (0: no bound), and a
// sixteenth of them for one key; a peer beyond is not counted. A peer that has
// not announced for the timeout is forgotten.
func New(c Config, maxPeers int, timeout time.Duration) *Ledger {
	l := &Ledger{
		timeout: timeout,
		keys:    maphash.MakeSeed(), ids: maphash.MakeSeed(),
	}
	l.SetLimit(maxPeers)
	for i := range l.shardsOfKey {
		l.shardsOfKey[i].ledger = l
	}
	l.config.Store(&c)
	return l
}

// Configure changes the settings while the Ledger is in use. When it is turned
// off it forgets all peers, so that what they move meanwhile is not counted later;
// what has been counted stays to be drained.
func (l *Ledger) Configure(c Config) {
	l.config.Store(&c)
	if c.Enabled {
		return
	}
	for i := range l.shardsOfKey {
		l.shardsOfKey[i].forgetAll()
	}
}

// SetLimit changes how many peers are remembered. None that is remembered is
// forgotten for it.
func (l *Ledger) SetLimit(maxPeers int) {
	l.maxPeers.Store(int64(maxPeers))
	l.maxPeersOfKey.Store(int64(maxPeers+keyShare-1) / keyShare)
}

// Enabled reports whether anything is counted. The nil Ledger counts nothing.
func (l *Ledger) Enabled() bool { return l != nil && l.config.Load().Enabled }

// Note counts what a peer has moved since its last announce. The first one only
// says where to count from, and so does a Ledger that has forgotten it. A figure
// smaller than before is that of a client that has started anew: it counts from
// 0. No difference is more than what the rate allows for the time since. A peer
// that stops is counted and then forgotten. The announce must have been let in by
// its key; one without a key is nobody's.
func (l *Ledger) Note(req *shoal.AnnounceRequest, now shoal.Tick) {
	if !l.Enabled() || req.AuthKey.None() {
		return
	}
	s := &l.shardsOfKey[maphash.Bytes(l.keys, req.AuthKey[:])%shardCount]
	id := l.id(req)
	s.mu.Lock()
	s.note(req, id, momentOf(now))
	s.mu.Unlock()
}

// id returns what a peer is looked up by. Two that had the same would be taken for
// one, and nobody can seek such a pair.
func (l *Ledger) id(req *shoal.AnnounceRequest) uint64 {
	var b [len(req.InfoHash) + len(req.AuthKey) + len(req.PeerID)]byte
	n := copy(b[:], req.InfoHash[:])
	n += copy(b[n:], req.AuthKey[:])
	copy(b[n:], req.PeerID[:])
	return maphash.Bytes(l.ids, b[:])
}

// Totals is what a Ledger holds, and what it has not counted since the start.
type Totals struct {
	Peers   int
	Refused uint64 // announces of newcomers that were not counted: too many peers
	Cut     uint64 // announces of which something was cut off: more than the rate
}

// Totals returns the counts of this moment.
func (l *Ledger) Totals() Totals {
	return Totals{Peers: int(l.held.Load()), Refused: l.refused.Load(), Cut: l.cut.Load()}
}

// moment is a coarse time, in tenths of a second modulo 2^32: what is left of a
// Tick in four bytes.
type moment uint32

func momentOf(t shoal.Tick) moment { return moment(t / 100) }

// since returns the tenths of a second from then to m, 0 if it is not later.
func (m moment) since(then moment) uint64 { return uint64(max(0, int32(m-then))) }
