package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/wsload"
)

// settings are what flags and configuration file say. The keys of the file are
// the names of the flags, with underscores.
type settings struct {
	target      string
	duration    time.Duration
	connections int
	workers     int
	sources     int
	rate        rate
	requests    uint64
	timeout     time.Duration
	nap         time.Duration
	fill        bool
	keepAlive   bool
	segment     bool
	portable    bool
	scheme      string // of the target's URL, as it is without TLS
	path, host  string // of the target's URL
	serverName  string // the host without its port
	idle        bool
	secure      bool // TLS, also where the target does not say so
	insecure    bool
	ca          string
	resume      bool
	tlsMax      string
	postQuantum bool
	tlsConfig   *tls.Config // nil: without TLS
	held        bool        // connections are held open while there are others

	offers, sdp   int
	churn         float64
	answerReplies bool
	settle        time.Duration

	torrents, peers uint64
	uniform         bool
	seeders         float64
	numWant         int
	scrape          float64
	connect         float64
	hashes          int
	seed            uint64
	mine            bool // the user says that the tracker is theirs
}

// The defaults of the transports whose peers are no connections.
const (
	manyTorrents = 1_000_000
	mostSeeders  = 75 // percent of the peers
)

// addTo adds the flags that every transport has, with its defaults.
func (s *settings) addTo(f *pflag.FlagSet, d settings) {
	f.SortFlags = false
	f.StringVar(&s.target, "target", d.target, d.target)
	f.DurationVar(&s.duration, "duration", 10*time.Second, "how long requests are sent")
	f.IntVar(&s.connections, "connections", d.connections, "")
	f.IntVar(&s.workers, "workers", 0, "threads, at most one for each source address; 0: half of the cores")
	f.Var(&s.rate, "rate", "requests a second, sent at fixed times whatever the answers do; max: each answer brings the next request forth")
	f.Uint64Var(&s.requests, "requests", 0, "ends after this many requests; 0: by the duration alone")
	f.Uint64Var(&s.torrents, "torrents", d.torrents, "torrents there are; how popular they are falls as 1/rank (Zipf)")
	f.BoolVar(&s.uniform, "uniform", false, "all torrents are as popular: with many more torrents than peers, a spray of info hashes that nobody else has")
	f.Uint64Var(&s.peers, "peers", 2_000_000, "peers there are, all torrents together")
	f.Float64Var(&s.seeders, "seeders", d.seeders, "percent of the peers that are seeders")
	f.IntVar(&s.numWant, "numwant", d.numWant, "peers that an announce asks for")
	f.Float64Var(&s.scrape, "scrape", 0, "percent of the requests that are scrapes")
	f.IntVar(&s.hashes, "scrape-torrents", 5, "torrents that a scrape names")
	f.IntVar(&s.sources, "sources", 0, "addresses that peers announce from: 127.64.0.1 and those that follow if the target is on loopback, the machine's own if not; 0: enough to tell the peers apart on loopback, 1 elsewhere")
	f.DurationVar(&s.timeout, "timeout", d.timeout, "a request without an answer for this long is lost")
	f.DurationVar(&s.nap, "nap", 100*time.Microsecond, "rest between looks for answers under load, so that they gather; adds to the latency; 0: none")
	f.BoolVar(&s.fill, "fill", false, "announce every peer once, and once more where no answer came, and end: fills a tracker, to measure its memory")
	f.BoolVar(&s.portable, "portable", false, "use what every platform has, even on Linux: much slower")
	f.Uint64Var(&s.seed, "seed", 0, "what peers and torrents are computed from; 0: drawn, so that no two runs meet")
	f.BoolVar(&s.mine, "i-run-this-tracker", false, "allow a target that is neither on this machine nor in a private network")
}

// The bounds of --rate; there is no clock for less time between requests.
const (
	minRate = 1
	maxRate = 1e9
)

// allowed says what the flags may be.
var allowed = map[string]string{
	"duration":        "be a duration above 0 with a unit, such as 90s",
	"connections":     "be 1 to 1048576",
	"workers":         "be 0 to 1024",
	"sources":         fmt.Sprintf("be 0 to %d", maxSources),
	"rate":            "be max, or 1 to 1e9",
	"requests":        "be a whole number from 0",
	"torrents":        "be 1 to 2^40",
	"peers":           "be 1 to 2^40",
	"seeders":         "be 0 to 100",
	"scrape":          "be 0 to 100",
	"connect":         "be 0 to 100, together with --scrape",
	"numwant":         "be 1 to 1000",
	"scrape-torrents": "be 1 to 74",
	"timeout":         "be 1ms to 10m",
	"nap":             "be 0s to 100ms",
	"seed":            "be a whole number from 0",
	"tls-max":         "be 1.2 or 1.3",
	"offers":          fmt.Sprintf("be 0 to %d, and no more than fit into an announce of %d bytes", wsload.MaxOffers, wsload.MaxAnnounce),
	"sdp":             fmt.Sprintf("be %d to %d", wsload.MinSDP, wsload.MaxSDP),
	"churn":           "be 0 to 100000",
	"rest":            "be 0s to 1m",
}

// must says what a flag may be, which does not take the value it was given.
func must(f *pflag.Flag) string {
	if f.Value.Type() == "bool" {
		return "must be true or false"
	}
	return "must " + allowed[f.Name]
}

// origin names a setting, where it stands, and its value.
type origin func(flag string) string

// check reports the first setting out of range.
func (s *settings) check(named origin) error {
	percent := func(v float64) bool { return v >= 0 && v <= 100 }
	for _, rule := range []struct {
		ok   bool
		flag string
	}{
		{s.duration > 0, "duration"},
		{s.connections >= 1 && s.connections <= 1<<20, "connections"},
		{s.workers >= 0 && s.workers <= 1024, "workers"},
		{s.sources >= 0 && s.sources <= maxSources, "sources"},
		{s.torrents >= 1 && s.torrents <= 1<<40, "torrents"},
		{s.peers >= 1 && s.peers <= 1<<40, "peers"},
		{percent(s.seeders), "seeders"},
		{percent(s.scrape), "scrape"},
		{percent(s.scrape+s.connect) && s.connect >= 0, "connect"},
		{s.numWant >= 1 && s.numWant <= 1000, "numwant"},
		{s.hashes >= 1 && s.hashes <= 74, "scrape-torrents"},
		{s.timeout >= time.Millisecond && s.timeout <= 10*time.Minute, "timeout"},
		{s.nap >= 0 && s.nap <= 100*time.Millisecond, "nap"},
	} {
		if !rule.ok {
			return usageError{fmt.Errorf("%s: must %s", named(rule.flag), allowed[rule.flag])}
		}
	}
	if s.fill && s.requests > 0 {
		return usageError{fmt.Errorf("%s: must not be given with --fill, which knows how many there are", named("requests"))}
	}
	return nil
}

// rate is a number of requests a second; 0 is max.
type rate float64

func (r *rate) String() string {
	if *r == 0 {
		return "max"
	}
	return strconv.FormatFloat(float64(*r), 'g', -1, 64)
}

func (r *rate) Set(text string) error {
	if text == "max" {
		*r = 0
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= minRate && v <= maxRate) { // a NaN is neither
		return errors.New("must " + allowed["rate"])
	}
	*r = rate(v)
	return nil
}

func (r *rate) Type() string { return "R|max" }
