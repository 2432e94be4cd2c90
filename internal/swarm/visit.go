package swarm

import "github.com/shoal-tracker/shoal"

// visit is one announce, under the shard's lock.
func (s *Store) visit(sh *shard, req *shoal.AnnounceRequest, res *shoal.AnnounceResponse, now shoal.Tick) {
	res.Complete, res.Incomplete = 0, 0
	t := sh.torrents[req.InfoHash]
	if req.Event == shoal.EventStopped {
		if t != nil {
			s.leave(sh, t, req)
			res.Complete, res.Incomplete = t.counts()
		}
		return // who leaves needs no peers
	}

	self := key(req.Addr)
	if t == nil {
		if !req.Dialable() || !s.admitPeer(nil, &self) || !s.admitTorrent(sh) {
			return
		}
		t = newTorrent(s.details)
		sh.torrents[req.InfoHash] = t
		s.held.torrents.Add(1)
	} else {
		t.again = true
	}

	f := t.family(&self)
	at, known := f.places[self]
	switch {
	case known:
		at = s.refresh(sh, t, f, at, req, now)
	case req.Dialable() && s.admitPeer(t, &self):
		at = f.insert(&sh.random, self, peer{seen: now}, req)
		t.network(&self, +1)
		s.held.peers.Add(1)
	default:
		at = -1
	}

	res.Complete, res.Incomplete = t.counts()
	at4, at6 := at, -1
	if !self.is4() {
		at4, at6 = -1, at
	}
	seeder := req.Seeder()
	res.Peers4, res.IDs4 = t.v4.sample(&sh.random, res.Peers4, res.IDs4, at4, req.NumWant, seeder)
	res.Peers6, res.IDs6 = t.v6.sample(&sh.random, res.Peers6, res.IDs6, at6, req.NumWant, seeder)
}

// refresh brings a stored peer up to date and returns where it stands now.
func (s *Store) refresh(sh *shard, t *torrent, f *family, at int, req *shoal.AnnounceRequest, now shoal.Tick) int {
	p := &f.peers[at]
	p.seen = now
	leecher := at < f.leechers
	if leecher && !p.counted && (req.Seeder() || req.Event == shoal.EventCompleted) {
		p.counted = true // a peer that goes back and forth completes once
		t.completed++
	}
	if f.ids != nil {
		f.ids[at] = req.PeerID
	}
	if leecher == req.Seeder() {
		at = f.changeRole(&sh.random, at)
	}
	return at
}

// leave removes the peer, and the torrent with its last one unless it has a
// completed count to keep.
func (s *Store) leave(sh *shard, t *torrent, req *shoal.AnnounceRequest) {
	self := key(req.Addr)
	f := t.family(&self)
	at, known := f.places[self]
	if !known {
		return
	}
	t.drop(f, at)
	s.held.peers.Add(-1)
	if t.peers() == 0 && t.completed == 0 {
		delete(sh.torrents, req.InfoHash)
		s.held.torrents.Add(-1)
	}
}
