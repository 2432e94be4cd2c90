package swarm

// account adds up what each kind of block takes, in bytes.
func account(s *Store) map[string]int {
	sum := make(map[string]int)
	for i := range s.shards {
		sh := &s.shards[i]
		d := sh.directory.Load()
		for j := 0; j < len(d.pages); {
			r := ref(d.pages[j].Load())
			if r == 0 {
				break
			}
			_, depth := pageHeader(sh.page(r))
			sum["table"] += pageUnits * unitBytes
			for _, slot := range sh.page(r)[1:] {
				if slot != 0 {
					accountTorrent(sh, sh.line(ref(slot)), sum)
				}
			}
			j += 1 << (d.depth - depth)
		}
		sum["spare"] += sh.arena.spare * unitBytes
	}
	sum["regions"] = int(s.memory.held())
	return sum
}

func accountTorrent(sh *shard, l *line, sum map[string]int) {
	sum["lines"] += unitBytes
	for _, size := range [...]int{size6, sizeLink} {
		if l.has(size) {
			sum["extra lines"] += unitBytes
		}
	}
	for _, size := range sizes {
		f := sh.family(l, size)
		if f.area == nil || *f.state&stateKind == stateInline {
			continue
		}
		h := f.header()
		if *f.state&stateKind == stateBlock {
			sum["blocks"] += int(h.arrayUnits) * unitBytes
			sum["block peers"] += f.peers
		} else {
			sum["chunk directories"] += int(h.arrayUnits) * unitBytes
			sum["chunks"] += int(h.chunks) * f.shape.chunkUnits() * unitBytes
			sum["chunk peers"] += f.peers
		}
		if h.index == 0 {
			continue
		}
		sum["index directories"] += int(h.indexUnits) * unitBytes
		kind := "narrow index"
		if h.wide != 0 {
			kind = "wide index"
		}
		sum[kind+" peers"] += f.peers
		for i := 0; i < 1<<h.indexDepth; {
			p := f.indexPage(uint64(i) << (64 - h.indexDepth))
			sum[kind] += p.units() * unitBytes
			i += 1 << (int(h.indexDepth) - p.depth())
		}
	}
}
