package tracker

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

func newTracker(c Config, rules policy.Config) *Tracker {
	clock := new(shoal.Clock)
	clock.Set(shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	store := swarm.New(swarm.Config{PeerTimeout: c.PeerTimeout, Seed: 1})
	return New(c, policy.Compile(rules, policy.Lists{}), store, clock)
}

// peer is the announce of a leecher at 192.0.2.1:port.
func peer(port uint16) shoal.AnnounceRequest {
	req := shoal.AnnounceRequest{
		InfoHash: shoal.InfoHash{1},
		Addr:     netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), port),
		Left:     1,
		NumWant:  shoal.NumWantDefault,
	}
	copy(req.PeerID[:], "-qB5000-")
	return req
}

func room() shoal.AnnounceResponse {
	return shoal.AnnounceResponse{Peers4: make([]byte, 0, 100*shoal.CompactSize4)}
}

func scrape(t *Tracker, hash shoal.InfoHash) shoal.ScrapeCounts {
	counts := make([]shoal.ScrapeCounts, 1)
	t.Scrape(shoal.AuthKey{}, []shoal.InfoHash{hash}, counts)
	return counts[0]
}

// TestNumWant has ten other peers in the swarm and a default of 4.
func TestNumWant(t *testing.T) {
	c := DefaultConfig()
	c.DefaultNumWant = 4
	tr := newTracker(c, policy.Config{})
	for port := range uint16(10) {
		req, res := peer(1000+port), room()
		tr.Announce(&req, &res)
	}
	tests := []struct {
		name    string
		numWant int
		event   shoal.Event
		want    int
	}{
		{"not said", shoal.NumWantDefault, shoal.EventNone, 4},
		{"none", 0, shoal.EventNone, 0},
		{"less than the default", 3, shoal.EventStarted, 3},
		{"more than the default", 7, shoal.EventCompleted, 7},
		{"more than there are", 50, shoal.EventNone, 10},
		{"leaving", 7, shoal.EventStopped, 0},
		{"leaving, not said", shoal.NumWantDefault, shoal.EventStopped, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, res := peer(2000), room()
			req.NumWant, req.Event = tt.numWant, tt.event
			if f := tr.Announce(&req, &res); f != shoal.OK {
				t.Fatalf("refused: %v", f)
			}
			if got := len(res.Peers4) / shoal.CompactSize4; got != tt.want {
				t.Errorf("%d peers, want %d", got, tt.want)
			}
		})
	}
}

func TestRefusedAnnounceLeavesNoTrace(t *testing.T) {
	tr := newTracker(DefaultConfig(), policy.Config{PortsDenied: []int{22}})
	req, res := peer(22), shoal.AnnounceResponse{Interval: 7, Complete: 8}
	if f := tr.Announce(&req, &res); f != shoal.PortDenied {
		t.Errorf("failure %v, want PortDenied", f)
	}
	if res.Interval != 7 || res.Complete != 8 || res.MinInterval != 0 {
		t.Errorf("the response was written to: %+v", res)
	}
	if got := scrape(tr, req.InfoHash); got != (shoal.ScrapeCounts{}) {
		t.Errorf("the swarm took it in: %+v", got)
	}
}

func TestAnnounceBatch(t *testing.T) {
	tr := newTracker(DefaultConfig(), policy.Config{PortsDenied: []int{22}})
	ports := []uint16{1001, 22, 1002, 1003}
	failures := []shoal.Failure{shoal.OK, shoal.OK, shoal.PacketShort, shoal.OK}
	want := []shoal.Failure{shoal.OK, shoal.PortDenied, shoal.PacketShort, shoal.OK}
	reqs := make([]shoal.AnnounceRequest, len(ports))
	ress := make([]shoal.AnnounceResponse, len(ports))
	for i, port := range ports {
		reqs[i], ress[i] = peer(port), room()
	}
	tr.AnnounceBatch(reqs, ress, failures)
	if !slices.Equal(failures, want) {
		t.Fatalf("failures %v, want %v", failures, want)
	}
	if got := scrape(tr, reqs[0].InfoHash); got.Incomplete != 2 {
		t.Errorf("%d leechers, want the 2 that were not refused", got.Incomplete)
	}
	for i := range ress {
		if answered := ress[i].Interval != 0; answered != (want[i] == shoal.OK) {
			t.Errorf("announce %d, failure %v: interval %d", i, failures[i], ress[i].Interval)
		}
	}
	last := ress[3].Peers4
	if len(last) != 6 || binary.BigEndian.Uint16(last[4:]) != 1001 {
		t.Errorf("the last was given %x, want the first alone", last)
	}
}

