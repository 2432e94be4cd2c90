package swarm

import "net/netip"

// place is an address and a port in compact form, the first size bytes of at:
// what a UDP or HTTP peer is known by.
type place struct {
	at   [18]byte
	size uint8
}

func key(a netip.AddrPort) place {
	var p place
	if addr := a.Addr(); addr.Is4() {
		b := addr.As4()
		p.size = uint8(copy(p.at[:], b[:]) + 2)
	} else {
		b := addr.As16()
		p.size = uint8(copy(p.at[:], b[:]) + 2)
	}
	p.at[p.size-2], p.at[p.size-1] = byte(a.Port()>>8), byte(a.Port())
	return p
}

func (p *place) is4() bool { return p.size == 6 }

func (p *place) bytes() []byte { return p.at[:p.size] }

// network returns the /24 or /64 the peer is in.
func (p *place) network() place {
	n := place{size: p.size}
	if p.is4() {
		copy(n.at[:3], p.at[:3])
	} else {
		copy(n.at[:8], p.at[:8])
	}
	return n
}
