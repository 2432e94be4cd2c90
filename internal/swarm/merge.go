package swarm

// mergeTables joins the page of the table for a hash with the one before it
// that differs in the last bit they share, while both together are less than
// half full: a spray that has timed out leaves nothing behind. Only what the
// walk has behind it is joined. It returns how many bits the torrents of the
// page share then.
func (s *shard) mergeTables(half uint32, depth int) int {
	for depth > 0 && half>>(32-depth)&1 == 1 {
		d := s.directory.Load()
		before := half &^ (1 << (32 - depth))
		r, rBefore := d.page(half), d.page(before)
		p, q := s.page(rBefore), s.page(r)
		takenP, depthP := pageHeader(p)
		takenQ, depthQ := pageHeader(q)
		if depthP != depth || depthQ != depth || takenP+takenQ > pageFull/2 {
			break
		}
		for _, slot := range q[1:] {
			if slot != 0 {
				putSlot(p, slot)
			}
		}
		depth--
		setPageHeader(p, takenP+takenQ, depth)
		run := 1 << (d.depth - depth)
		first := int(uint64(before)>>(32-depth)) * run
		for i := range run {
			d.pages[first+i].Store(uint32(rBefore))
		}
		s.arena.release(r, pageUnits)
		half = before
	}
	return depth
}
