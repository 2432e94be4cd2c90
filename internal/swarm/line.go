package swarm

import (
	"unsafe"

	"github.com/shoal-tracker/shoal"
)

// line is one torrent: a cache line. Its IPv4 peers stand in area while they
// are few. IPv6 peers need a line more, linked by its ref.
type line struct {
	hash      shoal.InfoHash
	completed uint32 // leechers that became seeders here
	link      ref    // the extra line, or 0
	flags     uint8
	state4    state
	state6    state
	_         uint8
	area      [32]byte
}

const (
	flagAgain = 1 << iota // announced more than once
	flagDirty             // completed has changed since it was last saved
)

// extra holds the IPv6 peers of a torrent.
type extra struct {
	_    uint32
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

// has reports whether the torrent may have peers of a family.
func (l *line) has(size int) bool {
	if size == size6 {
		return l.link != 0
	}
	return l.state4 != stateInline // inline, it has their number in it
}

func (l *line) again() bool { return l.flags&flagAgain != 0 }
