//go:build amd64 || arm64

package streamio

// deliver hands out what others have for the connections of this loop. What
// they say to it leaves at the end: a connection with many messages gets them
// with one write.
func (l *loop) deliver() {
	l.letters, l.news = l.inbox.take(l.letters, l.news)
	l.items += len(l.letters) + len(l.news)
	for i, n := range l.news {
		l.news[i] = news{}
		s := l.table.find(n.of.Slot(), n.of.Generation())
		if s == nil || s.stage != stageShaking {
			continue
		}
		if n.done {
			l.shaken(s, n.err)
		}
		l.settle(s)
	}
	if len(l.letters) == 0 {
		return
	}
	l.gathers = true
	for i, letter := range l.letters {
		l.letters[i].message = nil // the receiver's
		if !l.hand(letter) {
			l.engine.lost.Add(1)
		}
	}
	l.gathers = false
	if cap(l.letters) > keptSockets {
		l.letters = nil
	}
	for i, s := range l.dirty {
		l.dirty[i] = nil
		s.dirty = false
		if s.stage != stageEnded {
			l.flush(s)
			l.settle(s)
		}
	}
	l.dirty = l.dirty[:0]
}

func (l *loop) hand(m letter) bool {
	s := l.table.find(m.to.Slot(), m.to.Generation())
	if s == nil || s.stage != stageOpen {
		return false
	}
	receiver, ok := s.protocol.(Receiver)
	if !ok {
		return false
	}
	l.enter(s)
	receiver.Received(&s.Conn, m.message)
	if l.after(s); !s.dirty {
		l.settle(s)
	}
	return true
}
