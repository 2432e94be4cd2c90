package streamio

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// HandshakeLimits bounds the TLS handshakes that are in flight at once. Below
// 0: no bound.
type HandshakeLimits struct {
	Most       int // in all. 0: 8192
	PerNetwork int // from one IPv4 /24 or IPv6 /48. 0: 256
}

// HandshakeCounts says what became of TLS handshakes.
type HandshakeCounts struct {
	Full    uint64 // came to their end, with a signature
	Resumed uint64 // came to their end, by a session ticket
	Failed  uint64 // were begun and came to nothing

	Refused        uint64 // were not begun, because of a limit
	RefusedNetwork uint64 // of those, the ones because of the limit of a network

	InFlight int // now
}

// Handshakes bounds TLS handshakes, and lets as many of them compute at once
// as there are processors: what a flood of them costs is time, and neither
// memory without end nor the processors of everybody else.
type Handshakes struct {
	limits HandshakeLimits
	crypto chan struct{} // holds one for each handshake that computes

	full, resumed, failed atomic.Uint64

	mu             sync.Mutex
	inFlight       int
	networks       map[network]int // those in flight, so never more than they
	refused        uint64
	refusedNetwork uint64
}

// NewHandshakes returns limits to share between listeners. It also finds out,
// once in a process, whether idle buffers can be given back (see trims).
func NewHandshakes(l HandshakeLimits) *Handshakes {
	if l.Most == 0 {
		l.Most = 8192
	}
	if l.PerNetwork == 0 {
		l.PerNetwork = 256
	}
	_, _ = idleBuffers() // not on an event loop, later
	return &Handshakes{
		limits:   l,
		crypto:   make(chan struct{}, cores),
		networks: make(map[network]int),
	}
}

// Counts returns the counts since the start.
func (h *Handshakes) Counts() HandshakeCounts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return HandshakeCounts{
		Full:           h.full.Load(),
		Resumed:        h.resumed.Load(),
		Failed:         h.failed.Load(),
		Refused:        h.refused,
		RefusedNetwork: h.refusedNetwork,
		InFlight:       h.inFlight,
	}
}

// admit claims a place for a handshake with a, and counts the refusal if there
// is none. It is asked after a whole ClientHello and before any crypto, so that
// connections that say nothing take no place from those that do. Each place is
// given back by done.
func (h *Handshakes) admit(a netip.Addr) bool {
	of := networkOf(a)
	h.mu.Lock()
	defer h.mu.Unlock()
	if most := h.limits.Most; most > 0 && h.inFlight >= most {
		h.refused++
		return false
	}
	n := h.networks[of]
	if most := h.limits.PerNetwork; most > 0 && n >= most {
		h.refused++
		h.refusedNetwork++
		return false
	}
	h.networks[of] = n + 1
	h.inFlight++
	return true
}

// done gives back the place that admit claimed for a.
func (h *Handshakes) done(a netip.Addr) {
	of := networkOf(a)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch n := h.networks[of]; n {
	case 0:
		return // it was not admitted: one place must not become two
	case 1:
		delete(h.networks, of)
	default:
		h.networks[of] = n - 1
	}
	h.inFlight--
}

// network is an IPv4 /24 or an IPv6 /48: the length of the prefix, then its
// bytes.
type network [7]byte

func networkOf(a netip.Addr) network {
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		return network{24, b[0], b[1], b[2]}
	}
	b := a.As16()
	return network{48, b[0], b[1], b[2], b[3], b[4], b[5]}
}
