package wsload

// remembered is how many of its last announces a connection can tell what became
// of the offers.
const remembered = 256

// announced is one announce with offers.
type announced struct {
	round uint32
	at    int64   // when it left
	taken []taker // of each offer
}

// taker is whom an offer was handed to.
type taker struct {
	generation uint32
	slot       uint32
	handed     bool
	answered   bool
}

// fate is what was found out about an offer or an answer that came.
type fate uint8

const (
	right     fate = iota
	forgotten      // too long ago
	unmade         // nobody made such an offer
	repeated       // it came before
	misled         // an answer of somebody else than who was handed the offer
)

// remember begins the next round: an announce with n offers.
func (c *connection) remember(now int64, n int) (round uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round++
	i := int(c.round % remembered)
	for len(c.history) <= i {
		c.history = append(c.history, announced{})
	}
	a := &c.history[i]
	a.round, a.at = c.round, now
	if cap(a.taken) < n {
		a.taken = make([]taker, n)
	}
	a.taken = a.taken[:n]
	clear(a.taken)
	return c.round
}

// renew begins the next generation, whose offers are its own.
func (c *connection) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.round = 0
	for i := range c.history {
		c.history[i].round = 0
	}
	c.peerID = peerIDOf(c.slot, c.generation)
}

// find returns what is remembered of an offer. The connection is locked.
func (c *connection) find(n name) (*announced, *taker, fate) {
	switch {
	case n.generation > c.generation || n.round == 0:
		return nil, nil, unmade
	case n.generation < c.generation: // it was closed, and opened again, since
		return nil, nil, forgotten
	case n.round > c.round:
		return nil, nil, unmade
	case n.round+remembered <= c.round:
		return nil, nil, forgotten
	}
	i := int(n.round % remembered)
	if i >= len(c.history) || c.history[i].round != n.round || n.index >= len(c.history[i].taken) {
		return nil, nil, unmade
	}
	a := &c.history[i]
	return a, &a.taken[n.index], right
}

// hand notes that an offer of c was handed to a connection. It returns when the
// offer left.
func (c *connection) hand(n name, to *connection) (at int64, f fate) {
	// Who was handed it is noted with the generation it has now. Only its own
	// worker changes that, which is the one that asks.
	slot, generation := to.slot, to.generation
	c.mu.Lock()
	defer c.mu.Unlock()
	a, t, f := c.find(n)
	switch {
	case f != right:
		return 0, f
	case t.handed:
		return 0, repeated
	}
	t.slot, t.generation, t.handed = slot, generation, true
	return a.at, right
}

// conclude notes that an answer to an offer of c came, from a peer.
func (c *connection) conclude(n name, slot, generation uint32) fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, t, f := c.find(n)
	switch {
	case f != right:
		return f
	case t.answered:
		return repeated
	case !t.handed || t.slot != slot || t.generation != generation:
		return misled
	}
	t.answered = true
	return right
}
