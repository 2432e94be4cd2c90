package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/wsload"
)

func newWSCommand() *cobra.Command {
	return newCommand(transport{
		name:  "ws",
		short: "Load a WebTorrent tracker over WebSockets",
		long: `Load a WebTorrent tracker over WebSockets, as browsers do. A target of wss://, or
--tls, is loaded over TLS.

Every connection is a peer. All are opened and announce once without offers; then
the load begins: announces with offers, which the tracker hands to others of the
torrent, who answer each, and the tracker passes the answers back. All must come
as they were sent, and to whom they were meant for. What a tracker does not
deliver is counted as lost.

With --idle each connection announces once with its offers, all are held without
traffic for --duration, and announce once more, to see which are still open.

The exit code is 1 when something that came was wrong, or an announce was answered
with an error.`,
		defaults: settings{
			target: "ws://127.0.0.1:6969", connections: 256, torrents: 10,
			numWant: 1, timeout: 5 * time.Second, // there is no numwant but the number of offers
		},
		usage: map[string]string{
			"target":      "`URL`, or HOST:PORT",
			"connections": "connections, all workers together, each with one announce at a time; announces of --rate R that find none free wait, and their latency counts the wait",
			"rate":        "announces a second, sent at fixed times whatever the replies do; max: each reply brings the next announce forth",
			"requests":    "ends after this many announces with offers; 0: by the duration alone",
			"duration":    "how long announces are sent",
			"torrents":    "torrents there are; connections are spread over them evenly",
			"seeders":     "percent of the connections that are seeders, whose offers a tracker may hand to leechers alone",
			"timeout":     "an announce without a reply for this long is lost",
		},
		without: []string{"uniform", "peers", "numwant", "scrape", "scrape-torrents", "fill"},
		flags: func(cmd *cobra.Command, s *settings) {
			f := cmd.Flags()
			f.IntVar(&s.offers, "offers", 10, "offers of an announce")
			f.IntVar(&s.sdp, "sdp", 1500, "`BYTES` of the JSON object of an offer or an answer")
			f.Float64Var(&s.churn, "churn", 0, "connections a second that are closed, every second one without a farewell, and opened again as another peer")
			f.BoolVar(&s.answerReplies, "answer-replies", true, "the tracker replies to an answer as to an announce; false: as some, not at all")
			f.DurationVar(&s.settle, "rest", 0, "silence with all connections open before the load, and again behind it: to look at the tracker's CPU")
			f.BoolVar(&s.idle, "idle", false, "announce once on each of --connections, hold them without traffic for --duration, and announce again on those that are still open")
			s.addTLS(f)
		},
		aim: func(s *settings, named origin) (string, loader, error) {
			if err := s.checkWS(named); err != nil {
				return "", nil, err
			}
			s.held, s.peers = true, uint64(s.connections)
			hostPort, err := s.aimConnections(named, "ws", "/")
			return hostPort, wsload.Run, err
		},
	})
}

// checkWS reports the first setting of WebTorrent that is out of range.
func (s *settings) checkWS(named origin) error {
	for _, rule := range []struct {
		ok   bool
		flag string
	}{
		{s.sdp >= wsload.MinSDP && s.sdp <= wsload.MaxSDP, "sdp"},
		{s.offers >= 0 && s.offers <= wsload.MaxOffers && wsload.AnnounceSize(s.offers, s.sdp) <= wsload.MaxAnnounce, "offers"},
		{s.churn >= 0 && s.churn <= 100_000, "churn"},
		{s.settle >= 0 && s.settle <= time.Minute, "rest"},
	} {
		if !rule.ok {
			return usageError{fmt.Errorf("%s: must %s", named(rule.flag), allowed[rule.flag])}
		}
	}
	if s.idle && s.churn > 0 {
		return usageError{fmt.Errorf("%s: must not be given with --idle, which announces once on each connection", named("churn"))}
	}
	return nil
}
