package swarm

import (
	"unsafe"

	"github.com/shoal-tracker/shoal"
)

// line is one torrent: a cache line. Its IPv4 peers stand in area while they
// are few. IPv6 peers need a line more, and browsers one more: a torrent has
// them only while it has such peers, and flags say which.
type line struct {
	hash          shoal.InfoHash
	completed     uint32 // leechers that became seeders here, of any family
	link          ref    // the first extra line, or 0
	flags         uint8
	state4        state
	state6        state
	stateBrowsers state
	area          [32]byte
}

const (
	flagAgain    = 1 << iota // announced more than once
	flagDirty                // completed has changed since it was last drained
	flagIPv6                 // has an extra line for IPv6 peers
	flagBrowsers             // has one for browsers
	flagKnown                // completed has what a database knew in it
)

// extra holds the IPv6 peers of a torrent, or its browsers. The line for IPv6
// comes first: who announces over IPv6 never has to read past the other.
type extra struct {
	next ref // the line for browsers that comes after this one, or 0
	area [60]byte
}

// state is what a family's area holds.
type state uint8

const (
	// An area that holds the peers themselves has their number in the lowest
	// three bits and that of the leechers in the next three.
	stateInline state = 0 << 6
	stateBlock  state = 1 << 6 // header; the peers are in one block
	stateChunks state = 2 << 6 // header; the peers are in a directory of chunks

	stateKind state = 3 << 6
)

// header is the area of a family whose peers are elsewhere.
type header struct {
	peers, leechers uint32
	array           ref // the block, or the directory of chunks
	index           ref // the page, or the directory of pages; 0: none
	arrayUnits      uint16
	indexUnits      uint16 // of the directory; 0: index is a page
	chunks          uint16
	indexDepth      uint8
	wide            uint8 // 1: the index has entries of 4 bytes
}

// countsOf returns the seeders and the leechers of a family.
func countsOf(s state, area []byte) (complete, incomplete uint32) {
	if s&stateKind == stateInline {
		peers, leechers := uint32(s&7), uint32(s>>3&7)
		return peers - leechers, leechers
	}
	h := headerOf(area)
	return h.peers - h.leechers, h.leechers
}

func headerOf(area []byte) *header { return (*header)(unsafe.Pointer(&area[0])) }

// torrentHash is an info hash and what the store's seed makes of it.
type torrentHash struct {
	info  *shoal.InfoHash
	half  uint32 // finds the torrent in its shard
	shard uint8
}

func (s *shard) line(r ref) *line { return at[line](s.arena.segments, r) }

func (s *shard) extra(r ref) *extra { return at[extra](s.arena.segments, r) }

// extraRef returns where the ref of a family's extra line stands, or would.
func (s *shard) extraRef(l *line, size int) *ref {
	if size == sizeLink && l.has(size6) {
		return &s.extra(l.link).next
	}
	return &l.link
}

// has reports whether the torrent may have peers of a family.
func (l *line) has(size int) bool {
	switch size {
	case size4:
		return l.state4 != stateInline // inline, it has their number in it
	case size6:
		return l.flags&flagIPv6 != 0
	}
	return l.flags&flagBrowsers != 0
}

func (l *line) again() bool { return l.flags&flagAgain != 0 }
