package wsload

import (
	"crypto/tls"
	"sync"

	"github.com/shoal-tracker/shoal"
)

type state uint8

const (
	away       state = iota // closed
	dialing                 // TCP, and TLS
	upgrading               // asked for a WebSocket
	joining                 // its first announce is not answered yet
	ready                   // in the swarm, with nothing to wait for
	announcing              // another announce is not answered yet
)

// connection is one browser. It is used again and again: each time it is opened
// it has another generation, and so another peer ID.
type connection struct {
	slot    uint32 // its number among all
	torrent *torrent
	source  int    // index in the plan
	left    uint64 // 0: a seeder

	mu         sync.Mutex // of the next three, which other workers look at
	generation uint32
	round      uint32
	history    []announced

	peerID  shoal.PeerID
	state   state
	tried   bool  // it has been opened, or could not be
	leaving bool  // to be closed and opened again, as soon as its announce is answered
	anew    bool  // it was open before
	queued  bool  // in the worker's queue of those that may announce
	since   int64 // when the state began; of those that wait for something
	due     int64 // when the announce that is waited for left, or should have
	counted bool  // that announce is one of those that the report tells of

	// Replies come in the order of what they reply to, announces and answers
	// alike, and do not say which of the two it is.
	before   int   // answers without a reply that were sent before the announce that is waited for
	after    int   // and after it
	answered int64 // when the last of those before was sent
	givenUp  int   // announces whose reply may still come
	owed     int   // replies that may still come

	key      [24]byte // of the upgrade
	message  []byte   // what has come of a message in parts
	inParts  bool
	out      []byte                 // not sent yet
	outAt    int                    // where in out that begins
	wire     wire                   // of an engine of one platform
	link     *link                  // of the portable engine
	sessions tls.ClientSessionCache // nil: none is resumed
	examined bool                   // idle runs: announced again in the end
}

// unsent returns how many bytes the connection has yet to send.
func (c *connection) unsent() int { return len(c.out) - c.outAt }

// waits reports whether an announce is not answered yet.
func (c *connection) waits() bool { return c.state == joining || c.state == announcing }

// torrent is one of the load's.
type torrent struct {
	hash    shoal.InfoHash
	members uint64 // connections of this torrent
}

// queue holds the connections that may announce, the one that waited longest
// first. Some may have been closed since.
type queue struct {
	ring       []*connection
	from, held int
}

func newQueue(most int) queue { return queue{ring: make([]*connection, most)} }

func (q *queue) push(c *connection) {
	if c.queued {
		return
	}
	c.queued = true
	q.ring[(q.from+q.held)%len(q.ring)] = c
	q.held++
}

// pop returns nil where there is none left.
func (q *queue) pop() *connection {
	for q.held > 0 {
		c := q.ring[q.from]
		q.from = (q.from + 1) % len(q.ring)
		q.held--
		c.queued = false
		if c.state == ready {
			return c
		}
	}
	return nil
}
