package udpload

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// newPlan returns a plan of 100 peers of one torrent, at 127.64.0.1 to 4.
func newPlan(t testing.TB, target netip.AddrPort) *plan.Plan {
	t.Helper()
	p := &plan.Plan{
		Target: target, Duration: 10 * time.Second, Connections: 100, Workers: 1, Timeout: 10 * time.Second,
		NumWant: 2, Hashes: 2, Seed: 1, Alone: true, Segment: true,
	}
	for a := netip.MustParseAddr("127.64.0.1"); len(p.Sources) < 4; a = a.Next() {
		p.Sources = append(p.Sources, a)
	}
	var err error
	p.Population, err = population.New(population.Config{Peers: 100, Torrents: 1, Seed: 1, Sources: p.Sources})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// silence is an engine that takes everything and brings nothing.
type silence struct{ packets int }

func (s *silence) receive(in *batch, _ time.Duration) (bool, error) { in.n = 0; return false, nil }
func (s *silence) send(out *batch) error                            { s.packets += out.n; return nil }
func (s *silence) nap(time.Duration)                                {}
func (s *silence) dropped() uint64                                  { return 0 }
func (s *silence) close()                                           {}

// newSilent returns a worker that talks to nobody, with its run begun.
func newSilent(t testing.TB, p *plan.Plan) *worker {
	t.Helper()
	w, err := newWorker(p, 0, report.NewLive(1))
	if err != nil {
		t.Fatal(err)
	}
	w.engine.close()
	w.engine = &silence{}
	w.pace = p.NewPace(0, 0)
	for _, s := range w.sockets {
		s.renewed(0x1122334455667788, 0)
	}
	return w
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wrongOf(tally *report.Tally) map[string]uint64 {
	return report.Summarize("", &plan.Plan{}, tally, 1, 1).WrongBy
}

var nowhere = netip.MustParseAddrPort("127.0.0.1:9")
