package swarm

import (
	"encoding/binary"
	"unsafe"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/peerid"
)

// visit is one announce, under the shard's lock.
type visit struct {
	store  *Store
	shard  *shard
	limits *Limits
	hash   torrentHash
	now    shoal.Tick
	time   uint8  // now, as a peer's time byte
	start  uint64 // random, says where the answer's windows begin
}

// The bit of a peer's time byte that is not time, and that of its client byte
// which is not the client.
const (
	bitCounted = 1 << 7 // has been counted as completed
	bitHere    = 1 << 7 // announced to this node
)

func (v *visit) announce(req *shoal.AnnounceRequest, res *shoal.AnnounceResponse) {
	res.Complete, res.Incomplete = 0, 0
	r := v.shard.find(&v.hash)
	k, size := linkKey(req.Link), sizeLink
	if req.Link == 0 {
		k, size = makeKey(req.Addr)
	}
	if req.Event == shoal.EventStopped {
		if r != 0 {
			v.leave(v.shard.line(r), k, size, res)
		}
		return // who leaves needs no peers
	}
	if r == 0 {
		if !req.Dialable() || !v.admitPeer() || !v.admitTorrent() {
			return
		}
		if r = v.shard.create(&v.hash); r == 0 {
			v.store.held.torrentsRefused.Add(1)
			return
		}
	} else {
		v.shard.line(r).flags |= flagAgain
	}

	l := v.shard.line(r)
	own := v.shard.family(l, size)
	at := own.find(k)
	switch {
	case at >= 0 && req.Hidden: // stored before the rules hid it
		own.drop(at)
		v.store.held.peers.Add(-1)
		at = -1
	case at >= 0:
		at = v.refresh(&own, at, req)
	case req.Dialable() && v.admit(&own, k):
		at = v.join(&own, k, req)
	}

	if size == sizeLink {
		res.Complete, res.Incomplete = v.shard.browsers(l)
		v.handLinks(&own, at, req, res)
	} else {
		res.Complete, res.Incomplete = v.shard.counts(l)
		v.hand(&own, at, req, res)
		if other := size4 + size6 - size; l.has(other) {
			f := v.shard.family(l, other)
			v.hand(&f, -1, req, res)
		}
	}
	if at < 0 { // it may have been made for this peer, which found no room after all
		v.dropIdle(l)
	}
}

// dropIdle drops a torrent that has nobody and nothing to keep.
func (v *visit) dropIdle(l *line) {
	if v.shard.idle(l) && v.shard.droppable(l) {
		v.shard.drop(&v.hash)
	}
}

// hand appends peers of one family to the answer. at is where the asker stands
// in it, or -1.
func (v *visit) hand(f *family, at int, req *shoal.AnnounceRequest, res *shoal.AnnounceResponse) {
	wire, ids := &res.Peers4, &res.IDs4
	if f.shape.size == size6 {
		wire, ids = &res.Peers6, &res.IDs6
	}
	*wire, *ids = f.sample(&v.shard.random, v.start, *wire, *ids, at, req.NumWant, req.Seeder())
}

// handLinks does the same for browsers, in the room that res.Links has.
func (v *visit) handLinks(f *family, at int, req *shoal.AnnounceRequest, res *shoal.AnnounceResponse) {
	n := len(res.Links)
	links := res.Links[n:cap(res.Links)]
	// Nothing looks at what the memory held before, so that it can be filled as
	// the bytes it is.
	room := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(links))), len(links)*sizeLink)[:0]
	wire, _ := f.sample(&v.shard.random, v.start, room, nil, at, req.NumWant, req.Seeder())
	given := len(wire) / sizeLink
	for i := range given {
		links[i] = shoal.Link(binary.LittleEndian.Uint64(wire[i*sizeLink:])) // itself, on most machines
	}
	res.Links = res.Links[:n+given]
}

// join stores a newcomer and returns its position, or -1.
func (v *visit) join(f *family, k key, req *shoal.AnnounceRequest) int {
	v.shard.note(v.now)
	at := f.insert(&v.shard.random, k, v.time, peerid.Index(req.PeerID)|bitHere, req.Seeder())
	f.save()
	if at < 0 {
		v.store.held.peersRefused.Add(1)
		return -1
	}
	v.store.held.peers.Add(1)
	if f.shape.ids {
		f.details(at).set(req)
	}
	return at
}

// refresh brings a stored peer up to date and returns where it stands now.
func (v *visit) refresh(f *family, at int, req *shoal.AnnounceRequest) int {
	seeder, leecher := req.Seeder(), at < f.leechers
	v.shard.note(v.now)
	time := f.time(at)
	counted := *time & bitCounted
	if leecher && counted == 0 && (seeder || req.Event == shoal.EventCompleted) {
		counted = bitCounted // a peer that goes back and forth completes once
		v.shard.complete(f.line, v.hash.half)
	}
	*time = v.time | counted
	if f.shape.ids {
		f.details(at).set(req)
	}
	if leecher == seeder {
		at = f.changeRole(&v.shard.random, at)
		f.save()
	}
	return at
}

// leave removes the peer, and the torrent with its last one unless it has a
// completed count to keep.
func (v *visit) leave(l *line, k key, size int, res *shoal.AnnounceResponse) {
	f := v.shard.family(l, size)
	if at := f.find(k); at >= 0 {
		f.drop(at)
		v.store.held.peers.Add(-1)
	}
	if size != sizeLink {
		res.Complete, res.Incomplete = v.shard.counts(l)
	} else {
		res.Complete, res.Incomplete = v.shard.browsers(l)
	}
	if res.Complete+res.Incomplete == 0 {
		v.dropIdle(l)
	}
}

func (d *details) set(req *shoal.AnnounceRequest) {
	d.id, d.event = req.PeerID, req.Event
	binary.LittleEndian.PutUint64(d.uploaded[:], req.Uploaded)
	binary.LittleEndian.PutUint64(d.downloaded[:], req.Downloaded)
	binary.LittleEndian.PutUint64(d.left[:], req.Left)
}
