package swarm

// networks counts the peers of one family by /24 or /64, for the cap on them.
// Small families are counted anew each time; in a large one that would hold
// the lock for too long. There the counts are those of the positions before
// done, which moves on a little with each newcomer: until it has reached the
// end a few may come in beyond the cap.
type networks struct {
	counts map[uint64]int
	most   int // networks there have been in counts, which Go never makes smaller
	done   int
}

const (
	countedEach = 4096 // a family that is counted anew each time
	countedStep = 1024 // positions that a newcomer adds
)

// inNetwork returns how many peers of f are in the network of k.
func (f *family) inNetwork(k key) int {
	size := f.shape.size
	network := k.network(size)
	if f.peers <= countedEach {
		n := 0
		for pos := 0; pos < f.peers; {
			b, room, i := f.at(pos)
			for end := min(room, i+f.peers-pos); i < end; i, pos = i+1, pos+1 {
				if other := keyAt(b, i*size, size); other.network(size) == network {
					n++
				}
			}
		}
		return n
	}
	if f.networks == nil {
		f.networks = &networks{counts: make(map[uint64]int)}
		if f.shard.networks == nil {
			f.shard.networks = make(map[networksOf]*networks)
		}
		f.shard.networks[networksOf{f.line.hash, uint8(size)}] = f.networks
	}
	n := f.networks
	for end := min(f.peers, n.done+countedStep); n.done < end; n.done++ {
		other := f.key(n.done)
		n.counts[other.network(size)]++
	}
	n.most = max(n.most, len(n.counts))
	return n.counts[network]
}

// forgetNetworks gives back counts that are not needed any more, or that have become
// few in the memory of many.
func (f *family) forgetNetworks() {
	n := f.networks
	if n == nil || f.peers > countedEach/2 && len(n.counts) >= n.most/4 {
		return
	}
	delete(f.shard.networks, networksOf{f.line.hash, uint8(f.shape.size)})
	f.networks = nil
}

// put notes a peer that was put at a position.
func (n *networks) put(k key, size, at int) {
	if n != nil && at < n.done {
		n.counts[k.network(size)]++
		n.most = max(n.most, len(n.counts))
	}
}

// remove notes a peer that was taken from a position.
func (n *networks) remove(k key, size, at int) {
	if n == nil || at >= n.done {
		return
	}
	network := k.network(size)
	if n.counts[network]--; n.counts[network] == 0 {
		delete(n.counts, network)
	}
}

// move notes a peer that went from one position to another.
func (n *networks) move(k key, size, from, to int) {
	n.remove(k, size, from)
	n.put(k, size, to)
}
