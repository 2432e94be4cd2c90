package plan

import (
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
)

const second = int64(time.Second)

func TestClosedLoop(t *testing.T) {
	p := &Plan{Duration: time.Second, Workers: 1}
	pace := p.NewPace(0, 100)
	if n := pace.Due(100, 5); n != 5 {
		t.Errorf("%d due with room for 5", n)
	}
	if at := pace.Take(170); at != 170 {
		t.Errorf("a request of a closed loop counts from %d", at)
	}
	if n := pace.Due(100+second, 5); n != 0 || !pace.Ended(100+second) || pace.Ended(99+second) {
		t.Errorf("%d due when the time is over", n)
	}
	if pace.Missed(100+second) != 0 || pace.Crowded(time.Hour) {
		t.Error("a closed loop has a schedule")
	}
}

// TestOpenLoop: a worker that comes late finds all that was due meanwhile, and
// each request counts from when it should have left.
func TestOpenLoop(t *testing.T) {
	p := &Plan{Duration: time.Second, Workers: 2, Rate: 200}
	pace := p.NewPace(1, 0) // at 5 ms, 15 ms, ...
	for _, step := range []struct {
		now  time.Duration
		due  int
		last time.Duration // from when the last of them counts
	}{
		{0, 0, 0},
		{5 * time.Millisecond, 1, 5 * time.Millisecond},
		{14 * time.Millisecond, 0, 0},
		{48 * time.Millisecond, 4, 45 * time.Millisecond},
		{time.Second + 10*time.Millisecond, 95, 995 * time.Millisecond},
	} {
		due := pace.Due(int64(step.now), 1)
		if due != step.due {
			t.Fatalf("at %v: %d due, want %d", step.now, due, step.due)
		}
		at := int64(0)
		for range due {
			at = pace.Take(int64(step.now))
		}
		if due > 0 && time.Duration(at) != step.last {
			t.Errorf("at %v: the last counts from %v, want %v", step.now, time.Duration(at), step.last)
		}
	}
	if !pace.Ended(second+int64(10*time.Millisecond)) || pace.Missed(second*2) != 0 {
		t.Error("all have left, and it has not ended, or some are missed")
	}
	if !pace.Crowded(20*time.Millisecond) || pace.Crowded(time.Millisecond) {
		t.Error("10 ms between requests: crowded in 1 ms, or not in 20")
	}
}

func TestMissed(t *testing.T) {
	p := &Plan{Duration: time.Second, Workers: 1, Rate: 100}
	pace := p.NewPace(0, 0)
	for range 30 {
		pace.Take(0)
	}
	if pace.Ended(second) || !pace.Ended(second+grace) {
		t.Error("what is late may leave for a while, not for ever")
	}
	if n := pace.Missed(3 * second); n != 70 {
		t.Errorf("%d missed of 100 with 30 sent", n)
	}
}

func TestStop(t *testing.T) {
	for _, rate := range []float64{0, 100} {
		p := &Plan{Duration: time.Hour, Workers: 1, Rate: rate}
		pace := p.NewPace(0, 0)
		pace.Stop(second)
		if !pace.Ended(second) || pace.Due(second, 10) != 0 {
			t.Errorf("rate %v: goes on after it was stopped", rate)
		}
	}
}

// TestShares wants what is divided among workers to be all of it.
func TestShares(t *testing.T) {
	sources := make([]netip.Addr, 7)
	for i := range sources {
		sources[i] = netip.AddrFrom4([4]byte{127, 64, 0, byte(i + 1)})
	}
	pop, err := population.New(population.Config{Peers: 1000, Torrents: 10, Sources: sources})
	if err != nil {
		t.Fatal(err)
	}
	p := &Plan{Workers: 3, Requests: 100, Connections: 11, Sources: sources, Population: pop}
	requests, connections, all := uint64(0), 0, map[int]bool{}
	for w := range 3 {
		requests += p.RequestsOf(w)
		connections += p.ConnectionsOf(w)
		for _, s := range p.SourcesOf(w) {
			all[s] = true
		}
	}
	if requests != 100 || connections != 11 || len(all) != 7 {
		t.Errorf("%d requests, %d connections, %d sources", requests, connections, len(all))
	}
	p.Fill, requests = true, 0
	for w := range 3 {
		requests += p.RequestsOf(w)
	}
	if requests != 1000 {
		t.Errorf("a fill of 1000 peers has %d requests", requests)
	}
	p.Timeout = time.Second
	pace := p.NewPace(0, 0)
	if pace.Ended(1<<60) || p.GivenUp(second, 0) {
		t.Error("a fill ends by time")
	}
	p.Timeout = time.Millisecond
	if !p.GivenUp(second, 0) {
		t.Error("a fill goes on although nothing answers")
	}
}

func TestMix(t *testing.T) {
	p := &Plan{Scrape: 10, Connect: 20}
	random := population.NewRandom(1)
	counts := map[Kind]int{}
	for mix := p.Mix(); counts[Announce]+counts[Scrape]+counts[Connect] < 100_000; {
		counts[mix.Draw(random.Uint64())]++
	}
	for kind, want := range map[Kind]int{Announce: 70_000, Scrape: 10_000, Connect: 20_000} {
		if got := counts[kind]; got < want-1000 || got > want+1000 {
			t.Errorf("%v: %d of 100000, want about %d", kind, got, want)
		}
	}
	for _, only := range []*Plan{{Scrape: 100}, {Connect: 100}, {}, {Fill: true, Scrape: 100}} {
		kinds := map[Kind]bool{}
		for range 1000 {
			kinds[only.Mix().Draw(random.Uint64())] = true
		}
		if len(kinds) != 1 || only.Fill && !kinds[Announce] {
			t.Errorf("%+v: %v", only, kinds)
		}
	}
}
