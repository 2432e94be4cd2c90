package plan

// Kind is what a request asks for.
type Kind uint8

// The kinds of requests.
const (
	Announce Kind = iota
	Scrape
	Connect // UDP
	Kinds   = 3
)

var kindNames = [Kinds]string{"announce", "scrape", "connect"}

func (k Kind) String() string { return kindNames[k] }

// Mix draws kinds.
type Mix struct{ scrape, connect uint64 } // of 2^32, the second on top of the first

// Mix returns the plan's mix of requests.
func (p *Plan) Mix() Mix {
	if p.Fill {
		return Mix{}
	}
	scrape := uint64(p.Scrape / 100 * (1 << 32))
	return Mix{scrape, scrape + uint64(p.Connect/100*(1<<32))}
}

// Draw returns the kind of the next request for a random number.
func (m Mix) Draw(random uint64) Kind {
	switch r := random >> 32; {
	case r >= m.connect:
		return Announce
	case r < m.scrape:
		return Scrape
	}
	return Connect
}
