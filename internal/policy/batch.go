package policy

import (
	"encoding/binary"

	"github.com/shoal-tracker/shoal"
)

const (
	batchSize = 64  // announces that are looked ahead for at once
	cached    = 512 // hashes of a table that is not worth looking ahead for
)

// CheckBatch is Check for many at once: failures[i] says why reqs[i] is refused.
// Those whose failure is set already are passed over. The slices are of one
// length.
//
// Each large list is a place in memory that no cache holds. One announce waits
// for one after the other; those of a batch wait together.
func (c *Chain) CheckBatch(reqs []shoal.AnnounceRequest, failures []shoal.Failure, now shoal.Tick) {
	failures = failures[:len(reqs)]
	for len(reqs) > 0 {
		n := min(len(reqs), batchSize)
		if c != nil && n > 1 {
			c.lookAhead(reqs[:n])
		}
		for i := range reqs[:n] {
			if failures[i] == shoal.OK {
				failures[i] = c.Check(&reqs[i], now)
			}
		}
		reqs, failures = reqs[n:], failures[n:]
	}
}

// lookAhead reads what the announces will look up, so that it is in the cache
// then. What it returns is of no use but that the compiler cannot leave the reads
// out.
//
//go:noinline
func (c *Chain) lookAhead(reqs []shoal.AnnounceRequest) (read uint64) {
	if c.denied == nil && !c.listed && !c.private {
		return 0
	}
	var heads [batchSize]uint64
	n := len(reqs)
	for i := range reqs {
		heads[i] = binary.BigEndian.Uint64(reqs[i].InfoHash[:8])
	}
	for _, l := range c.denied {
		read |= l.set.lookAhead(heads[:n])
	}
	if c.listed {
		for _, l := range c.allowed {
			read |= l.set.lookAhead(heads[:n])
		}
	}
	if c.private && c.keys != nil {
		for i := range reqs {
			heads[i] = binary.BigEndian.Uint64(reqs[i].AuthKey[:8])
		}
		read |= c.keys.set.lookAhead(heads[:n])
	}
	return read
}

func (s *set) lookAhead(heads []uint64) (read uint64) {
	now := s.current.Load()
	if now == nil {
		return 0
	}
	return now.permanent.lookAhead(heads) | now.timed.lookAhead(heads)
}

func (t *table) lookAhead(heads []uint64) (read uint64) {
	if len(t.hashes) <= cached {
		return 0
	}
	var at [batchSize]uint32
	likely := 0
	for i := range heads {
		b := t.buckets[heads[i]>>t.shift]
		at[likely] = uint32(b >> 32)
		if b&t.filter(heads[i]) != 0 {
			likely++
		}
	}
	for _, i := range at[:likely] {
		read |= uint64(t.hashes[i][0])
		if t.until != nil {
			read |= uint64(t.until[i])
		}
	}
	return read
}
