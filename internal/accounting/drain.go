package accounting

import "github.com/shoal-tracker/shoal"

// drained is how many accounts are looked at under a lock.
const drained = 256

// Drain tells what was counted for each key since the last time, in bytes; who
// moved nothing is left out. What is told is taken out: it is for whoever drains
// to keep it.
func (l *Ledger) Drain(each func(key shoal.AuthKey, uploaded, downloaded uint64)) {
	var some [drained]account
	for i := range l.shardsOfKey {
		s := &l.shardsOfKey[i]
		for from, more := 0, true; more; from += drained {
			var n int
			n, more = s.take(&some, from)
			for _, a := range some[:n] {
				each(a.key, a.uploaded, a.downloaded)
			}
		}
	}
}

// take empties the accounts from one on, drained of them at most, and reports
// whether there are more.
func (s *shard) take(into *[drained]account, from int) (n int, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := from; i < min(from+drained, len(s.accounts)); i++ {
		a := &s.accounts[i]
		if a.uploaded != 0 || a.downloaded != 0 {
			into[n] = *a
			n++
			a.uploaded, a.downloaded = 0, 0
			s.closeIdle(uint32(i + 1))
		}
	}
	return n, from+drained < len(s.accounts)
}
