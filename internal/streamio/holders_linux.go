//go:build amd64 || arm64

package streamio

// holders are the connections of a loop that hold more than ownMemory, who has
// done so for longest first. Were those closed that do something while memory is
// scarce, the silent would keep it, and honest clients would have none.
type holders struct{ oldest, youngest *socket }

// put adds s as the youngest, unless it is there.
func (h *holders) put(s *socket) {
	if s.holds {
		return
	}
	s.holds, s.older = true, h.youngest
	if h.youngest == nil {
		h.oldest = s
	} else {
		h.youngest.younger = s
	}
	h.youngest = s
}

// remove takes s off, if it is there.
func (h *holders) remove(s *socket) {
	if !s.holds {
		return
	}
	if s.older == nil {
		h.oldest = s.younger
	} else {
		s.older.younger = s.younger
	}
	if s.younger == nil {
		h.youngest = s.older
	} else {
		s.younger.older = s.older
	}
	s.holds, s.older, s.younger = false, nil, nil
}

// weigh notes whether s holds much, and makes room if it is to have more than
// there is.
func (l *loop) weigh(s *socket) {
	if cap(s.kept)+cap(s.out.b)+s.retained <= ownMemory {
		l.holders.remove(s)
		return
	}
	l.holders.put(s)
	for limit := l.engine.config.Limit; l.holders.oldest != nil && limit.exceeded(); {
		limit.starved.Add(1)
		l.end(l.holders.oldest, ErrMemory)
	}
}
