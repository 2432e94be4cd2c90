package accounting

import (
	"math"
	"math/bits"
	"sync"

	"github.com/shoal-tracker/shoal"
)

// shard is a part of the keys, with all their peers, under one lock.
type shard struct {
	ledger *Ledger

	mu    sync.Mutex
	peers table

	accounts []account
	byKey    map[shoal.AuthKey]uint32 // the numbers of accounts; read for new peers only
	free     []uint32                 // accounts that are nobody's

	_ [64]byte // keeps the locks of neighbours off one cache line
}

// account is what has been counted for a key and not drained yet.
type account struct {
	key                  shoal.AuthKey // none: free
	uploaded, downloaded uint64        // bytes
	peers                uint32        // in the table
}

func (a *account) idle() bool { return a.peers == 0 && a.uploaded == 0 && a.downloaded == 0 }

// note counts one announce, under the lock.
func (s *shard) note(req *shoal.AnnounceRequest, id uint64, now moment) {
	// Looked at again, because Configure turns the Ledger off before it has each
	// shard forget.
	c := s.ledger.config.Load()
	if !c.Enabled {
		return
	}
	stopped := req.Event == shoal.EventStopped
	pg, i := s.find(id)
	if pg == nil {
		if !stopped && !s.open(req, id, now) {
			s.ledger.refused.Add(1)
		}
		return
	}
	// Two announces of one moment, such as those over IPv4 and IPv6, leave no
	// time in which something could have been moved: what differs is counted with
	// the next one.
	p := &pg.peers[i]
	if tenths := now.since(p.last); tenths > 0 {
		s.count(p, req, allowance(c.MaxRate, tenths))
		p.last = now
	}
	if stopped {
		account := p.account
		s.peers.remove(pg, i)
		s.left(account, 1)
	}
}

// count adds what the peer has moved, most bytes of each at most.
func (s *shard) count(p *peer, req *shoal.AnnounceRequest, most uint64) {
	uploaded, downloaded := req.Uploaded, req.Downloaded
	if uploaded >= p.uploaded && downloaded >= p.downloaded {
		uploaded -= p.uploaded
		downloaded -= p.downloaded
	}
	p.uploaded, p.downloaded = req.Uploaded, req.Downloaded
	if uploaded == 0 && downloaded == 0 {
		return // most announces of most seeders: the account need not be read
	}
	a := s.account(p.account)
	if a.key != req.AuthKey {
		return // it has the ID of another's peer, against all odds
	}
	if uploaded > most || downloaded > most {
		s.ledger.cut.Add(1)
	}
	a.uploaded = add(a.uploaded, min(uploaded, most))
	a.downloaded = add(a.downloaded, min(downloaded, most))
}

// allowance returns the bytes that a rate in bytes a second allows for some tenths
// of a second.
func allowance(rate int, tenths uint64) uint64 {
	high, low := bits.Mul64(uint64(rate), tenths)
	if high >= 10 {
		return math.MaxUint64
	}
	n, _ := bits.Div64(high, low, 10)
	return n
}

func add(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

// find returns where the peer is: a page and a place in it, or nil.
func (s *shard) find(id uint64) (*page, int) {
	if s.peers.count == 0 {
		return nil, 0
	}
	pg := s.peers.page(id)
	for i := home(id); pg.peers[i].account != 0; i = next(i) {
		if pg.peers[i].id == id {
			return pg, i
		}
	}
	return nil, 0
}

// account returns the account with a number from 1 on.
func (s *shard) account(n uint32) *account { return &s.accounts[n-1] }

// open begins to count for a peer, or returns false if there are too many.
func (s *shard) open(req *shoal.AnnounceRequest, id uint64, now moment) bool {
	l := s.ledger
	n := s.byKey[req.AuthKey]
	most := l.maxPeers.Load()
	if n != 0 && most > 0 && int64(s.account(n).peers) >= l.maxPeersOfKey.Load() {
		return false
	}
	if l.held.Add(1) > most && most > 0 {
		l.held.Add(-1)
		return false
	}
	if n == 0 {
		n = s.openAccount(req.AuthKey)
	}
	s.account(n).peers++
	if !s.peers.add(peer{id: id, uploaded: req.Uploaded, downloaded: req.Downloaded, last: now, account: n}) {
		s.left(n, 1)
		return false
	}
	return true
}

func (s *shard) openAccount(key shoal.AuthKey) (n uint32) {
	if last := len(s.free) - 1; last >= 0 {
		n, s.free = s.free[last], s.free[:last]
	} else {
		s.accounts = append(s.accounts, account{})
		n = uint32(len(s.accounts))
	}
	if s.byKey == nil {
		s.byKey = make(map[shoal.AuthKey]uint32)
	}
	s.account(n).key = key
	s.byKey[key] = n
	return n
}

// left notes that so many peers of an account have gone.
func (s *shard) left(n uint32, peers int) {
	s.ledger.held.Add(-int64(peers))
	s.account(n).peers -= uint32(peers)
	s.closeIdle(n)
}

// closeIdle frees an account in which there is nothing more.
func (s *shard) closeIdle(n uint32) {
	if a := s.account(n); !a.key.None() && a.idle() {
		delete(s.byKey, a.key)
		*a = account{}
		s.free = append(s.free, n)
	}
}

// forgetAll forgets the peers, not what was counted for their keys.
func (s *shard) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = table{}
	for n := range s.accounts {
		s.left(uint32(n+1), int(s.accounts[n].peers))
	}
}