// TestResponseUsedAgain answers a torrent that nobody is in with a response that
// still holds another one's counts.
func TestResponseUsedAgain(t *testing.T) {
	tr := newTracker(DefaultConfig(), policy.Config{})
	req := peer(1000)
	req.Event = shoal.EventStopped
	res := shoal.AnnounceResponse{Complete: 7, Incomplete: 8}
	tr.Announce(&req, &res)
	batch := []shoal.AnnounceResponse{{Complete: 7, Incomplete: 8}}
	tr.AnnounceBatch([]shoal.AnnounceRequest{req}, batch, make([]shoal.Failure, 1))
	for _, res := range []shoal.AnnounceResponse{res, batch[0]} {
		if res.Complete != 0 || res.Incomplete != 0 {
			t.Errorf("%d seeders and %d leechers in an empty swarm", res.Complete, res.Incomplete)
		}
	}
}

func TestInterval(t *testing.T) {
	tests := []struct {
		name                  string
		interval, minInterval time.Duration
		low, high, min        uint32 // seconds
	}{
		{"the defaults", 30 * time.Minute, 5 * time.Minute, 1620, 1800, 300},
		{"never below the minimum", 1000 * time.Second, 950 * time.Second, 950, 1000, 950},
		{"the minimum itself", time.Minute, time.Minute, 60, 60, 60},
		{"parts of a second round up", 10*time.Second + time.Millisecond, 500 * time.Millisecond, 10, 11, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.Interval, c.MinInterval = tt.interval, tt.minInterval
			tr := newTracker(c, policy.Config{})
			if got := tr.MinInterval(); got != tt.min {
				t.Errorf("MinInterval() = %d, want %d", got, tt.min)
			}
			seen := make(map[uint32]bool)
			for range 20000 {
				req, res := peer(1000), room()
				tr.Announce(&req, &res)
				seen[res.Interval] = true
				if res.Interval < tt.low || res.Interval > tt.high || res.MinInterval != tt.min {
					t.Fatalf("interval %d, at least %d; want %d to %d, at least %d", res.Interval, res.MinInterval, tt.low, tt.high, tt.min)
				}
			}
			// That one of at most 181 is not drawn in 20,000 has a
			// probability below 181 * (180/181)^20000 < 1e-45.
			if want := int(tt.high - tt.low + 1); len(seen) != want {
				t.Errorf("%d different intervals, want all %d", len(seen), want)
			}
		})
	}
}

func TestConfigure(t *testing.T) {
	c := DefaultConfig()
	tr := newTracker(c, policy.Config{})
	req, res := peer(22), room()
	if f := tr.Announce(&req, &res); f != shoal.OK {
		t.Fatalf("before: %v", f)
	}
	c.Interval, c.MinInterval = 2*time.Hour, time.Hour
	tr.Configure(c, policy.Compile(policy.Config{PortsDenied: []int{22}}, policy.Lists{}))
	if f := tr.Announce(&req, &res); f != shoal.PortDenied {
		t.Errorf("a port that is now denied: %v", f)
	}
	req, res = peer(23), room()
	if f := tr.Announce(&req, &res); f != shoal.OK || res.Interval < 6480 || res.MinInterval != 3600 {
		t.Errorf("failure %v, interval %d, at least %d; want those of the new settings", f, res.Interval, res.MinInterval)
	}
	if got := scrape(tr, req.InfoHash); got.Incomplete != 2 {
		t.Errorf("%d leechers, want 2: settings are not the swarm", got.Incomplete)
	}
}

// TestConfigureWhileServing is for the race detector.
func TestConfigureWhileServing(t *testing.T) {
	tr := newTracker(DefaultConfig(), policy.Config{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			tr.Configure(DefaultConfig(), policy.Compile(policy.Config{PortsDenied: []int{i}}, policy.Lists{}))
		}
	}()
	for port := range uint16(200) {
		req, res := peer(1000+port), room()
		if f := tr.Announce(&req, &res); f != shoal.OK {
			t.Errorf("refused: %v", f)
		}
	}
	<-done
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(c *Config)
		want   []string
	}{
		{"the defaults", func(c *Config) {}, nil},
		{"interval too short", func(c *Config) { c.Interval, c.MinInterval = 9*time.Second, time.Second }, []string{"interval"}},
		{"interval below the minimum", func(c *Config) { c.MinInterval = c.Interval + 1 }, []string{"min_interval"}},
		{"timeout too short", func(c *Config) { c.PeerTimeout = c.Interval }, []string{"peer_timeout"}},
		{"numwant", func(c *Config) { c.DefaultNumWant = 201 }, []string{"default_numwant"}},
		{"details", func(c *Config) { c.PeerDetails = "yes" }, []string{"peer_details"}},
		{"whose claims", func(c *Config) { c.UseIPParam = "always" }, []string{"use_ip_param"}},
		{"whose claims, empty", func(c *Config) { c.UseIPParam = "" }, []string{"use_ip_param"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			tt.change(&c)
			var keys []string
			c.Validate(func(key string, value any, allowed string) { keys = append(keys, key) })
			if !slices.Equal(keys, tt.want) {
				t.Errorf("reported %q, want %q", keys, tt.want)
			}
		})
	}
}
