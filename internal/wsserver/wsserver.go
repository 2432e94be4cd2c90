// Package wsserver is the WebTorrent tracker without I/O: it reads WebSocket
// frames (RFC 6455) out of bytes, and passes the offers and answers by which
// browsers find each other from connection to connection.
//
// A peer is a connection in a torrent; its peer ID is a label that nothing is
// looked up by, and so cannot be taken over. What somebody else is to get is
// posted to his connection, whose own loop says it.
package wsserver

import (
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/tracker"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// MaxInput is the most bytes of input that a connection must be able to keep
// unread: one frame with the longest message.
const MaxInput = webtorrent.MaxMessage + maxHead

// Server answers WebTorrent clients. All its connections may be served at once.
type Server struct {
	tracker  *tracker.Tracker
	post     func(to shoal.Link, message []byte) bool
	seed     maphash.Seed // of the keys of offers
	settings atomic.Pointer[settings]
	scratch  sync.Pool // of *scratch

	_ [128]byte // what follows is written for every connection, what precedes hardly ever

	next   atomic.Uint32
	counts [countSets]countSet
}

// New returns a server in front of t. post hands a message to the connection of
// a Link, which is one of this server's, by its Received; false: it could not,
// and has not kept the message. It is called by many goroutines at once.
func New(c Config, t *tracker.Tracker, post func(to shoal.Link, message []byte) bool) *Server {
	s := &Server{
		tracker: t,
		post:    post,
		seed:    maphash.MakeSeed(),
		scratch: sync.Pool{New: func() any { return new(scratch) }},
	}
	s.Configure(c)
	return s
}

// Configure puts c in force while the server serves. Connections that are open
// stay open, wherever they came from.
func (s *Server) Configure(c Config) { s.settings.Store(newSettings(c)) }

// settings are what may change while the server serves: replaced whole, so that
// a message never sees half of a change.
type settings struct {
	interval      uint32 // seconds
	jitter        uint32 // seconds by which an interval may be shorter
	maxOffers     int
	answerReplies bool
	origins       []string // in lower case; empty: any
}

func newSettings(c Config) *settings {
	s := &settings{
		interval:      uint32((c.Interval + time.Second - 1) / time.Second), // clients take 0 for none
		maxOffers:     min(max(c.MaxOffers, 0), webtorrent.MaxOffers),
		answerReplies: c.AnswerReplies,
	}
	s.jitter = s.interval / 10
	for _, origin := range c.AllowOrigins {
		s.origins = append(s.origins, strings.ToLower(origin))
	}
	return s
}

// draw returns an interval, so that clients which started together drift apart.
func (s *settings) draw() uint32 { return s.interval - rand.Uint32N(s.jitter+1) }

// scratch is the memory of a message in the making. It is pooled and not a
// connection's, because thousands of idle connections must not hold one each.
type scratch struct {
	req     shoal.AnnounceRequest
	res     shoal.AnnounceResponse
	message webtorrent.Message
	links   [webtorrent.MaxOffers]shoal.Link
	hash    [1]shoal.InfoHash
	counts  [webtorrent.MaxScrape]shoal.ScrapeCounts
	key     offerName
}

// borrow returns memory for a message.
func (s *Server) borrow() *scratch { return s.scratch.Get().(*scratch) }

// giveBack keeps m for the next message, without what is in the memory of this
// one: that is the engine's.
func (s *Server) giveBack(m *scratch) {
	clear(m.message.Offers)
	m.message = webtorrent.Message{Offers: m.message.Offers[:0], Hashes: m.message.Hashes[:0]}
	s.scratch.Put(m)
}
